"""Checks the documents: their links, their headings, and names that only the code can know."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
TEST = re.compile(r"`((?:libs|services|tests)/[\w./-]+\.py)(?:::(\w+))?`")
HEADINGS = ["Purpose", "Owns", "HTTP", "Emits", "Consumes", "Settings", "Runbook"]
ADR_HEADINGS = ["Context", "Decision", "Consequences", "Alternatives", "Enforced by"]
RUNBOOK_HEADINGS = ["Symptom", "Check", "Fix", "Verify", "Prevent"]
# Log events, metrics, tables, settings: what an operator looks for must be what the code says.
NAME = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")
FOREIGN_NAMES = {"wait_event"}  # A column of PostgreSQL's own.


def listed(*patterns: str) -> list[Path]:
    """Return the files of the tree that match."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in found.stdout.split() if (ROOT / line).exists()]


@cache
def known_names() -> set[str]:
    """Return every name of several words in the sources."""
    sources = listed("*.py", "*.toml", "*.yaml", "*.yml", "Makefile")
    return FOREIGN_NAMES.union(*(NAME.findall(path.read_text("utf-8")) for path in sources))


def headings(text: str) -> list[str]:
    """Return the second-level headings of a document."""
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


def expected_headings(path: Path) -> list[str] | None:
    """Return the headings a document must have, None where it is free."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "services" and path.name == "README.md":
        return HEADINGS
    if parts[:2] == ("docs", "adr"):
        return ADR_HEADINGS
    return RUNBOOK_HEADINGS if parts[:2] == ("docs", "runbooks") else None


def complaints(path: Path) -> list[str]:
    """Return what is wrong with a document."""
    text = path.read_text(encoding="utf-8")
    found = [
        f"the link {link} leads nowhere"
        for link in LINK.findall(text)
        if not (path.parent / link).exists()
    ]
    for name, test in TEST.findall(text):
        if not (ROOT / name).exists():
            found.append(f"{name} does not exist")
        elif test and not re.search(rf"def {test}\b|class {test}\b", (ROOT / name).read_text()):
            found.append(f"{name} has no {test}")
    wanted = expected_headings(path)
    if wanted is not None and headings(text) != wanted:
        found.append(f"the headings are {headings(text)}, not {wanted}")
    if wanted in (HEADINGS, RUNBOOK_HEADINGS):
        unknown = sorted(set(NAME.findall(text)) - known_names())
        found += [f"nothing in the code is called {name}" for name in unknown]
    return found


def main() -> int:
    """Print every complaint; return 1 if there is one."""
    lines = [
        f"{path.relative_to(ROOT)}: {line}" for path in listed("*.md") for line in complaints(path)
    ]
    print("\n".join(lines))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
