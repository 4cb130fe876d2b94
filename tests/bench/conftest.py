"""The benchmark measures posts: its tests run against the real one."""

import pytest


@pytest.fixture(scope="session")
def package() -> str:
    return "posts_service"
