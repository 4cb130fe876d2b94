"""The documents that are made from the code: events, errors, settings, security, access.

Whoever changes one of these in the code runs `make docs`; `make check` fails until then.
"""

from pathlib import Path

from common.testing.contracts import PUBLISHED, check_contracts, frozen_files
from devstack.catalog import load_catalog
from devstack.documents import access, asyncapi, errors, events, security, settings
from devstack.documents.sources import read_service

GOLDEN = Path("libs/common/tests/contracts/golden")


def complaints(root: Path) -> list[str]:
    """Return what no document can mend: how events changed, and requirements without decision."""
    golden = root / GOLDEN
    known = {name: model for name, model in PUBLISHED.items() if (golden / f"{name}.json").exists()}
    undecided = security.complaints(security.read_standards(root), security.read_marks(root))
    return check_contracts(known, golden) + undecided


def documents(root: Path) -> dict[Path, str]:
    """Return the text of every generated document of the checkout at `root`, by its file.

    Raises:
        ValueError: An event that is not frozen yet has no complete examples.
    """
    services = [read_service(service) for service in load_catalog(root)]
    frozen = frozen_files(PUBLISHED, root / GOLDEN)
    published = events.published(services, frozen)
    docs = root / "docs"
    return frozen | {
        docs / "access.md": access.render(load_catalog(root), root),
        docs / "events.md": events.render(published, root),
        docs / "asyncapi.json": asyncapi.render(published),
        docs / "errors.md": errors.render(services, root),
        docs / "security.md": security.render(
            security.read_standards(root), security.read_marks(root), root
        ),
        docs / "settings.md": settings.render(services),
    }
