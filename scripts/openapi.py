"""Writes or checks what is generated from the services' OpenAPI documents.

`make openapi` writes each service's openapi.json and merges the public ones into
docs/openapi.json; with --check nothing is written and a difference fails.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from common.http.openapi import PUBLIC_FILE, write
from devstack.catalog import load_catalog

ROOT = Path(__file__).resolve().parents[1]
MERGED = ROOT / "docs" / "openapi.json"


def merged(documents: list[dict[str, Any]]) -> str:
    """Return one document with the paths and schemas of all; equal names must mean equal things."""
    result: dict[str, Any] = {
        "openapi": documents[0]["openapi"],
        "info": {"title": "Colonnade", "version": documents[0]["info"]["version"]},
        "paths": {},
        "components": {},
    }
    for document in documents:
        result["paths"].update(document["paths"])
        for kind, members in document.get("components", {}).items():
            known = result["components"].setdefault(kind, {})
            for name, value in members.items():
                if known.setdefault(name, value) != value:
                    raise SystemExit(f"two services mean different things by {kind}/{name}")
    return json.dumps(result, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the documents, or check the merged one; each service's own test checks its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    folders = [ROOT / "services" / service.name for service in load_catalog()]
    if not check:
        for folder in folders:
            write(f"{folder.name}_service", folder)
    text = merged([json.loads((folder / PUBLIC_FILE).read_text()) for folder in folders])
    if not check:
        MERGED.write_text(text, encoding="utf-8")
    elif not MERGED.exists() or MERGED.read_text(encoding="utf-8") != text:
        print("docs/openapi.json is not current: run `make openapi`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
