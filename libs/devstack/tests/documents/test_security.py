"""What standards ask for is decided row by row, and no decision contradicts the tests."""

from pathlib import Path

import pytest

from devstack.documents import security

ROWS = """
[STD]
title = "A standard"
[STD.rows]
"1.1" = {{ level = 1, asks = "The door is closed." }}
[STD.rows."1.2"]
level = 2
asks = "The window is closed."
{decision}
"""
TEST = """
import pytest

@pytest.mark.requirement({requirements})
async def {name}() -> None:
    pass
"""


def checkout(
    root: Path, *, requirements: str, decision: str, name: str = "test_it_is_closed"
) -> Path:
    """A checkout with one test, which holds these requirements."""
    for file, text in (
        (root / security.REQUIREMENTS, ROWS.format(decision=decision)),
        (
            root / "services" / "house" / "tests" / "api" / "test_doors.py",
            TEST.format(requirements=requirements, name=name),
        ),
    ):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    return root


@pytest.mark.parametrize(
    ("requirements", "decision", "complaint"),
    [
        ("'STD 1.1'", "later = 'It has none.'", None),
        ("'STD 1.1', 'STD 1.2'", "", None),
        ("'STD 1.1'", "", "STD 1.2 has no test, and no reason why not"),
        ("'STD 1.1', 'STD 1.2'", "later = 'x'", "STD 1.2 is decided in two ways"),
        ("'STD 1.1', 'STD 1.2'", "not_applicable = 'x'", "STD 1.2 is decided in two ways"),
        ("'STD 1.1'", "later = 'x'\nnot_applicable = 'x'", "STD 1.2 is decided in two ways"),
        (
            "'STD 1.1', 'STD 1.3'",
            "later = 'x'",
            "test_doors.py marks test_it_is_closed as a test of STD 1.3, which is no row",
        ),
    ],
)
def test_each_row_has_one_decision(
    tmp_path: Path, requirements: str, decision: str, complaint: str | None
) -> None:
    root = checkout(tmp_path, requirements=requirements, decision=decision)

    found = security.complaints(security.read_standards(root), security.read_marks(root))

    assert found == ([] if complaint is None else [complaint])


def test_only_tests_hold_something(tmp_path: Path) -> None:
    requirements = "'STD 1.1', 'STD 1.2'"
    root = checkout(tmp_path, requirements=requirements, decision="", name="close_it")

    found = security.complaints(security.read_standards(root), security.read_marks(root))

    assert set(found) == {"test_doors.py marks close_it, which is no test"}


def test_rows_are_shown_with_their_tests_or_reasons(tmp_path: Path) -> None:
    root = checkout(tmp_path, requirements="'STD 1.1'", decision="later = 'It has none yet.'")

    text = security.render(security.read_standards(root), security.read_marks(root), root)

    assert "| A standard | 2 | 1 | 0 | 1 |" in text
    assert (
        "| 1.1 (L1) | The door is closed. |"
        " [test_it_is_closed](../services/house/tests/api/test_doors.py) |"
    ) in text
    assert "| 1.2 (L2) | The window is closed. | **later**: It has none yet. |" in text
