"""Each route serves whom callers.toml says, and nobody else."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from auth_service.models import Role
from auth_service.resources import Resources
from common.testing.callers import Stage, check_complete, everybodys_tokens
from common.testing.decisions import documented_names
from common.testing.operations import Operation
from services.auth.tests.factories import arrive, enter, issued_key

FOLDER = Path(__file__).parents[1]
BODIES = {"impersonate_account": {"reason": "ticket 4711"}}


@pytest.mark.requirement("ASVS 8.2.1", "ASVS 8.2.2", "ASVS 8.3.1")
@pytest.mark.parametrize("name", documented_names(FOLDER))
async def test_each_route_serves_whom_it_is_for(
    app: FastAPI, client: httpx.AsyncClient, resources: Resources, name: str
) -> None:
    owner, target = await arrive(resources, "ada"), await arrive(resources, "target")
    tokens = await everybodys_tokens(resources, FOLDER.name, owner.id)
    tokens["user"] = await enter(resources, owner)
    tokens["other"] = await enter(resources, await arrive(resources, "grace"))
    for role in Role:
        tokens[role.value] = await enter(resources, await arrive(resources, f"one_{role}", role))

    async def things(operation: Operation) -> Mapping[str, str]:
        """An account to be looked after, and another session and a token of hers."""
        values = {"account_id": str(target.id), "role": "moderator"}
        if "{session_id}" in operation.template:
            token = await enter(resources, owner)
            values["session_id"] = str(resources.platform.user_tokens.verify(token).sid)
        if "{key_id}" in operation.template:
            key = await issued_key(client, {"access_token": tokens["user"]})
            values["key_id"] = key["id"]
        return values

    await Stage(FOLDER, app, client, tokens, things, BODIES).check(name)


@pytest.mark.requirement("ASVS 8.1.1")
def test_every_route_has_a_decision(app: FastAPI) -> None:
    check_complete(app, FOLDER)
