"""A service comes and goes by one command each, and nothing of it is left or half made."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devstack.catalog import load_catalog
from devstack.scaffold.aggregates import head_of
from devstack.scaffold.contracts import index
from devstack.scaffold.names import LONGEST_AGGREGATE, LONGEST_SERVICE
from devstack.scaffold.workspace import PREFIX
from libs.devstack.tests.scaffold.checkouts import ROOT, Checkout
from libs.devstack.tests.scaffold.conftest import Made

RUFF = str(Path(sys.executable).with_name("ruff"))
SOURCE = "services/billing/src/billing_service"


def in_shape(text: str, path: str) -> str:
    """A module as ruff would have it."""
    sorting = ["check", "--select", "I,RUF022", "--fix", "--exit-zero", "--quiet"]
    for command in (sorting, ["format"]):
        done = subprocess.run(
            [RUFF, *command, "--stdin-filename", path, "-"],
            cwd=ROOT, input=text, capture_output=True, text=True, check=True,
        )  # fmt: skip
        text = done.stdout
    return text


def test_a_service_and_a_slice_leave_no_trace_when_they_go(billing: Checkout) -> None:
    billing.change("aggregate", "--service", "billing", "credit_note")
    told = billing.change("remove", "billing")

    assert billing.files() == Checkout(ROOT, billing.root.parent / "again").files()
    assert f"{SOURCE}/api/credit_notes.py" in told["removed"]
    (kept,) = (billing.root / ".devstack/removed").iterdir()
    assert kept.name.startswith("billing-")
    assert (kept / "src/billing_service/usecases/credit_notes.py").exists()


def test_the_rooms_are_those_of_a_service_that_lives(
    made: Made,
) -> None:
    billing, told = made
    rooms = {
        str(path.relative_to(ROOT / "services/users/src/users_service").parent)
        for path in (ROOT / "services/users/src/users_service").rglob("*.py")
    }
    assert rooms == {
        str(Path(path).relative_to(SOURCE).parent)
        for path in told["created"]
        if path.startswith(SOURCE)
    }
    app = (ROOT / "services/users/src/users_service/app.py").read_text().replace("users", "billing")
    assert sorted(billing.text(f"{SOURCE}/app.py").split()) == sorted(app.split())


def test_a_service_is_in_the_one_list_and_in_what_follows_from_it(
    made: Made,
) -> None:
    billing, told = made
    service = load_catalog(billing.root)[-1]
    assert (service.name, service.routes, service.consumes) == (
        "billing", ("/api/v1/billing",), ("auth",)
    )  # fmt: skip
    for path in (
        "README.md", "docker-compose.yml", "pyproject.toml", "uv.lock", "gateway/dynamic.yml",
        "deploy/k8s/base/gateway/routes.yaml", "deploy/k8s/base/kustomization.yaml",
        "deploy/k8s/overlays/local/kustomization.yaml", "docs/openapi.json", "docs/events.md",
        "docs/settings.md", "docs/errors.md", "docs/asyncapi.json",
    ):  # fmt: skip
        assert path in told["changed"]
        assert "billing" in billing.text(path).lower(), path
    golden = "libs/common/tests/contracts/golden/billing.invoice"
    assert {f"{golden}_changed.v1.json", f"{golden}_deleted.v1.json"} <= set(told["created"])


def test_a_slice_joins_what_is_there(billing: Checkout) -> None:
    billing.change("aggregate", "--service", "billing", "story", "--plural", "stories")

    for path, line in {
        "api/__init__.py": "from billing_service.api.stories import router as stories",
        "models/__init__.py": "from billing_service.models.stories import Story",
        "unit_of_work.py": "    stories: Stories",
        "errors.py": "└── NotFound   InvoiceNotFound, StoryNotFound",
        "api/snapshots.py": "async def _read_stories(",
    }.items():
        assert line in billing.text(f"{SOURCE}/{path}").splitlines(), path
    readme = billing.text("services/billing/README.md")
    assert readme.index("/billing/invoices") < readme.index("/billing/stories")
    versions = billing.root / "services/billing/migrations/versions"
    (last,) = versions.glob("*create_stories.py")
    assert f'revision: str = "{head_of(versions)}"' in last.read_text()


def test_the_longest_names_fit_into_lines_of_a_hundred(checkout: Checkout) -> None:
    service = "s" * LONGEST_SERVICE
    aggregate = ("long_" * LONGEST_AGGREGATE)[: LONGEST_AGGREGATE - 1].rstrip("_")
    told = checkout.change("service", service, "--aggregate", aggregate)

    python = [path for path in told["created"] if path.endswith(".py")]
    for command in (["format", "--check"], ["check", "--no-cache"]):
        done = subprocess.run(
            [RUFF, *command, *python],
            cwd=checkout.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("service", ""), "'' is no name for a service"),
        (("service", "users"), "there is a service 'users' already"),
        (("service", "import"), "keyword"),
        (("service", "shop", "--aggregate", "object"), "builtin"),
        (("service", "shop", "--aggregate", "profile"), "ProfileChanged on the platform already"),
        (("aggregate", "--service", "shop", "order"), "there is no service 'shop'"),
        (("aggregate", "--service", "posts", "draft"), "posts keeps no accounts"),
        (("aggregate", "--service", "billing", "invoice"), "invoices.py is there already"),
        (("remove", "shop"), "there is no service 'shop'"),
        (("remove", "notifier"), "belongs to the platform"),
    ],
)
def test_what_is_refused_changes_nothing(
    made: Made, arguments: tuple[str, ...], complaint: str
) -> None:
    billing, _ = made
    before = billing.files()
    status, said = billing.run(*arguments)

    assert (status, billing.files()) == (1, before)
    assert said.startswith("✗ ")
    assert complaint in said


def test_a_slice_that_no_longer_finds_its_place_names_it(billing: Checkout) -> None:
    path = billing.root / SOURCE / "unit_of_work.py"
    path.write_text(path.read_text().replace("return cls(", "return type(self)("))
    before = billing.files()
    status, said = billing.run("aggregate", "--service", "billing", "credit_note")

    assert (status, billing.files()) == (1, before)
    assert "billing_service/unit_of_work.py: there is no class Tx with" in said


def test_a_service_that_others_use_does_not_go(billing: Checkout) -> None:
    consumer = billing.root / "services/posts/src/posts_service/consumers/billing.py"
    consumer.write_text("from common.contracts import InvoiceChanged\n")
    assert (
        "posts_service/consumers/billing.py uses billing's events"
        in billing.run("remove", "billing")[1]
    )
    consumer.unlink()

    catalog = billing.root / "colonnade.toml"
    catalog.write_text(catalog.read_text().replace('["auth", "users"]', '["auth", "billing"]'))
    status, said = billing.run("remove", "billing")
    assert (status, "posts consumes or calls billing" in said) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_the_checkout_as_it_was(
    checkout: Checkout, number: signal.Signals
) -> None:
    before = checkout.files()
    process = subprocess.Popen(
        checkout.command("service", "billing"), env=checkout.environment, stderr=subprocess.PIPE
    )
    while not list(checkout.root.glob(f"{PREFIX}*/tree/services/billing")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate()

    assert (process.returncode, said) == (130, b"Interrupted.\n")
    assert checkout.files() == before


def test_the_index_of_contracts_says_what_its_modules_hold() -> None:
    path = "libs/common/src/common/contracts/__init__.py"
    assert in_shape(index(ROOT), path) == (ROOT / path).read_text()
