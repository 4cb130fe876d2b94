"""Compose and the manifests run what the native stack runs; every check fails on what it is for."""

import copy
import hashlib
import json
import shutil
import stat
from base64 import b64encode
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstack import deployment
from devstack.catalog import Service, load_catalog
from devstack.deployment import fresh_credentials, kubernetes_secrets, secret_variables
from devstack.deployment_checks import (
    check_gateway,
    check_selectors,
    check_topology,
    check_traefik_image,
    compose_processes,
    kubernetes_processes,
)
from devstack.image_checks import installed_packages, missing_packages
from devstack.secret_files import known_credentials, read_dotenv, read_manifest, write_new
from scripts.check_deploy import ROOT, compose_config, manifests, validate

type Document = dict[str, Any]
CATALOG = load_catalog(ROOT)


@pytest.fixture(scope="module")
def committed_compose() -> Document:
    return compose_config()


@pytest.fixture(scope="module")
def committed_manifests() -> list[Document]:
    return manifests("local")


@pytest.fixture
def compose(committed_compose: Document) -> Document:
    return copy.deepcopy(committed_compose)


@pytest.fixture
def documents(committed_manifests: list[Document]) -> list[Document]:
    return copy.deepcopy(committed_manifests)


def _find(documents: list[Document], kind: str, name: str) -> Document:
    (found,) = (
        each
        for each in documents
        if each["kind"] == kind and each["metadata"]["name"].startswith(name)
    )
    return found


def _container(documents: list[Document], name: str) -> Document:
    pod = _find(documents, "Deployment", name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert isinstance(container, dict)
    return container


def test_compose_runs_what_the_native_stack_runs(compose: Document) -> None:
    assert check_topology(ROOT, compose_processes(compose)) == []
    assert check_traefik_image(compose) == []


def test_the_manifests_run_what_the_native_stack_runs(documents: list[Document]) -> None:
    assert check_topology(ROOT, kubernetes_processes(documents)) == []
    assert check_gateway(documents) == []
    assert check_selectors(documents) == []
    assert validate(documents) == []


def test_compose_believes_the_gateway_alone_of_where_clients_are(compose: Document) -> None:
    services = compose["services"]
    address = services["traefik"]["networks"]["edge"]["ipv4_address"]
    (pool,) = compose["networks"]["edge"]["ipam"]["config"]
    assert ip_address(address) in ip_network(pool["subnet"])
    # What compose hands out to others is never the gateway's.
    assert ip_address(address) not in ip_network(pool["ip_range"])
    for service in CATALOG:
        variables = services[f"{service.name}-app"]["environment"]
        assert json.loads(variables[f"{service.prefix}_TRUSTED_PROXIES"]) == [f"{address}/32"]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda services: services.pop("posts-worker"), "posts-worker is missing"),
        (
            lambda services: services.update({"tags-app": services["posts-app"]}),
            "tags-app is in no catalog",
        ),
        (
            lambda services: services["posts-app"].update(command=["python", "-m", "x"]),
            "posts-app runs python -m x, natively python -m posts_service.app",
        ),
        (
            lambda services: services["auth-app"]["environment"].pop("AUTH_ENCRYPTION_KEYS"),
            "auth-app lacks AUTH_ENCRYPTION_KEYS",
        ),
        (
            lambda services: services["auth-worker"]["environment"].update(AUTH_ENCRYPTIONKEYS="x"),
            "auth-worker is given AUTH_ENCRYPTIONKEYS",
        ),
        (
            lambda services: services["posts-app"]["environment"].update(AUTH_LINK_SECRET="x"),
            "posts-app is given AUTH_LINK_SECRET",
        ),
        (
            lambda services: services["users-migrations"]["environment"].clear(),
            "users-migrations lacks USERS_MIGRATION_DATABASE_URL",
        ),
        (
            lambda services: services["provision"]["environment"].pop("PROVISION_ADMIN_URL"),
            "provision lacks PROVISION_ADMIN_URL",
        ),
    ],
)
def test_a_compose_file_that_differs_is_told(
    compose: Document, damage: Callable[[Document], object], complaint: str
) -> None:
    damage(compose["services"])
    assert check_topology(ROOT, compose_processes(compose)) == [complaint]


def test_a_compose_file_with_another_traefik_is_told(compose: Document) -> None:
    compose["services"]["traefik"]["image"] = "traefik:v3.6"
    assert check_traefik_image(compose)


def test_a_missing_deployment_is_told(documents: list[Document]) -> None:
    documents.remove(_find(documents, "Deployment", "notifier-beat"))
    complaints = check_topology(ROOT, kubernetes_processes(documents))
    assert complaints == ["notifier-beat is missing"]


