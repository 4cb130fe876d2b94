"""The app under test is auth; its hashes are cheap, which changes nothing but time."""

from typing import Any

import pytest

from auth_service.settings import Settings
from common.testing.apps import GENEROUS
from common.testing.keys import SIGNING, private_pem


@pytest.fixture(scope="session")
def package() -> str:
    return "auth_service"


@pytest.fixture(scope="session")
def more_settings() -> dict[str, Any]:
    return {
        "encryption_keys": ["an encryption key of the tests only"],
        "signing_key": private_pem(SIGNING),
        "link_secret": "a secret of the tests alone, long enough",
        "public_url": "http://localhost:8080",
        "argon2_memory_kib": 64,
        "argon2_iterations": 1,
        "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"],
        **{name: GENEROUS for name in Settings.model_fields if name.startswith("limit_")},
    }
