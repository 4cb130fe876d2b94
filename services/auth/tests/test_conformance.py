import asyncpg
import pytest

from auth_service.models import Role
from auth_service.resources import Resources
from common.testing.conformance import Conformance
from devstack.fixtures import ServiceDatabase
from services.auth.tests.factories import arrive, enter


class TestAuth(Conformance):
    """Auth keeps what every service promises, and no answers: they hold secrets."""

    keeps_answers = False
    scopes = "accounts:read audit:read"

    @pytest.fixture
    async def fuzzing_token(self, resources: Resources) -> str:
        """Whom it speaks for: somebody who may do everything, whose session is open."""
        return await enter(resources, await arrive(resources, "ada", Role.ADMIN))

    @pytest.mark.requirement("ASVS 6.3.2")
    @pytest.mark.parametrize("table", ["accounts", "sessions", "personal_keys", "signing_keys"])
    async def test_nobody_and_no_key_comes_with_the_software(
        self, scratch: ServiceDatabase, table: str
    ) -> None:
        connection = await asyncpg.connect(scratch.admin_url)
        try:
            query = f"SELECT count(*) FROM auth.{table}"  # noqa: S608 — our names.
            assert await connection.fetchval(query) == 0
        finally:
            await connection.close()
