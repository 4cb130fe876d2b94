"""One real stack for all tests of this folder: everything that `make up` starts, on free ports."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from common.testing.otlp import Receiver
from devstack.catalog import find_root
from devstack.control import running_stack
from devstack.layout import Layout
from devstack.processes import free_port, marked
from devstack.settings import StackSettings
from tests.e2e.platform import Platform

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests in one process, where they take turns with the one stack."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("e2e"))
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(scope="session")
def spans() -> Iterator[Receiver]:
    """What receives the spans of the platform."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, spans: Receiver) -> Iterator[Platform]:
    """The running platform; stopped at the end, with nothing left behind.

    Its next signing key may sign soon: tests do not wait for five minutes.
    """
    layout = Layout(find_root(), tmp_path_factory.mktemp("stack"))
    settings = StackSettings(
        gateway_port=free_port(),
        mailbox_port=free_port(),
        database_url=os.environ.get("DATABASE_URL"),
        redis_url=os.environ.get("REDIS_URL"),
        otlp_endpoint=spans.url,
    )
    with ExitStack() as opened:
        # Of the stack alone: other tests of this process have settings of their own.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AUTH_SIGNING_KEY_PUBLISH_SECONDS", "6")
            stack = opened.enter_context(running_stack(layout, settings))
        yield Platform(stack, settings)
    assert marked(layout.marker) == []
