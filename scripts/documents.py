"""Writes or checks what is generated from the code: docs/{events,errors,settings}.md and more.

`make docs` writes, each service's OpenAPI documents first; with --check nothing is written and a
difference fails, but for these, which each service's own tests check. A published event that
changed in a way its consumers would not understand fails both.
"""

import argparse
import difflib
import sys
from itertools import islice
from pathlib import Path

from common.http.openapi import write
from devstack.catalog import load_catalog
from devstack.documents import documents

ROOT = Path(__file__).resolve().parents[1]
SHOWN_LINES = 20


def difference(path: Path, text: str) -> str:
    """Return the first lines of the difference between a file and what it ought to be."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    name = str(path.relative_to(ROOT))
    lines = difflib.unified_diff(
        before.splitlines(), text.splitlines(), name, f"{name} (generated)", n=1, lineterm=""
    )
    return "\n".join(islice(lines, SHOWN_LINES))


def main() -> int:
    """Write the documents or check them; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    if not check:
        for service in load_catalog(ROOT):
            write(service.package, ROOT / "services" / service.name)
    try:
        wanted = documents(ROOT)
    except ValueError as error:
        print(error)
        return 1
    drift = {path: found for path, text in wanted.items() if (found := difference(path, text))}
    for path, found in drift.items():
        if check:
            print(found)
        else:
            path.write_text(wanted[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    if check and drift:
        print("documents are not current: run `make docs` and commit what it writes")
    return int(check and bool(drift))


if __name__ == "__main__":
    sys.exit(main())
