"""Following a log: its last lines first, then each new line once, whatever happens to the file."""

import os
from pathlib import Path

import pytest

from devstack.tail import Tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "part.log"
    path.write_text("one\ntwo\nthree\n")
    return path


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (2, ["two", "three"]), (9, ["one", "two", "three"])]
)
def test_the_last_lines_come_first(log: Path, count: int, expected: list[str]) -> None:
    tail = Tail(log, count)
    assert list(tail.new_lines()) == expected
    tail.close()


def test_a_line_comes_once_and_only_when_it_is_complete(log: Path) -> None:
    tail = Tail(log, 0)
    assert list(tail.new_lines()) == []
    append(log, "fo")
    assert list(tail.new_lines()) == []
    append(log, "ur\nfive\n")
    assert list(tail.new_lines()) == ["four", "five"]
    assert list(tail.new_lines()) == []
    tail.close()


def test_a_log_that_was_replaced_or_emptied_is_read_anew(log: Path) -> None:
    tail = Tail(log, 0)
    assert list(tail.new_lines()) == []
    log.rename(log.with_suffix(".1"))
    assert list(tail.new_lines()) == []
    log.write_text("new\n")
    assert list(tail.new_lines()) == ["new"]
    os.truncate(log, 0)
    append(log, "x\n")
    assert list(tail.new_lines()) == ["x"]
    tail.close()


def test_a_log_may_appear_later(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "later.log", 10)
    assert list(tail.new_lines()) == []
    (tmp_path / "later.log").write_text("here\n")
    assert list(tail.new_lines()) == ["here"]
    tail.close()
