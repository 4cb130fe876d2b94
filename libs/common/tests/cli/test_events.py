"""`colonnade events` against real services: what it says, what it does, how it ends."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from common.cli.identity import UsageError, read_identity
from common.contracts import AccountRegistered
from common.http.client import PeerClient, open_client
from common.ids import new_id
from common.streams import Bootstrap, Effects
from common.streams.tables import LostRange, ParkedEvent
from common.testing.keys import private_pem, public_pem
from common.testing.producers import Producer
from common.tokens import InternalTokens
from libs.common.tests.cli.conftest import Colonnade, Poison
from users_service.consumers import COPIES, HANDLERS
from users_service.resources import Resources

ADA = AccountRegistered(account_id=new_id(), username="ada")


@pytest.fixture
async def parked(auth: Producer) -> None:
    """One event failed and one waits behind it."""
    await auth.heard(Poison(), ADA, key="a")


class Said:
    """What was printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    @property
    def text(self) -> str:
        printed = self._capsys.readouterr()
        return printed.out + printed.err

    @property
    def document(self) -> Any:
        # The services of this process log to the same place; the document comes last.
        printed = self._capsys.readouterr().out
        lines = printed.splitlines()
        start = max(n for n, line in enumerate(lines) if line in ("{", "[", "[]"))
        return json.loads("\n".join(lines[start:]))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


async def event_ids(colonnade: Colonnade, said: Said, *options: str) -> list[str]:
    assert await colonnade("parked", "--json", *options) == 0
    return [event["event_id"] for event in said.document]


async def test_lag_is_zero_when_everything_is_applied(
    auth: Producer, colonnade: Colonnade, said: Said
) -> None:
    await auth.heard(ADA)
    assert await colonnade("lag", "--json") == 0
    document = said.document
    (consumer,) = document["consumers"]
    assert (consumer["consumer"], consumer["producer"]) == ("users", "auth")
    assert consumer["head"] == consumer["cursor"] == "1-2"
    assert (consumer["behind"], consumer["oldest_seconds"], consumer["parked_keys"]) == (0, 0, 0)
    assert {row["producer"]: row["outbox_depth"] for row in document["producers"]} == {
        "auth": 0,
        "users": 1,
    }
    assert (document["findings"], document["unreachable"]) == ([], [])


async def test_lag_says_in_words_what_to_look_at(
    parked: None, auth: Producer, colonnade: Colonnade, said: Said
) -> None:
    await auth.says(ADA, ADA)
    assert await colonnade("lag", "--max-age", "0") == 1
    printed = said.text
    assert "users     auth      1-5   1-3          2" in printed
    assert "colonnade events parked --consumer users --producer auth" in printed
    assert "is its worker running?" in printed


async def test_lag_names_who_does_not_answer(
    auth: Producer, clients: dict[str, PeerClient], colonnade: Colonnade, said: Said
) -> None:
    tokens = InternalTokens("users", private_pem("users"), {})
    async with open_client("http://127.0.0.1:9") as nobody:
        clients["notifier"] = PeerClient("notifier", nobody, tokens)
        assert await colonnade("lag") == 3
        assert "notifier does not answer" in said.text
        assert await colonnade("parked") == 3
        assert "Is its app running" in said.text


async def test_a_parked_event_is_listed_shown_skipped_and_gone(
    parked: None, colonnade: Colonnade, said: Said
) -> None:
    first, behind = await event_ids(colonnade, said)
    assert await colonnade("parked") == 0
    table = said.text
    assert first in table
    assert "behind" in table
    assert await colonnade("show", behind) == 0
    assert '"username": "ada"' in said.text
    assert await colonnade("skip", first, "--reason", "It is empty.") == 0
    assert f"Skipped. {behind}" in said.text
    assert await event_ids(colonnade, said) == [behind]
    assert await event_ids(colonnade, said, "--skipped") == [first]


async def test_what_is_refused_is_explained(parked: None, colonnade: Colonnade, said: Said) -> None:
    first, behind = await event_ids(colonnade, said)
    assert await colonnade("skip", behind, "--reason", "Impatience.") == 1
    printed = said.text
    assert f"waits behind {first}" in printed
    assert "Decide about that one first" in printed


@pytest.mark.parametrize(
    ("chosen", "code"), [(["--all"], 0), (["--key", "a"], 0), (["--key", "none"], 1)]
)
async def test_a_retry_is_due_now(
    parked: None,
    colonnade: Colonnade,
    resources: Resources,
    said: Said,
    *,
    chosen: list[str],
    code: int,
) -> None:
    async with resources.transaction() as tx:
        await tx.session.execute(update(ParkedEvent).values(attempts=6, next_at=None))
    assert await colonnade("parked") == 0
    assert "you" in said.text
    assert await colonnade("retry", *chosen) == code
    assert ("Due now: 1" if code == 0 else "Nothing is parked there.") in said.text


