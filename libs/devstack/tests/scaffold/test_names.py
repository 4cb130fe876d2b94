"""What a service and an aggregate may be called."""

from pathlib import Path

import pytest

from devstack.catalog import find_root, load_catalog
from devstack.scaffold.errors import ScaffoldError
from devstack.scaffold.names import check_service_name, name_aggregate

ROOT = find_root(Path(__file__).parent)
CATALOG = load_catalog(ROOT)


@pytest.mark.parametrize("name", ["billing", "post", "b2", "x" * 18, "orders"])
def test_a_plain_word_is_a_name(name: str) -> None:
    check_service_name(name, ROOT, CATALOG)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "is no name"),
        ("b", "is no name"),
        ("Billing", "is no name"),
        ("bil-ling", "is no name"),
        ("bil_ling", "is no name"),
        ("2billing", "is no name"),
        ("billing\n", "is no name"),
        ("../billing", "is no name"),
        ("bílling", "is no name"),
        ("x" * 19, "is no name"),
        ("class", "keyword of Python"),
        ("match", "keyword of Python"),
        ("users", "there is a service 'users' already"),
        ("feed", "posts answers /api/v1/feed already"),
        ("postgres", "a part of the stack"),
        ("any", "the deployment uses it"),
        ("python", "variables of the stack"),
        ("internal", "every service has"),
        ("base", "every service has"),
        ("common", "a package"),
    ],
)
def test_what_cannot_be_a_service_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(ScaffoldError, match=complaint):
        check_service_name(name, ROOT, CATALOG)


@pytest.mark.parametrize(
    "path", ["services/billing", "libs/common/src/common/contracts/billing.py"]
)
def test_a_folder_that_is_in_no_catalog_is_not_written_into(tmp_path: Path, path: str) -> None:
    (tmp_path / path).mkdir(parents=True)
    with pytest.raises(ScaffoldError, match=f"{path} is there already"):
        check_service_name("billing", tmp_path, ())


@pytest.mark.parametrize(
    ("one", "many", "class_name", "article", "path"),
    [
        ("invoice", "invoices", "Invoice", "an invoice", "invoices"),
        ("credit_note", "credit_notes", "CreditNote", "a credit note", "credit-notes"),
        ("billing_item", "billing_items", "BillingItem", "a billing item", "items"),
        ("category", "categories", "Category", "a category", "categories"),
        ("day", "days", "Day", "a day", "days"),
        ("box", "boxes", "Box", "a box", "boxes"),
        ("batch", "batches", "Batch", "a batch", "batches"),
    ],
)
def test_an_aggregate_is_spelt_for_code_addresses_and_sentences(
    one: str, many: str, class_name: str, article: str, path: str
) -> None:
    found = name_aggregate("billing", one)
    assert (found.many, found.class_name, found.with_article, found.path) == (
        many, class_name, article, path
    )  # fmt: skip


def test_an_unusual_plural_can_be_named() -> None:
    assert name_aggregate("billing", "person_card", "people").many == "people"


@pytest.mark.parametrize(
    ("one", "many", "complaint"),
    [
        ("Invoice", None, "is no name"),
        ("", None, "is no name"),
        ("credit__note", None, "is no name"),
        ("note_2", None, "is no name"),
        ("x" * 25, None, "is no name"),
        ("invoice", "in-voices", "is no name"),
        ("yield", None, "keyword"),
        ("object", None, "builtin"),
        ("exception", None, "builtin"),
        ("account", None, "reserved"),
        ("person", "events", "reserved"),
        ("invoice", "accounts", "reserved"),
        ("sheep", "sheep", "both 'sheep'"),
    ],
)
def test_what_cannot_be_an_aggregate_is_refused(one: str, many: str | None, complaint: str) -> None:
    with pytest.raises(ScaffoldError, match=complaint):
        name_aggregate("billing", one, many)
