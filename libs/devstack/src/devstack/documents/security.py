"""docs/security.md: what security standards ask for, and which tests hold it.

The rows stand in tests/security/requirements.toml. A test says itself which of them it holds, by
`@pytest.mark.requirement("ASVS 6.2.1")`; the sources are read for that, and nothing is run.
"""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from devstack.documents.markdown import link, page, table

REQUIREMENTS: Final = Path("tests/security/requirements.toml")

_TESTS: Final = (
    "libs/common/src/common/testing/*.py",
    "libs/*/tests/**/*.py",
    "services/*/tests/**/*.py",
    "tests/**/*.py",
)
_MARK: Final = "pytest.mark.requirement"
_INTRODUCTION: Final = """\
What the standards ask for, in our words, and what holds it here: tests that fail when it is
violated, each of which names the rows that it holds. The rest does not apply, or comes later; the
reason says why. Whoever may call which route is in [access.md](access.md), what there is to log in
with, and how keys live, in [identity.md](identity.md)."""


class Row(BaseModel):
    """What a standard asks for, and why no test holds it if none does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asks: str = Field(min_length=1)
    level: int | None = None
    not_applicable: str | None = None
    later: str | None = None


class Standard(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    rows: dict[str, Row]


type Standards = Mapping[str, Standard]

_standards: Final = TypeAdapter(dict[str, Standard])


@dataclass(frozen=True, slots=True)
class Mark:
    """A test says that it holds a requirement."""

    requirement: str
    test: str
    file: Path


def read_standards(root: Path) -> Standards:
    """Return the standards of the checkout at `root`, by the name that marks begin with."""
    text = (root / REQUIREMENTS).read_text(encoding="utf-8")
    return _standards.validate_python(tomllib.loads(text))


def read_marks(root: Path) -> list[Mark]:
    """Return all marks of the checkout at `root`, file by file."""
    files = sorted({file for pattern in _TESTS for file in root.glob(pattern)})
    return [mark for file in files for mark in _marks_of(file)]


def complaints(standards: Standards, marks: Sequence[Mark]) -> list[str]:
    """Return what is undecided or contradictory about the requirements."""
    rows = dict(_rows(standards))
    held = {mark.requirement for mark in marks}
    found = [
        f"{mark.file.name} marks {mark.test} as a test of {mark.requirement}, which is no row"
        for mark in marks
        if mark.requirement not in rows
    ]
    found += [
        f"{mark.file.name} marks {mark.test}, which is no test"
        for mark in marks
        if not mark.test.startswith("test_")
    ]
    for name, row in rows.items():
        decisions = [name in held, row.not_applicable is not None, row.later is not None]
        if sum(decisions) == 0:
            found.append(f"{name} has no test, and no reason why not")
        elif sum(decisions) > 1:
            found.append(f"{name} is decided in two ways")
    return found


def render(standards: Standards, marks: Sequence[Mark], root: Path) -> str:
    """Return the document."""
    tests = defaultdict(list)
    for mark in marks:
        tests[mark.requirement].append(mark)
    sections = [
        f"## {standard.title}\n\n" + _section(name, standard, tests, root)
        for name, standard in standards.items()
    ]
    return page("Security", _INTRODUCTION, _summary(standards), *sections)


def _rows(standards: Standards) -> Iterator[tuple[str, Row]]:
    for name, standard in standards.items():
        for number, row in standard.rows.items():
            yield f"{name} {number}", row


def _marks_of(file: Path) -> Iterator[Mark]:
    source = file.read_text(encoding="utf-8")
    if _MARK not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for requirement in _marked(node):
                yield Mark(requirement, node.name, file)


def _marked(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == _MARK:
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def _summary(standards: Standards) -> str:
    rows = []
    for standard in standards.values():
        members = standard.rows.values()
        absent = sum(row.not_applicable is not None for row in members)
        later = sum(row.later is not None for row in members)
        counts = [len(members), len(members) - absent - later, absent, later]
        rows.append([standard.title, *map(str, counts)])
    return table(["standard", "rows", "held by tests", "not applicable", "later"], rows)


def _section(name: str, standard: Standard, tests: Mapping[str, Sequence[Mark]], root: Path) -> str:
    rows = [
        [_number(number, row), row.asks, _decision(row, tests.get(f"{name} {number}", ()), root)]
        for number, row in standard.rows.items()
    ]
    return table(["row", "asks", "decision"], rows)


def _number(number: str, row: Row) -> str:
    return number if row.level is None else f"{number} (L{row.level})"


def _decision(row: Row, marks: Sequence[Mark], root: Path) -> str:
    if row.not_applicable is not None:
        return f"**not applicable**: {row.not_applicable}"
    if row.later is not None:
        return f"**later**: {row.later}"
    return ", ".join(link(mark.test, mark.file, root) for mark in marks)