async def test_one_event_is_retried_by_its_id(
    parked: None, colonnade: Colonnade, said: Said
) -> None:
    first, _ = await event_ids(colonnade, said)
    assert await colonnade("retry", first, "--json") == 0
    assert said.document == [{"consumer": "users", "producer": "auth", "due": 1}]


@pytest.mark.parametrize(
    "argv",
    [
        ["retry"],
        ["retry", "--all", "--key", "a"],
        ["show", str(new_id())],
        ["parked", "--consumer", "nobody"],
        ["parked", "--consumer", "auth"],
        ["rewind", "users", "posts", "--to", "0"],
    ],
)
async def test_a_command_that_makes_no_sense_says_why(
    auth: Producer, colonnade: Colonnade, argv: list[str]
) -> None:
    with pytest.raises(UsageError):
        await colonnade(*argv)


async def test_ghosts_come_with_the_query_of_their_rows(
    auth: Producer, colonnade: Colonnade, resources: Resources, said: Said
) -> None:
    assert await colonnade("ghosts") == 0
    assert "No producer lost" in said.text
    lost = {"producer": "auth", "epoch": 1, "first_position": 2, "last_position": 9}
    async with resources.transaction() as tx:
        tx.session.add(LostRange(kind="ghosts", **lost))
    assert await colonnade("ghosts") == 0
    printed = said.text
    assert "ghosts: users of auth, 1-2 to 9" in printed
    assert "username_epoch = 1 AND username_position >= 2;" in printed


async def test_a_rewind_moves_the_cursor_back(
    auth: Producer, colonnade: Colonnade, said: Said
) -> None:
    await auth.heard(ADA)
    assert await colonnade("rewind", "users", "auth", "--to", 9) == 1
    assert "leads back" in said.text
    assert await colonnade("rewind", "users", "auth", "--to", 0, "--reason", "A drill.") == 0
    assert "was at 1-2 and is at 1-0" in said.text


@pytest.mark.parametrize("works", [True, False])
async def test_a_bootstrap_is_asked_for_and_awaited(
    auth: Producer, colonnade: Colonnade, resources: Resources, said: Said, *, works: bool
) -> None:
    effects = Effects("auth", HANDLERS, resources.transaction)
    worker = Bootstrap("auth", COPIES, effects, resources.transaction, auth).run_wishes()
    task = asyncio.create_task(worker if works else asyncio.sleep(60))
    try:
        assert await colonnade("bootstrap", "users", "auth", "--wait", 3 * works) == 0
        assert ("The copies are rebuilt." if works else "It goes on") in said.text
        assert await colonnade("lag") == 0
        assert ("rebuilds its copies" in said.text) is not works
    finally:
        task.cancel()
        if not works:
            worker.close()


def environment(*services: str) -> dict[str, str]:
    peers = {
        name: {"url": "http://127.0.0.1:9", "public_key": public_pem(name)} for name in services
    }
    return {
        f"{name.upper()}_{setting}": value
        for name in services
        for setting, value in (
            ("PEERS", json.dumps(peers)),
            ("INTERNAL_PRIVATE_KEY", private_pem(name)),
        )
    }


@pytest.mark.parametrize(
    ("services", "chosen", "more", "speaker"),
    [
        (["users"], None, {}, "users"),
        (["users", "posts"], "posts", {}, "posts"),
        (["users", "posts"], None, {"COLONNADE_AS": "users"}, "users"),
        (["users", "posts"], "posts", {"COLONNADE_AS": "users"}, "posts"),
    ],
)
def test_the_environment_tells_whom_to_speak_as(
    services: list[str], chosen: str | None, more: dict[str, str], speaker: str
) -> None:
    identity = read_identity(environment(*services) | more, chosen)
    assert identity.service == speaker
    assert list(identity.urls) == services


@pytest.mark.parametrize(
    ("services", "chosen", "more", "words"),
    [
        ([], None, {}, 'make events ARGS="lag"'),
        (["users", "posts"], None, {}, "posts, users"),
        (["users"], "posts", {}, "POSTS_INTERNAL_PRIVATE_KEY"),
        (["users"], None, {"USERS_PEERS": "{}]"}, "USERS_PEERS"),
        (["users"], None, {"USERS_INTERNAL_PRIVATE_KEY": "no key"}, "no PEM"),
    ],
)
def test_an_environment_that_does_not_do_is_explained(
    services: list[str], chosen: str | None, more: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        read_identity(environment(*services) | more, chosen)


@pytest.mark.parametrize(
    ("services", "code", "words"), [(["users"], 3, "users does not answer"), ([], 2, "environment")]
)
def test_the_installed_command_ends_with_its_code(
    services: list[str], code: int, words: str
) -> None:
    script = Path(sys.executable).with_name("colonnade")
    done = subprocess.run(
        [script, "events", "lag"],
        env=environment(*services),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert words in done.stdout + done.stderr
