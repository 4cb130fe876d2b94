"""The table of requirements is whole: what it leaves out, nobody would miss."""

from pathlib import Path

from devstack.documents import security

ROOT = Path(__file__).parents[2]
# How many rows of levels 1 and 2 each section of ASVS 5.0 has; those of level 3 come after them.
ASVS = {
    "2.1": 3,
    "2.2": 3,
    "2.3": 4,
    "2.4": 1,
    "4.1": 3,
    "4.2": 1,
    "4.3": 2,
    "4.4": 4,
    "6.1": 3,
    "6.2": 12,
    "6.3": 4,
    "6.4": 4,
    "6.5": 5,
    "6.6": 3,
    "6.8": 4,
    "7.1": 3,
    "7.2": 4,
    "7.3": 2,
    "7.4": 5,
    "7.5": 2,
    "7.6": 2,
    "8.1": 2,
    "8.2": 3,
    "8.3": 1,
    "8.4": 1,
    "9.1": 3,
    "9.2": 4,
    "11.1": 2,
    "11.2": 3,
    "11.3": 3,
    "11.4": 4,
    "11.5": 1,
    "11.6": 1,
}
# The practices of RFC 8725 are its third section; those of RFC 9700 its second, and its attacks.
RFC_8725 = {f"3.{number}" for number in range(1, 13)}
RFC_9700 = {"2.1", "2.1.1", "2.1.2", "2.2.1", "2.2.2", "2.3", "2.4", "2.5", "2.6"} | {
    f"4.{number}" for number in range(1, 18)
}


def test_every_row_is_there() -> None:
    standards = security.read_standards(ROOT)

    expected = {f"{section}.{n}" for section, count in ASVS.items() for n in range(1, count + 1)}
    assert standards["ASVS"].rows.keys() == expected
    assert {row.level for row in standards["ASVS"].rows.values()} == {1, 2}
    assert standards["RFC 8725"].rows.keys() == RFC_8725
    assert standards["RFC 9700"].rows.keys() == RFC_9700


def test_every_row_has_one_decision() -> None:
    assert security.complaints(security.read_standards(ROOT), security.read_marks(ROOT)) == []


def test_the_table_is_in_the_document() -> None:
    text = security.render(security.read_standards(ROOT), security.read_marks(ROOT), ROOT)

    assert (ROOT / "docs" / "security.md").read_text(encoding="utf-8") == text
