"""Checks the documents: links lead somewhere, services' READMEs have their seven headings."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
TEST = re.compile(r"`((?:libs|services|tests)/[\w./-]+\.py)(?:::(\w+))?`")
HEADINGS = ["Purpose", "Owns", "HTTP", "Emits", "Consumes", "Settings", "Runbook"]
ADR_HEADINGS = ["Context", "Decision", "Consequences", "Alternatives", "Enforced by"]
RUNBOOK_HEADINGS = ["Symptom", "Check", "Fix", "Verify", "Prevent"]


def documents() -> list[Path]:
    """Return the Markdown files of the tree."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.split() if (ROOT / line).exists()]


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
    return found


def main() -> int:
    """Print every complaint; return 1 if there is one."""
    lines = [
        f"{path.relative_to(ROOT)}: {line}" for path in documents() for line in complaints(path)
    ]
    print("\n".join(lines))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
