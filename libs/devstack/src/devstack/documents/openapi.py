"""docs/openapi.json: what the gateway routes, of all services; each commits its own document."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.http.openapi import PUBLIC_FILE, rendered
from devstack.catalog import Service


def render(services: Sequence[Service], root: Path) -> str:
    """Return one document with the paths and schemas of all.

    Raises:
        ValueError: Two services mean different things by one name.
    """
    files = [root / "services" / service.name / PUBLIC_FILE for service in services]
    documents = [json.loads(file.read_text(encoding="utf-8")) for file in files]
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
                    raise ValueError(f"two services mean different things by {kind}/{name}")
    return rendered(result)
