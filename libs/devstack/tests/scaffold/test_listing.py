"""A service is written into lists as its model stands there, and taken out again."""

from pathlib import Path

import pytest
import yaml

from devstack.catalog import find_root, load_catalog
from devstack.scaffold.listing import add_service, remove_service
from devstack.scaffold.services import LISTING, MODEL

ROOT = find_root(Path(__file__).parent)
KNOWN = [service.name for service in load_catalog(ROOT)]

LISTS = """\
# users, posts: comments are nobody's.
shared:
  image: auth
  names:
    - auth
    - users
    - posts

x-users: &users
  USERS_URL: ${USERS_URL}

x-posts: &posts
  POSTS_URL: ${POSTS_URL}

services:
  users-app:
    command: users_service.app
    environment: *users

  users-worker:
    environment: *users

  posts-app:
    environment: *posts

networks: # No users here.
  platform:
"""
WITH_BILLING = """\
# users, posts: comments are nobody's.
shared:
  image: auth
  names:
    - auth
    - users
    - posts
    - billing

x-users: &users
  USERS_URL: ${USERS_URL}

x-posts: &posts
  POSTS_URL: ${POSTS_URL}

x-billing: &billing
  BILLING_URL: ${BILLING_URL}

services:
  users-app:
    command: users_service.app
    environment: *users

  users-worker:
    environment: *users

  posts-app:
    environment: *posts

  billing-app:
    command: billing_service.app
    environment: *billing

  billing-worker:
    environment: *billing

networks: # No users here.
  platform:
"""


def test_a_service_is_listed_behind_the_others() -> None:
    known = ["auth", "users", "posts"]
    assert add_service(LISTS, "billing", model="users", services=known) == WITH_BILLING
    assert remove_service(WITH_BILLING, "billing") == LISTS


@pytest.mark.parametrize("path", LISTING)
def test_the_lists_of_this_checkout_take_a_service_and_give_it_back(path: str) -> None:
    text = (ROOT / path).read_text()
    for name in ("billing", "zoo"):
        added = add_service(text, name, model=MODEL, services=KNOWN)
        assert added.lower().count(name) == text.lower().count(MODEL) - _comments(text)
        assert remove_service(added, name) == text
        again = add_service(added, "further", model=MODEL, services=[*KNOWN, name])
        assert remove_service(remove_service(again, name), "further") == text


def test_compose_has_the_new_service_as_it_has_the_model() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    before = yaml.safe_load(text)["services"]
    services = yaml.safe_load(add_service(text, "billing", model=MODEL, services=KNOWN))["services"]
    for process in ("app", "worker", "migrations"):
        old, new = services[f"{MODEL}-{process}"], services[f"billing-{process}"]
        as_old = str(new).replace("billing", MODEL).replace("BILLING", MODEL.upper())
        assert as_old == str(old)
    assert services["provision"]["command"][-1] == "billing"
    # Elsewhere the model's name must be no word for something else.
    assert [each for each in before if services[each] != before[each]] == ["traefik", "provision"]


def _comments(text: str) -> int:
    """How often comments name the model."""
    lines = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    return "\n".join(lines).lower().count(MODEL)
