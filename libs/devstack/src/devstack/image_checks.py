"""Whether an image holds what its service imports: it is built without the development group."""

import ast
import re
import sys
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from importlib.metadata import packages_distributions
from pathlib import Path


def installed_packages(exported: str) -> frozenset[str]:
    """The names in what `uv export` printed."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)==", exported, flags=re.MULTILINE)
    return frozenset(_normal(name) for name in lines)


def missing_packages(
    sources: Iterable[Path], installed: AbstractSet[str], own: AbstractSet[str]
) -> list[str]:
    """What `sources` import that is neither installed, nor Python's, nor a package in `own`."""
    providers = {
        module: {_normal(name) for name in names}
        for module, names in packages_distributions().items()
    }
    here = own | sys.stdlib_module_names
    return [
        f"{path.name} imports {module}, which the image lacks"
        for path in sorted(sources)
        for module in sorted(_imported(path) - here)
        if not providers.get(module, set()) & installed
    ]


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
