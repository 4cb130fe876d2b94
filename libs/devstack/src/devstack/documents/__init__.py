"""The documents that are made from the code: HTTP, events, errors, settings, security, access.

Whoever changes one of these in the code runs `make docs`; `make check` fails until then.
"""

from pathlib import Path

from common.testing.contracts import PUBLISHED, check_contracts, frozen_files
from devstack.catalog import load_catalog
from devstack.documents import access, asyncapi, errors, events, openapi, security, settings
from devstack.documents.sources import read_service

GOLDEN = Path("libs/common/tests/contracts/golden")


def documents(root: Path) -> dict[Path, str]:
    """Return the text of every generated document of the checkout at `root`, by its file.

    Raises:
        ValueError: No document can mend it: an event changed in a way that its consumers would not
            understand, or has no complete examples; a requirement is undecided; two services mean
            different things by one name.
    """
    golden = root / GOLDEN
    known = {name: model for name, model in PUBLISHED.items() if (golden / f"{name}.json").exists()}
    standards, marks = security.read_standards(root), security.read_marks(root)
    if broken := check_contracts(known, golden) + security.complaints(standards, marks):
        raise ValueError("\n".join(broken))
    catalog = load_catalog(root)
    services = [read_service(service) for service in catalog]
    frozen = frozen_files(PUBLISHED, golden)
    published = events.published(services, frozen)
    docs = root / "docs"
    return frozen | {
        docs / "access.md": access.render(catalog, root),
        docs / "events.md": events.render(published, root),
        docs / "asyncapi.json": asyncapi.render(published),
        docs / "errors.md": errors.render(services, root),
        docs / "openapi.json": openapi.render(catalog, root),
        docs / "security.md": security.render(standards, marks, root),
        docs / "settings.md": settings.render(services),
    }
