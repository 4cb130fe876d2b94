"""Ports, secrets and environments of a stack: kept over starts, and no more than each needs."""

import json
import socket
from pathlib import Path

import pytest
from rich.console import Console

from devstack.catalog import Service
from devstack.credentials import keep_credentials
from devstack.environments import SMTP_PORT, Environments
from devstack.layout import Layout
from devstack.output import print_external
from devstack.ports import keep_ports
from devstack.settings import SettingError, StackSettings

NAMES = ("auth", "notifier")
SERVICES = tuple(Service(name, ("app",), (), True, (), ()) for name in NAMES)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path, tmp_path / ".devstack")


def environments(layout: Layout, settings: StackSettings) -> Environments:
    names = ["postgres", "valkey", SMTP_PORT, *(f"{name}-app" for name in NAMES)]
    passwords = [
        "postgres",
        "broker",
        "links",
        "encryption",
        *NAMES,
        *(f"{name}_owner" for name in NAMES),
    ]
    credentials = keep_credentials(layout, passwords=passwords, keys=NAMES)
    return Environments(settings, SERVICES, keep_ports(layout, names), credentials)


def test_ports_are_kept_until_somebody_takes_one(layout: Layout) -> None:
    first = keep_ports(layout, ["postgres", "valkey"])
    assert keep_ports(layout, ["postgres", "valkey"]) == first
    with socket.create_server(("127.0.0.1", first["valkey"])):
        second = keep_ports(layout, ["postgres", "valkey"])
    assert second["postgres"] == first["postgres"]
    assert second["valkey"] != first["valkey"]


def test_secrets_are_made_once_and_private(layout: Layout) -> None:
    first = keep_credentials(layout, passwords=["a"], keys=["k"])
    again = keep_credentials(layout, passwords=["a", "b"], keys=["k"])
    assert (again.passwords["a"], again.keys) == (first.passwords["a"], first.keys)
    assert again.passwords["b"] != again.passwords["a"]
    assert "PUBLIC KEY" in again.public_key("k")
    assert oct(layout.secrets.stat().st_mode & 0o777) == "0o600"


def test_a_process_gets_its_own_settings_alone(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_LOG_LEVEL", "debug")
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere")
    made = environments(layout, StackSettings(8080, 8025))
    auth, notifier = (made.process(service, "app") for service in SERVICES)
    assert auth["AUTH_LOG_LEVEL"] == "debug"
    assert len(json.loads(auth["AUTH_ENCRYPTION_KEYS"])) == 1
    assert not [name for name in notifier if name.startswith("AUTH_")]
    assert "DATABASE_URL" not in auth
    assert json.loads(auth["AUTH_PEERS"]).keys() == set(NAMES)
    assert notifier["NOTIFIER_BROKER_URL"].endswith("/1")
    assert notifier["NOTIFIER_CACHE_URL"].endswith("/2")
    # Of the gateway here, and of nobody else.
    assert json.loads(auth["AUTH_TRUSTED_PROXIES"]) == ["127.0.0.1/32"]


def test_traces_of_every_process_go_where_the_person_says(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTLP_ENDPOINT", "http://elsewhere")
    for chosen in ("http://localhost:4318/", ""):
        settings = StackSettings.read({"OTLP_ENDPOINT": chosen})
        auth = environments(layout, settings).process(SERVICES[0], "app")
        assert auth["AUTH_OTLP_ENDPOINT"] == chosen.rstrip("/")
        assert "OTLP_ENDPOINT" not in auth
        assert StackSettings.read(settings.environment()) == settings


def test_external_servers_are_what_the_urls_name(layout: Layout) -> None:
    settings = StackSettings(
        8080, 8025, "postgresql://boss:pw@db.example:6432/shop", "redis://redis.example:6380/4"
    )
    made = environments(layout, settings)
    notifier = made.process(SERVICES[1], "app")
    assert notifier["NOTIFIER_DATABASE_URL"].startswith("postgresql://notifier:")
    assert notifier["NOTIFIER_DATABASE_URL"].endswith("@db.example:6432/shop")
    assert notifier["NOTIFIER_STREAMS_URL"] == "redis://redis.example:6380/4"
    assert notifier["NOTIFIER_BROKER_URL"] == "redis://redis.example:6380/5"
    assert notifier["NOTIFIER_CACHE_URL"] == "redis://redis.example:6380/6"
    assert made.admin_url == settings.database_url


def test_external_servers_are_shown_without_their_passwords() -> None:
    console = Console()
    external = {"postgres": "postgresql://me:hunter2@db.example/shop"}
    with console.capture() as captured:
        print_external(console, {"external": external})
    assert "db.example" in captured.get()
    assert "hunter2" not in captured.get()


@pytest.mark.parametrize("value", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused_by_its_name(value: str) -> None:
    with pytest.raises(SettingError, match=f"GATEWAY_PORT={value} is not a port"):
        StackSettings.read({"GATEWAY_PORT": value})


def test_absent_and_empty_settings_mean_the_defaults() -> None:
    settings = StackSettings.read({"GATEWAY_PORT": "", "REDIS_URL": ""})
    assert settings == StackSettings(8080, 8025, None, None)
