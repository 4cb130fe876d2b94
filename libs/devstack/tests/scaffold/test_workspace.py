"""What differs in the copy comes into the checkout whole, or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.scaffold import workspace as workspaces
from devstack.scaffold.errors import ScaffoldError
from devstack.scaffold.workspace import PREFIX, Changes, Workspace, open_workspace, recover

BEFORE = {
    "README.md": "old",
    "services/users/app.py": "users",
    "services/old/app.py": "old",
    "services/old/deep/er.py": "old",
}
AFTER = {"README.md": "new", "services/users/app.py": "users", "services/new/app.py": "new"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in BEFORE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "services/old/__pycache__").mkdir()
    (tmp_path / "services/old/__pycache__/app.pyc").write_bytes(b"x")
    return tmp_path


@pytest.fixture
def workspace(root: Path) -> Iterator[Workspace]:
    """A copy in which a folder has come, one has gone, and a file says something else."""
    with open_workspace(root) as opened:
        (opened.tree / "README.md").write_text("new")
        (opened.tree / "services/new").mkdir()
        (opened.tree / "services/new/app.py").write_text("new")
        (opened.tree / "services/old/app.py").unlink()
        (opened.tree / "services/old/deep/er.py").unlink()
        yield opened


def texts(root: Path) -> dict[str, str]:
    found = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    own = (path for path in found if not {"__pycache__"} & set(path.parts))
    return {str(path): (root / path).read_text() for path in own if PREFIX not in str(path)}


def test_what_differs_is_moved_into_the_checkout(root: Path, workspace: Workspace) -> None:
    changes = workspace.apply()

    assert texts(root) == AFTER
    assert not (root / "services/old").exists()
    assert changes == Changes(
        created=("services/new/app.py",),
        changed=("README.md",),
        removed=("services/old/app.py", "services/old/deep/er.py"),
    )
    assert (workspace.before / "services/old/deep/er.py").read_text() == "old"


def test_whatever_fails_before_the_moves_leaves_the_checkout_as_it_was(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_workspace(root) as opened:
        (opened.tree / "README.md").write_text("new")
        raise KeyboardInterrupt

    assert texts(root) == BEFORE
    assert not list(root.glob(f"{PREFIX}*"))


@pytest.mark.parametrize("moves", range(5))
def test_an_error_in_the_middle_of_the_moves_is_undone(
    root: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    _fail_after(monkeypatch, moves)
    with pytest.raises(OSError, match="disk is full"):
        workspace.apply()

    assert texts(root) == BEFORE
    assert not (root / "services/new").exists()


@pytest.mark.parametrize("moves", range(5))
def test_the_next_command_undoes_what_a_kill_left(
    root: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(workspaces, "undo", lambda *_: None)
        _fail_after(patch, moves)
        with pytest.raises(OSError, match="disk is full"):
            workspace.apply()

    recover(root)
    assert texts(root) == BEFORE
    workspace.folder.mkdir()  # The fixture removes what the next command has removed.


def test_a_journal_that_was_being_written_tells_that_nothing_had_moved(root: Path) -> None:
    (root / f"{PREFIX}killed").mkdir()
    (root / f"{PREFIX}killed/journal.json").write_text('{"created": ["READ')

    recover(root)
    assert texts(root) == BEFORE


def test_two_commands_at_once_are_one_too_many(root: Path, workspace: Workspace) -> None:
    with pytest.raises(ScaffoldError, match="another command"), open_workspace(root):
        pass
    assert workspace.folder.exists()


def _fail_after(monkeypatch: pytest.MonkeyPatch, moves: int) -> None:
    """Let the disk be full at a move, and have room again for what undoes it."""
    real, done = workspaces.move, 0

    def move(source: Path, target: Path) -> None:
        nonlocal done
        done += 1
        if done == moves + 1:
            raise OSError("the disk is full")
        real(source, target)

    monkeypatch.setattr(workspaces, "move", move)
