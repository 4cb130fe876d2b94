"""A checkout as it is, and one with a service of one's own, which is made once."""

from pathlib import Path

import pytest

from libs.devstack.tests.scaffold.checkouts import ROOT, Checkout

type Made = tuple[Checkout, dict[str, list[str]]]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(ROOT, tmp_path / "checkout")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A checkout with a service `billing` of invoices, and what the command told; read only."""
    found = Checkout(ROOT, tmp_path_factory.mktemp("made") / "checkout")
    return found, found.change("service", "billing", "--aggregate", "invoice")


@pytest.fixture
def billing(made: Made, tmp_path: Path) -> Checkout:
    """The same, to do something to."""
    return Checkout(made[0].root, tmp_path / "billing")
