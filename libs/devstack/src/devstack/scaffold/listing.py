"""Files that list services line by line: a new one is written like one that is there.

An item is a line that names one service, with the lines below it that are indented further. What
the model has in a list or in a mapping, the new service gets at its end.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Item:
    """Lines of a file: `first` names the service, `last` is the last one that is no blank."""

    first: int
    last: int
    indent: int
    services: frozenset[str]


def add_service(text: str, name: str, *, model: str, services: Iterable[str]) -> str:
    """Return a file in which `name` stands wherever `model` stands.

    Args:
        text: What the file says now.
        name: The new service.
        model: The service whose items are copied.
        services: All that are listed already.
    """
    known = frozenset(services)
    lines = text.splitlines(keepends=True)
    items = _items(lines, known)
    added: dict[int, list[str]] = {}
    for group in _groups(lines, items):
        own = [item for item in group if item.services == {model}]
        if own:
            added[group[-1].last] = _copy(lines, own, group[-1], model, name)
    result = []
    for number, line in enumerate(lines):
        result += [line, *added.get(number, [])]
    return "".join(result)


def remove_service(text: str, name: str) -> str:
    """Return a file without the items of `name`: the inverse of `add_service`."""
    lines = text.splitlines(keepends=True)
    gone: set[int] = set()
    for item in _items(lines, frozenset({name})):
        first = item.first
        # Items that blank lines separate take the one before them along.
        if first and not lines[first - 1].strip():
            first -= 1
        gone.update(range(first, item.last + 1))
    return "".join(line for number, line in enumerate(lines) if number not in gone)


def names(line: str, services: Iterable[str]) -> frozenset[str]:
    """Return which of the services a line names outside its comment, in whatever case."""
    words = set(re.split(r"[^A-Za-z0-9]+", re.sub(r"(^|\s)#.*", "", line)))
    return frozenset(each for each in services if {each, each.upper()} & words)


def _items(lines: Sequence[str], services: frozenset[str]) -> list[_Item]:
    """Return the items of single services, but for those inside another one's."""
    found: list[_Item] = []
    for number, line in enumerate(lines):
        if found and number <= found[-1].last:
            continue
        named = names(line, services)
        if len(named) == 1:
            found.append(_Item(number, _end(lines, number), _indent(line), named))
    return found


def _groups(lines: Sequence[str], items: Sequence[_Item]) -> list[list[_Item]]:
    """Return the items that follow each other at one depth, with blank lines between at most."""
    groups: list[list[_Item]] = []
    for item in items:
        before = groups[-1][-1] if groups else None
        if before and before.indent == item.indent and not _text(lines, before, item):
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def _copy(
    lines: Sequence[str], own: Sequence[_Item], last: _Item, model: str, name: str
) -> list[str]:
    """Return the model's items for the new service, separated as they are after the last one."""
    separated = any(item.first and not lines[item.first - 1].strip() for item in own)
    copied = [] if lines[last.last].endswith("\n") else ["\n"]
    for item in own:
        block = lines[item.first : item.last + 1]
        copied += ["\n"] * separated + [renamed(line, model, name) for line in block]
    return copied


def renamed(text: str, model: str, name: str) -> str:
    """Return a text that says of one service what it says of another."""
    for spelt in (str.lower, str.upper, str.capitalize):
        old, new = spelt(model), spelt(name)
        text = re.sub(rf"(?<![A-Za-z0-9]){old}(?![A-Za-z0-9])", new, text)
    return text


def _end(lines: Sequence[str], first: int) -> int:
    last = first
    for number in range(first + 1, len(lines)):
        if lines[number].strip():
            if _indent(lines[number]) <= _indent(lines[first]):
                break
            last = number
    return last


def _text(lines: Sequence[str], before: _Item, item: _Item) -> str:
    return "".join(lines[before.last + 1 : item.first]).strip()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