def test_a_secret_that_is_not_there_leaves_its_settings_missing(documents: list[Document]) -> None:
    documents.remove(_find(documents, "Secret", "users-secrets"))
    complaints = check_topology(ROOT, kubernetes_processes(documents))
    assert "users-app lacks USERS_DATABASE_URL" in complaints
    assert "users-worker lacks USERS_STREAMS_URL" in complaints


def test_peers_that_are_not_there_leave_a_setting_missing(documents: list[Document]) -> None:
    del _find(documents, "ConfigMap", "peers")["data"]["PEERS"]
    complaints = check_topology(ROOT, kubernetes_processes(documents))
    assert "auth-app lacks AUTH_PEERS" in complaints


def test_an_owners_url_is_for_migrations_alone(documents: list[Document]) -> None:
    source = {"secretRef": {"name": "posts-migration-secrets"}}
    _container(documents, "posts-app")["envFrom"].append(source)
    complaints = check_topology(ROOT, kubernetes_processes(documents))
    assert complaints == ["posts-app is given POSTS_MIGRATION_DATABASE_URL"]


@pytest.mark.parametrize(
    ("kind", "name", "complaint"),
    [
        ("Service", "posts-app", "no Service posts-app"),
        ("Service", "any-app", "no Service any-app"),
        ("Middleware", "compress", "no Middleware compress"),
        ("ServersTransport", "page", "no ServersTransport page"),
    ],
)
def test_a_route_to_what_is_not_there_is_told(
    documents: list[Document], kind: str, name: str, complaint: str
) -> None:
    documents.remove(_find(documents, kind, name))
    assert check_gateway(documents) == [complaint]


def test_a_service_without_pods_or_with_another_port_is_told(documents: list[Document]) -> None:
    _find(documents, "Service", "users-app")["spec"]["selector"]["app.kubernetes.io/name"] = "x"
    _container(documents, "auth-app")["ports"][0]["name"] = "web"
    assert check_selectors(documents) == [
        "Service any-app finds no pod with its ports",
        "Service auth-app finds no pod with its ports",
        "Service users-app finds no pod with its ports",
    ]


def test_a_field_that_kubernetes_does_not_know_is_told(documents: list[Document]) -> None:
    _container(documents, "auth-app")["readinesProbe"] = {}
    (complaint,) = validate(documents)
    assert complaint.startswith("Deployment auth-app")


