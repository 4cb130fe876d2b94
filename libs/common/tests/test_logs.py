"""Log lines are JSON with the trace, whoever writes them, and never hold a secret."""

import json
import logging
from typing import Literal

import pytest
import structlog

from common import logs
from common.personal_keys.format import new_key
from common.settings import LogSettings
from common.trace import bind

pytestmark = pytest.mark.usefixtures("restored_logging")


def configure() -> None:
    """Set up logging; not in a fixture, because pytest exchanges stdout between the phases."""
    logs.configure(LogSettings(log_level="info"), "echo")


def test_a_line_has_the_service_the_trace_and_no_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure()
    with bind({"X-Request-ID": "abc"}):
        structlog.get_logger().info(
            "user_seen",
            user_id=7,
            password="p",
            access_token="t",
            token_type="Bearer",
            nested={"authorization": "x", "name": "n"},
            odd="\ud800",
        )
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["level"], line["service"]) == ("user_seen", "info", "echo")
    assert (line["request_id"], line["user_id"], line["token_type"]) == ("abc", 7, "Bearer")
    assert line["password"] == line["access_token"] == logs.REDACTED
    assert line["nested"] == {"authorization": logs.REDACTED, "name": "n"}


def test_records_of_libraries_take_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    try:
        raise RuntimeError("no")  # noqa: TRY301 — only to have a traceback.
    except RuntimeError:
        logging.getLogger("uvicorn.error").exception("It %s", "failed")
    logging.getLogger("httpx").info("request")
    lines = capsys.readouterr().out.splitlines()
    line = json.loads(lines[0])
    assert (line["event"], line["message"]) == ("library_log", "It failed")
    assert (line["logger"], line["service"]) == ("uvicorn.error", "echo")
    assert "RuntimeError: no" in line["exception"]
    assert len(lines) == 1


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_personal_key_shows_nowhere(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "console"]
) -> None:
    logs.configure(LogSettings(log_format=log_format), "echo")
    key = new_key()
    try:
        raise RuntimeError(f"no {key}")  # noqa: TRY301 — only to have a traceback.
    except RuntimeError:
        structlog.get_logger().exception("key_seen", path=f"/x?key={key}", nested=[{"a": key}])
    logging.getLogger("uvicorn.error").error("It was %s.", key)
    written = capsys.readouterr().out
    assert key not in written
    assert written.count(logs.REDACTED) == 4
