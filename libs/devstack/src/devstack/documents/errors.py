"""docs/errors.md: each code that a client or a consumer can meet, and what it should do then."""

from collections.abc import Sequence
from pathlib import Path

from common.errors import AppError, Category
from common.http.problem import CODES, STATUS
from common.streams.failures import TRANSIENT
from devstack.documents.markdown import code, link, page, paragraph, table
from devstack.documents.sources import ServiceSource, errors_of, import_all, source_file

_INTRODUCTION = """\
Every failure is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail`,
`code`, `errors[]` and `request_id`. Programs compare `code`; `detail` is the message below with its
fields filled in, for people. A consumer of events goes by the same categories."""

_HEADERS = {
    Category.UNAUTHENTICATED: " + `WWW-Authenticate`",
    Category.RATE_LIMITED: " + `Retry-After`",
    Category.UNAVAILABLE: " + `Retry-After`",
}


def _handling(category: Category) -> str:
    """Return what a consumer does, as the one table of the streams decides it."""
    transient = any(getattr(each, "category", None) is category for each in TRANSIENT)
    return "waits and tries again, never parks" if transient else "parks the event"


def render(services: Sequence[ServiceSource], root: Path) -> str:
    """Return the document."""
    import_all("common")
    packages = {"common": "common"} | {s.name: s.service.package for s in services}
    sections = [
        f"## {name}\n\n{_errors(errors, root)}"
        for name, package in packages.items()
        if (errors := errors_of(package))
    ]
    return page("Errors", _INTRODUCTION, _categories(), *sections, _other_codes())


def _categories() -> str:
    rows = [[code(c), _http(c), _handling(c)] for c in Category]
    rows.append(["anything else", "500, without details", "tries again, then parks the event"])
    return "## Categories\n\n" + table(["category", "HTTP", "a consumer"], rows)


def _errors(errors: Sequence[type[AppError]], root: Path) -> str:
    rows = [
        [
            code(error.code),
            error.category,
            _http(error.category),
            _handling(error.category),
            error.message,
            _remark(error),
            link(error.__name__, source_file(error), root),
        ]
        for error in errors
    ]
    header = ["code", "category", "HTTP", "a consumer", "message", "remark", "class"]
    return table(header, rows)


def _other_codes() -> str:
    used = {error.code for error in errors_of("common")}
    rows = [[code(name), str(status)] for status, name in CODES.items() if name not in used]
    words = "The platform and the gateway answer these by themselves; no use case raises them."
    return f"## Codes of the platform itself\n\n{words}\n\n" + table(["code", "HTTP"], rows)


def _http(category: Category) -> str:
    return f"{STATUS[category]}{_HEADERS.get(category, '')}"


def _remark(error: type[AppError]) -> str:
    own = paragraph(error.__dict__.get("__doc__"))
    return f"{own} The transaction commits." if error.commits else own