def test_every_pod_is_restricted(documents: list[Document]) -> None:
    workloads = [each for each in documents if each["kind"] in {"Deployment", "Job", "StatefulSet"}]
    processes = sum(len(service.processes) for service in CATALOG)
    migrations, provision, servers = len(CATALOG), 1, 3
    assert len(workloads) == processes + migrations + provision + servers
    for document in workloads:
        pod = document["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]) == {"requests", "limits"}


def test_every_process_with_a_port_has_its_three_probes(documents: list[Document]) -> None:
    for service in CATALOG:
        for process in {"app", "worker"} & set(service.processes):
            container = _container(documents, f"{service.name}-{process}")
            probes = {name: probe for name, probe in container.items() if name.endswith("Probe")}
            paths = {name: probe["httpGet"]["path"] for name, probe in probes.items()}
            assert paths == {
                "startupProbe": "/healthz",
                "livenessProbe": "/healthz",
                "readinessProbe": "/readyz",
            }


def test_an_import_of_the_development_group_is_told(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "import os\nimport orjson, pytest.mark\nfrom own.part import x\nimport no_such\n"
    )
    installed = installed_packages("./libs/common\norjson==3.13 ; marker\nuuid_utils==1\n")
    assert missing_packages([module], installed, {"own"}) == [
        "module.py imports no_such, which the image lacks",
        "module.py imports pytest, which the image lacks",
    ]


def test_secrets_are_fresh_each_time_and_no_two_are_alike() -> None:
    one, other = (secret_variables(CATALOG, fresh_credentials(CATALOG)) for _ in range(2))
    assert one.keys() == other.keys()
    assert not set(one.values()) & set(other.values())
    assert len(set(one.values())) == len(one)


def test_every_service_knows_every_peers_public_key_and_no_private_one() -> None:
    credentials = fresh_credentials(CATALOG)
    peers = json.loads(secret_variables(CATALOG, credentials)["PEERS"])
    assert set(peers) == {service.name for service in CATALOG}
    for name, peer in peers.items():
        assert peer == {
            "url": f"http://{name}-app:8000",
            "public_key": credentials.public_key(name),
        }


def test_a_secret_holds_one_services_variables() -> None:
    variables = secret_variables(CATALOG, fresh_credentials(CATALOG))
    for document in kubernetes_secrets(CATALOG, variables):
        name = document["metadata"]["name"]
        if name.endswith("-migration-secrets"):
            (only,) = document["stringData"]
            assert only == f"{name.split('-')[0].upper()}_MIGRATION_DATABASE_URL"
        elif document["kind"] == "Secret" and name.split("-")[0] in {s.name for s in CATALOG}:
            prefix = f"{name.removesuffix('-secrets').upper()}_"
            assert all(variable.startswith(prefix) for variable in document["stringData"])
            assert f"{prefix}MIGRATION_DATABASE_URL" not in document["stringData"]


@pytest.mark.parametrize("target", ["compose", "kubernetes"])
def test_the_file_of_secrets_is_its_owners_alone_and_is_never_overwritten(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "colonnade.toml", tmp_path)
    monkeypatch.setenv("COLONNADE_ROOT", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["deployment", target])
    path = tmp_path / deployment.OUTPUTS[target]
    path.parent.mkdir(parents=True, exist_ok=True)
    assert deployment.main() == 0
    first = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert deployment.main() == 0
    assert path.read_text() == first


READ = {"compose": read_dotenv, "kubernetes": read_manifest}


def written(target: str, folder: Path, *, services: Sequence[Service] = CATALOG) -> Path:
    path = folder / "secrets"
    path.write_text(deployment.render(target, services))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("target", READ)
def test_a_service_that_is_new_gets_its_secrets_beside_those_that_are_there(
    target: str, tmp_path: Path
) -> None:
    path = written(target, tmp_path, services=CATALOG[:2])
    before = READ[target](path)
    new = CATALOG[2]

    names = deployment.extend(target, path, CATALOG[:3])

    after = READ[target](path)
    assert {name for name in names if name.startswith(f"{new.prefix}_")} == after.keys() - before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    common = {"PEERS", "VALKEY_ACL"}
    assert {n: v for n, v in after.items() if n in before.keys() - common} == {
        n: v for n, v in before.items() if n not in common
    }
    # What all have in common names it, and says nothing else of the others.
    credentials = known_credentials(after)
    peers = json.loads(after["PEERS"])
    assert peers.pop(new.name)["public_key"] == credentials.public_key(new.name)
    assert peers == json.loads(before["PEERS"])
    former, rules = before["VALKEY_ACL"].splitlines(), after["VALKEY_ACL"].splitlines()
    digest = hashlib.sha256(credentials.passwords[f"valkey-{new.name}"].encode()).hexdigest()
    assert rules[:-1] == former
    assert rules[-1].startswith(f"user {new.name} on #{digest} ")


@pytest.mark.parametrize("target", READ)
def test_what_a_file_lacks_fits_what_it_has(target: str, tmp_path: Path) -> None:
    path = written(target, tmp_path)
    whole = READ[target](path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(each for each in lines if "AUTH_CACHE_URL" not in each))

    assert deployment.extend(target, path, CATALOG) == ["AUTH_CACHE_URL"]

    assert READ[target](path) == whole
    assert deployment.extend(target, path, CATALOG) == []


def test_what_somebody_wrote_into_the_file_of_compose_stays(tmp_path: Path) -> None:
    path = written("compose", tmp_path, services=CATALOG[:3])
    own = '# Ours.\nCOLONNADE_TAG=1.2 # pinned\nAUTH_MAIL_FROM="$X"\n'
    path.write_text(own + path.read_text())

    deployment.extend("compose", path, CATALOG)

    # Compose takes what single quotes hold as it stands, the `\\n` of keys in JSON, too.
    added = {name: value for name, value in read_dotenv(path).items() if name not in own}
    assert path.read_text() == own + deployment.dotenv(added)


def test_what_somebody_changed_in_the_file_of_kubernetes_stays(tmp_path: Path) -> None:
    path = written("kubernetes", tmp_path, services=CATALOG[:2])
    documents = list(yaml.safe_load_all(path.read_text()))
    own = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ours"}}
    coded = _find(documents, "Secret", "users-secrets")
    coded["data"] = {k: b64encode(v.encode()).decode() for k, v in coded["stringData"].items()}
    del coded["stringData"]
    path.write_text(yaml.safe_dump_all([*documents, own]))
    password = read_manifest(path)["USERS_DATABASE_URL"]

    deployment.extend("kubernetes", path, CATALOG)

    extended = list(yaml.safe_load_all(path.read_text()))
    assert own in extended
    assert _find(extended, "Secret", "users-secrets") == coded
    assert read_manifest(path)["USERS_DATABASE_URL"] == password


@pytest.mark.parametrize("target", READ)
def test_a_run_that_ends_midway_leaves_the_file_as_it_was(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(target, tmp_path, services=CATALOG[:2])
    before = path.read_text()

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        deployment.extend(target, path, CATALOG)
    monkeypatch.undo()

    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileExistsError):
        write_new(path, "another")
    assert path.read_text() == before
