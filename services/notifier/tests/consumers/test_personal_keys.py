"""A token that was issued calls for a mail; one that a rebuild finds does not."""

from datetime import timedelta

from common.clock import utc_now
from common.contracts import KeyIssued
from common.ids import new_id
from common.personal_keys.format import digest_of, new_key
from common.place import Place
from common.streams import Received
from notifier_service.consumers import COPIES
from notifier_service.resources import Resources
from services.notifier.tests.factories import email, emails, hear


def issued(token: str) -> KeyIssued:
    return KeyIssued(
        account_id=new_id(),
        key_id=new_id(),
        token_hash=digest_of(token).hex(),
        scopes=["notifier:read"],
        issued_at=utc_now(),
        expires_at=utc_now() + timedelta(days=1),
        name="Nightly build",
        email="ada@example.test",
        username="ada",
    )


async def test_the_owner_is_told_of_a_token_and_the_copy_has_it(resources: Resources) -> None:
    token = new_key()
    await hear(resources, issued(token))
    mail = await email(resources)
    assert (mail.template, mail.recipient) == ("key_issued", "ada@example.test")
    assert mail.context["name"] == "Nightly build"
    assert token not in str(mail.context)
    assert (await resources.platform.personal_keys.verify(token)).scope == {"notifier:read"}


async def test_a_rebuild_tells_nobody(resources: Resources) -> None:
    token = new_key()
    async with resources.transaction() as tx:
        received = Received(new_id(), Place(1, 1), utc_now(), issued(token))
        await COPIES[KeyIssued].apply(tx, received)
    assert await emails(resources) == []
    assert (await resources.platform.personal_keys.verify(token)).username == "ada"
