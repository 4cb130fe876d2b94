"""Structured logs on stdout: one line per event, with the trace, never with a secret.

Records of the standard library (uvicorn, Celery, SQLAlchemy) go through the same processors.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from common.personal_keys.format import PATTERN, PREFIX
from common.settings import LogSettings
from common.trace import impersonator, request_id, trace_id

REDACTED = "[redacted]"
_SECRET_KEY = re.compile(
    r"(^|[_\-.])(password|passwd|token|secret|authorization|cookie|private_key|api_key|signing_key"
    r"|encryption_keys)$",
    re.IGNORECASE,
)
# A token may stand anywhere: in the path that somebody asked for, in an exception's message.
_PERSONAL_KEY = re.compile(PATTERN)
# These log every request or statement at the level `info`; ours are enough.
_NOISY = ("httpx", "httpcore", "asyncio", "sqlalchemy.engine")


def configure(settings: LogSettings, service: str) -> None:
    """Set up logging for this process; called once, by the process modules."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared = _shared_processors(service)
    renderer = _renderer(settings)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
    )
    _route_standard_library(level, shared, renderer)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of keys that name a secret, in nested mappings too."""
    return _redacted(event)


def _redacted(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _redacted_value(key, value) for key, value in mapping.items()}


@lru_cache(maxsize=1024)
def _names_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _redacted_value(key: object, value: Any) -> Any:
    if isinstance(key, str) and _names_secret(key):
        return REDACTED
    return _redacted(value) if isinstance(value, dict) else value


def _without_keys(line: str) -> str:
    return _PERSONAL_KEY.sub(REDACTED, line) if PREFIX in line else line


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = (
        ("request_id", request_id()),
        ("trace_id", trace_id()),
        ("impersonator", impersonator()),
    )
    for key, value in context:
        if value:
            event.setdefault(key, value)
    return event


def _name_foreign(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Give records of libraries a constant event name; their text becomes `message`."""
    event["message"] = event.get("event")
    event["event"] = "library_log"
    return event


def _shared_processors(service: str) -> list[Processor]:
    def add_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        _add_trace,
        redact,
    ]


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # A lone surrogate or a huge integer: the standard library escapes what orjson refuses.
        return json.dumps(event, default=repr, skipkeys=True)


def _renderer(settings: LogSettings) -> Processor:
    if settings.log_format == "console":
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(),
            # The default shows local variables, which may be secrets.
            exception_formatter=structlog.dev.plain_traceback,
        )
        return lambda logger, method, event: _without_keys(console(logger, method, event))

    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        with_traceback = structlog.processors.format_exc_info(logger, method, event)
        return _without_keys(_render_json(logger, method, with_traceback))

    return render


def _route_standard_library(level: int, shared: list[Processor], renderer: Processor) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, _name_foreign],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
