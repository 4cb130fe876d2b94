"""Each route serves whom callers.toml says, and nobody else."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from common.testing.callers import Stage, check_complete, everybodys_tokens
from common.testing.decisions import documented_names
from common.testing.operations import Operation
from posts_service.resources import Resources
from services.posts.tests.factories import Person, comment, published, write

FOLDER = Path(__file__).parents[1]
ADA = Person()
BODIES = {
    "create_post": published(),
    "edit_post": {"title": "On linkers"},
    "create_comment": {"body": "I agree."},
    "edit_comment": {"body": "I do not agree."},
}


@pytest.mark.requirement("ASVS 8.2.1", "ASVS 8.2.2", "ASVS 8.3.1")
@pytest.mark.parametrize("name", documented_names(FOLDER))
async def test_each_route_serves_whom_it_is_for(
    app: FastAPI, client: httpx.AsyncClient, resources: Resources, name: str
) -> None:
    tokens = await everybodys_tokens(resources, FOLDER.name, ADA.id)

    async def things(operation: Operation) -> Mapping[str, str]:
        """A post of hers, and a comment of hers below that of somebody else."""
        if "{id_or_slug}" in operation.template:
            return {"id_or_slug": (await write(client, ADA, published()))["id"]}
        if "{comment_id}" in operation.template:
            post = await write(client, Person("edith"), published())
            return {"comment_id": (await comment(client, ADA, post))["id"]}
        return {}

    await Stage(FOLDER, app, client, tokens, things, BODIES).check(name)


@pytest.mark.requirement("ASVS 8.1.1")
def test_every_route_has_a_decision(app: FastAPI) -> None:
    check_complete(app, FOLDER)
