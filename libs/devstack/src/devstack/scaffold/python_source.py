"""Additions to Python files that are there, found by their syntax; ruff brings them into shape.

Each function takes the text of a file and returns the new one. What is not there to be added to
is told by name: a team may have written its service anew.
"""

import ast

from devstack.scaffold.errors import ScaffoldError


def add_import(text: str, statement: str) -> str:
    """Add an import behind those that are there."""
    body = ast.parse(text).body
    last = max(n.end_lineno or 0 for n in body if isinstance(n, ast.Import | ast.ImportFrom))
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:last], f"{statement}\n", *lines[last:]])


def add_before(text: str, variable: str, code: str) -> str:
    """Put code before the assignment to a variable of the module."""
    first = _assigned(text, variable).lineno - 1
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:first], code.rstrip("\n"), "\n\n\n", *lines[first:]])


def add_item(text: str, variable: str, item: str) -> str:
    """Put an item first into the tuple, list or dictionary that a variable of the module is.

    A call is looked into: what counts is its first argument.
    """
    value = _assigned(text, variable).value
    if isinstance(value, ast.Call):
        value = value.args[0]
    if not isinstance(value, ast.Tuple | ast.List | ast.Dict):
        raise ScaffoldError(f"{variable} is no list of items that can be added to")
    empty = not (value.keys if isinstance(value, ast.Dict) else value.elts)
    opened = _offset(text, value.lineno, value.col_offset) + 1
    return f"{text[:opened]}{item}{'' if empty else ', '}{text[opened:]}"


def add_member(text: str, class_name: str, field: str, argument: str) -> str:
    """Add a field to a dataclass, and the argument that fills it to the call of `cls` in it."""
    found = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef)]
    classes = [node for node in found if node.name == class_name]
    calls = [
        node
        for owner in classes
        for node in ast.walk(owner)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cls"
    ]
    fields = [node for owner in classes for node in owner.body if isinstance(node, ast.AnnAssign)]
    if not calls or not fields:
        raise ScaffoldError(f"there is no class {class_name} with fields and a call of cls")
    last = calls[0].args[-1]
    end = _offset(text, last.end_lineno or 0, last.end_col_offset or 0)
    text = f"{text[:end]}, {argument}{text[end:]}"
    lines = text.splitlines(keepends=True)
    after = fields[-1].end_lineno or 0
    return "".join([*lines[:after], f"    {field}\n", *lines[after:]])


def add_leaf(text: str, branch: str, leaf: str) -> str:
    """Add a name to the tree of errors that the docstring of a module draws."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.lstrip("├─└ ").startswith(branch):
            rest = line.rstrip("\n").partition(branch)
            named = f"{rest[2].strip()}, {leaf}".removeprefix(", ")
            lines[number] = f"{rest[0]}{branch}   {named}\n"
            return "".join(lines)
    raise ScaffoldError(f"the tree of errors has no branch {branch}")


def has_class(text: str, name: str) -> bool:
    """Tell whether a module defines a class of this name."""
    return any(isinstance(n, ast.ClassDef) and n.name == name for n in ast.parse(text).body)


def _assigned(text: str, variable: str) -> ast.Assign | ast.AnnAssign:
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        if any(isinstance(each, ast.Name) and each.id == variable for each in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign)  # noqa: S101 - it has targets
            return node
    raise ScaffoldError(f"{variable} is not assigned")


def _offset(text: str, line: int, column: int) -> int:
    """Return the index of a place that the syntax tree counts in lines and bytes of UTF-8."""
    lines = text.splitlines(keepends=True)
    inside = lines[line - 1].encode()[:column].decode()
    return sum(map(len, lines[: line - 1])) + len(inside)
