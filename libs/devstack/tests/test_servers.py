"""The embedded servers: they ask for passwords, keep the ACL, and never outlive their run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from devstack.fixtures import ValkeyDatabase
from devstack.postgres import Postgres
from devstack.processes import free_port, outlasting, wait_until
from devstack.servers import start_once


async def test_postgres_refuses_a_wrong_password(postgres_server: str) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres_server.replace(":test@", ":wrong@"))


async def test_postgres_is_version_18_and_relaxed_in_tests(postgres_server: str) -> None:
    connection = await asyncpg.connect(postgres_server)
    settings = "SELECT current_setting('server_version_num')::int / 10000, current_setting('fsync')"
    assert tuple(await connection.fetchrow(settings)) == (18, "off")
    await connection.close()


def test_a_service_writes_its_own_stream_and_reads_all(valkey_database: ValkeyDatabase) -> None:
    with redis.Redis.from_url(valkey_database.streams_url("auth")) as auth:
        auth.xadd("events:auth", {"a": "1"}, id="1-1")
    with redis.Redis.from_url(valkey_database.streams_url("users")) as users:
        assert len(users.xread({"events:auth": "0"})) == 1
        with pytest.raises(redis.exceptions.NoPermissionError):
            users.xadd("events:auth", {"a": "1"})
        with pytest.raises(redis.exceptions.NoPermissionError):
            users.flushall()


def test_a_service_counts_its_own_limits_alone(valkey_database: ValkeyDatabase) -> None:
    with redis.Redis.from_url(valkey_database.cache_url("auth")) as auth:
        auth.lpush("LIMITS:LIMITER/auth/a", 1)
        for other in ("LIMITS:LIMITER/users/a", "anything"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                auth.lpush(other, 1)
            with pytest.raises(redis.exceptions.NoPermissionError):
                auth.lrange(other, 0, -1)
    valkey_database.flush()


def test_the_broker_has_no_access_to_the_streams(valkey_database: ValkeyDatabase) -> None:
    with redis.Redis.from_url(valkey_database.broker_url) as broker:
        broker.set("task", "1")
    streams = valkey_database.server.url("broker", valkey_database.number)
    with redis.Redis.from_url(streams) as broker, pytest.raises(redis.exceptions.RedisError):
        broker.set("events:auth", "1")


def test_flushing_one_worker_leaves_the_others(valkey_database: ValkeyDatabase) -> None:
    other = ValkeyDatabase(valkey_database.server, 60)
    for each in (valkey_database, other):
        with redis.Redis.from_url(each.url) as client:
            client.set("key", "1")
    valkey_database.flush()
    with redis.Redis.from_url(valkey_database.url) as client:
        assert client.dbsize() == 0
    with redis.Redis.from_url(other.url) as client:
        assert client.dbsize() == 1


def test_postgres_starts_when_its_old_number_is_somebody_elses(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", free_port(), "test", relaxed=True)
    server.initialise()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    server.initialise()
    with subprocess.Popen(server.command) as process:
        wait_until(server.is_ready, seconds=20, what="PostgreSQL is ready")
        process.send_signal(signal.SIGINT)


def test_the_servers_end_with_a_run_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from devstack import servers\n"
        "with servers.test_run(d := Path(sys.argv[1])): servers.start_once(d); time.sleep(60)"
    )
    directory = tmp_path / "run"
    directory.mkdir()
    with subprocess.Popen([sys.executable, "-c", program, str(directory)]) as run:
        addresses = directory / "servers.json"
        wait_until(addresses.exists, seconds=20, what="the servers are up")
        holder = psutil.Process(start_once(directory).holder)
        servers = holder.children(recursive=True)
        assert {"postgres", "valkey-server"} <= {server.name() for server in servers}
        run.kill()
    assert outlasting([holder, *servers], 10) == []
    assert not directory.exists()


def test_the_servers_end_with_their_holder(tmp_path: Path) -> None:
    addresses = start_once(tmp_path)
    holder = psutil.Process(addresses.holder)
    servers = holder.children(recursive=True)
    os.kill(addresses.holder, signal.SIGKILL)
    assert outlasting([holder, *servers], 10) == []
