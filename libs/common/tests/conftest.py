"""Fixtures of all tests of common."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def restored_logging(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Let the test set up logging for real, on the captured stdout, and undo it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    former = structlog.get_config()
    yield
    structlog.configure(**former)
    root.handlers[:] = handlers
    root.setLevel(level)
