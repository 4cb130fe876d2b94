"""Each route serves whom callers.toml says, and nobody else."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from common.testing.callers import Stage, check_complete, everybodys_tokens
from common.testing.decisions import documented_names
from notifier_service.resources import Resources

FOLDER = Path(__file__).parents[1]


@pytest.mark.requirement("ASVS 8.2.1", "ASVS 8.3.1")
@pytest.mark.parametrize("name", documented_names(FOLDER))
async def test_each_route_serves_whom_it_is_for(
    app: FastAPI, client: httpx.AsyncClient, resources: Resources, name: str
) -> None:
    tokens = await everybodys_tokens(resources, FOLDER.name)
    await Stage(FOLDER, app, client, tokens).check(name)


@pytest.mark.requirement("ASVS 8.1.1")
def test_every_route_has_a_decision(app: FastAPI) -> None:
    check_complete(app, FOLDER)
