"""schemathesis holds a service to its document: input at random, and requests in a row.

What it tries is the same each time: its settings, with the seed, are in schemathesis.toml.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

import pytest
from fastapi import FastAPI

from common.http.openapi import INTERNAL_FILE, PUBLIC_FILE
from common.testing.keys import mint_internal_token, mint_user_token
from common.testing.serving import LOOPBACK, served
from devstack.catalog import find_root, load_catalog

CONFIGURATION: Final = "schemathesis.toml"
_AT_RANDOM: Final = "examples,fuzzing,stateful"
_ALL: Final = f"coverage,{_AT_RANDOM}"


class FuzzConformance:
    """All checks of schemathesis, in all its phases; it finds nothing."""

    @pytest.fixture
    async def fuzzing_token(self) -> str:
        """Whom it speaks for."""
        return mint_user_token()

    @pytest.mark.long
    @pytest.mark.timeout(300)
    @pytest.mark.requirement("ASVS 2.2.1")
    async def test_schemathesis_finds_nothing(
        self, app: FastAPI, service: str, fuzzing_token: str, tmp_path: Path
    ) -> None:
        document = _document(service, PUBLIC_FILE)
        await _try_out(app, document, fuzzing_token, tmp_path, _ALL)

    @pytest.mark.long
    @pytest.mark.timeout(300)
    @pytest.mark.requirement("ASVS 2.2.1")
    async def test_schemathesis_finds_nothing_between_services(
        self, app: FastAPI, service: str, tmp_path: Path
    ) -> None:
        caller = next(each.name for each in load_catalog() if each.name != service)
        token = mint_internal_token(caller, service)
        # Not each border of each value, which takes three quarters of the time: callers are ours.
        document = _document(service, INTERNAL_FILE)
        await _try_out(app, document, token, tmp_path, _AT_RANDOM)


def _document(service: str, name: str) -> Path:
    return find_root(Path(__file__).parent) / "services" / service / name


async def _try_out(app: FastAPI, document: Path, token: str, folder: Path, phases: str) -> None:
    configuration = find_root(Path(__file__).parent) / CONFIGURATION
    async with served(app) as port:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(configuration), "run"),
            *("--url", f"http://{LOOPBACK}:{port}"),
            *("--phases", phases),
            *("--header", f"Authorization: Bearer {token}"),
            str(document),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
