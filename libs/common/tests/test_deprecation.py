"""What goes warns for one minor version, and is gone in the next."""

import asyncio
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from common.deprecation import DEPRECATIONS, deprecated, moved, overdue
from devstack.documents.sources import import_all

LIBRARY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def own_deprecations() -> Iterator[None]:
    """Forget what the test deprecates."""
    before = list(DEPRECATIONS)
    yield
    DEPRECATIONS[:] = before


@pytest.fixture
def version() -> str:
    project = tomllib.loads((LIBRARY / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def test_a_function_that_goes_works_and_names_its_successor() -> None:
    @deprecated(since="0.4", instead="use common.sums.total")
    def add(one: int, other: int) -> int:
        return one + other

    with pytest.warns(
        DeprecationWarning, match=r"add is .* since 0\.4 and gone in 0\.5: use"
    ) as all_:
        assert add(1, 2) == 3
    assert all_[0].filename == __file__


async def test_a_coroutine_function_that_goes_stays_one() -> None:
    @deprecated(since="0.4", instead="use another")
    async def fetch() -> int:
        await asyncio.sleep(0)
        return 7

    with pytest.warns(DeprecationWarning, match="fetch"):
        assert await fetch() == 7


def test_a_class_that_goes_can_be_made() -> None:
    @deprecated(since="1.9", instead="use another")
    class Old:
        pass

    with pytest.warns(DeprecationWarning, match=r"Old is deprecated since 1\.9 and gone in 1\.10"):
        assert isinstance(Old(), Old)


def test_a_name_that_has_moved_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("common.old_place")
    names = {"now": "common.clock.utc_now"}
    vars(module)["__getattr__"] = moved(module.__name__, since="0.4", names=names)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    with pytest.warns(DeprecationWarning, match=r"old_place\.now .* use common\.clock\.utc_now"):
        found = module.now
    assert found.__name__ == "utc_now"
    with pytest.raises(AttributeError, match="no attribute 'then'"):
        _ = module.then


@pytest.mark.parametrize(
    ("version", "due"),
    [("0.4.0", False), ("0.4.9", False), ("0.5.0", True), ("0.10.0", True), ("1.0.0", True)],
)
def test_what_was_deprecated_is_due_in_the_next_minor_version(version: str, due: bool) -> None:  # noqa: FBT001
    DEPRECATIONS.clear()

    @deprecated(since="0.4", instead="use another")
    def old() -> None:
        """Go soon."""

    assert bool(overdue(version)) is due


def test_nothing_is_there_that_ought_to_be_gone(version: str) -> None:
    import_all("common")
    assert overdue(version) == []


def test_the_changelog_tells_of_the_version(version: str) -> None:
    changelog = (LIBRARY / "CHANGELOG.md").read_text()
    assert re.findall(r"^## \[(.+)\]", changelog, re.MULTILINE)[:2] == ["Unreleased", version]
