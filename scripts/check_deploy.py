"""Checks image, compose and manifests without running a container, one line each."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import kubernetes_validate
import yaml

from devstack.catalog import Service, load_catalog
from devstack.deployment import OUTPUTS, render
from devstack.deployment_checks import (
    check_gateway,
    check_selectors,
    check_topology,
    check_traefik_image,
    compose_processes,
    kubernetes_processes,
)
from devstack.gateway.render import drifted_files
from devstack.image_checks import installed_packages, missing_packages

ROOT = Path(__file__).parents[1]
BINARIES = Path(sysconfig.get_path("scripts"))
# Their schemas come with Traefik's chart; check_gateway follows what they name instead.
TRAEFIK_KINDS = ("IngressRoute", "Middleware", "ServersTransport")


class CheckFailed(Exception):
    """A tool refused its input; the message is what it said."""


def run(tool: str, *arguments: str) -> str:
    """Run a tool of the environment in the repository and return what it printed."""
    command = [str(BINARIES / tool), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckFailed((done.stderr or done.stdout).strip())
    return done.stdout


def compose_config() -> dict[str, Any]:
    """Return compose's resolved model, as it is with fresh secrets."""
    with TemporaryDirectory() as folder:
        secrets = Path(folder) / ".env"
        secrets.write_text(render("compose", load_catalog(ROOT)))
        text = run("docker-compose", "--env-file", str(secrets), "config", "--format", "json")
    config: dict[str, Any] = json.loads(text)
    return config


def manifests(overlay: str) -> list[dict[str, Any]]:
    """Return the documents of an overlay, built in a copy that has its secrets."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "k8s"
        shutil.copytree(ROOT / "deploy/k8s", copy)
        secrets = copy / Path(OUTPUTS["kubernetes"]).relative_to("deploy/k8s")
        secrets.write_text(render("kubernetes", load_catalog(ROOT)))
        return list(
            yaml.safe_load_all(run("kubectl", "kustomize", str(copy / "overlays" / overlay)))
        )


def validate(documents: list[dict[str, Any]]) -> list[str]:
    """Hold every document to Kubernetes' own strict schema."""
    problems = []
    newest = kubernetes_validate.latest_version()
    for document in documents:
        if document["kind"] in TRAEFIK_KINDS:
            continue
        try:
            kubernetes_validate.validate(document, newest, strict=True)
        except kubernetes_validate.ValidationError as error:
            problems.append(f"{document['kind']} {document['metadata']['name']}: {error}")
    return problems


def check_image() -> list[str]:
    run("hadolint", "Dockerfile")
    bootstrap = (ROOT / "scripts/bootstrap").read_text()
    (locked,) = re.findall(r"^UV_VERSION=(.*)", bootstrap, re.MULTILINE)
    if f"/uv:{locked} " not in (ROOT / "Dockerfile").read_text():
        return [f"the image is built with another uv than {locked}"]
    return [problem for service in load_catalog(ROOT) for problem in check_packages(service)]


def check_packages(service: Service) -> list[str]:
    """Hold what a service imports against what its image is locked to."""
    uv = shutil.which("uv", path=f"{ROOT}/.tools/uv/bin:{os.environ['PATH']}") or "uv"
    export = ("export", "--frozen", "--no-dev", "--no-hashes", "--no-annotate", "--quiet")
    installed = installed_packages(run(uv, *export, f"--package={service.name}-service"))
    common = set((ROOT / "libs/common/src/common").rglob("*.py"))
    testing = set((ROOT / "libs/common/src/common/testing").rglob("*.py"))
    own = set((ROOT / "services" / service.name / "src").rglob("*.py"))
    migrations = set((ROOT / "services" / service.name / "migrations").rglob("*.py"))
    return missing_packages(
        common - testing | own | migrations, installed, {"common", service.package}
    )


def check_compose() -> list[str]:
    config = compose_config()
    return check_traefik_image(config) + check_topology(ROOT, compose_processes(config))


def check_overlay(overlay: str) -> list[str]:
    documents = manifests(overlay)
    return [
        *validate(documents),
        *check_gateway(documents),
        *check_selectors(documents),
        *check_topology(ROOT, kubernetes_processes(documents)),
    ]


def check_drift() -> list[str]:
    return [f"{name}: run python -m devstack.gateway render" for name in drifted_files(ROOT)]


def report(name: str, check: Callable[[], list[str]]) -> bool:
    """Run a check and print its line; return whether it passed."""
    try:
        problems = check()
    except CheckFailed as error:
        problems = [str(error)]
    print(f"  {'FAIL' if problems else 'ok':5} {name}")
    for problem in problems:
        print(f"        {problem}")
    return not problems


def main() -> int:
    overlays = sorted(path.name for path in (ROOT / "deploy/k8s/overlays").iterdir())
    checks: dict[str, Callable[[], list[str]]] = {
        "Dockerfile: hadolint, and each image has what its service imports": check_image,
        "gateway: rendered from the catalog": check_drift,
        "compose: valid, the native stack's processes and settings": check_compose,
    }
    for overlay in overlays:
        name = f"kubernetes {overlay}: valid, the native stack's processes and settings"
        checks[name] = partial(check_overlay, overlay)
    passed = [report(name, check) for name, check in checks.items()]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
