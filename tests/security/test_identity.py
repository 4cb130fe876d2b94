"""docs/identity.md says what the code does: ways in, lives, keys, and where cryptography is."""

import ast
import importlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from auth_service.settings import Settings
from common.settings import ServiceSettings
from common.testing.apps import settings_values
from devstack.catalog import load_catalog

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "identity.md"
CRYPTOGRAPHY = {"argon2", "cryptography", "hashlib", "hmac", "joserfc", "random", "secrets", "ssl"}


def rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its header; each cell as it is written."""
    section = DOCUMENT.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names(cell: str) -> set[str]:
    """What a cell shows as code."""
    return set(re.findall(r"`([^`]+)`", cell))


def has_token(schema: dict[str, Any]) -> bool:
    return not {"access_token", "token"}.isdisjoint(schema.get("properties", {}))


def operations_that_answer_tokens() -> Iterator[str]:
    for service in load_catalog(ROOT):
        document = json.loads((ROOT / "services" / service.name / "openapi.json").read_text())
        schemas = document["components"]["schemas"]
        for operations in document["paths"].values():
            for operation in operations.values():
                told = json.dumps(
                    [each for code, each in operation["responses"].items() if code[0] == "2"]
                )
                used = re.findall(r"#/components/schemas/(\w+)", told)
                if any(has_token(schemas[name]) for name in used):
                    yield operation["operationId"]


@cache
def settings_of(service: str) -> type[ServiceSettings]:
    found: type[ServiceSettings] = importlib.import_module(f"{service}_service.settings").Settings
    return found


def is_secret(field: FieldInfo) -> bool:
    return SecretStr.__name__ in str(field.annotation)


def secrets_of_all() -> Iterator[str]:
    """The settings that are secret, `*` in place of the services where all have them."""
    for service in load_catalog(ROOT):
        for name, field in settings_of(service.name).model_fields.items():
            if is_secret(field):
                shared = name in ServiceSettings.model_fields
                yield f"{'*' if shared else service.prefix}_{name.upper()}"


def sources() -> Iterator[tuple[str, ast.Module]]:
    """The modules that run in production, by name."""
    for folder in (ROOT / "libs" / "common" / "src", *ROOT.glob("services/*/src")):
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            if "testing" not in parts:
                yield ".".join(parts), ast.parse(file.read_text())


def imports_of(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """What a module imports: packages, and names of them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            package = node.module.partition(".")[0]
            yield from ((package, alias.name) for alias in node.names)


@pytest.mark.requirement("ASVS 6.1.3", "ASVS 6.3.4")
def test_every_way_to_get_a_token_is_written_down() -> None:
    written = [names(row[0]) for row in rows("Ways to get a token")]

    assert all(len(each) == 1 for each in written)
    assert set.union(*written) == set(operations_that_answer_tokens())


@pytest.mark.requirement("ASVS 7.1.1", "ASVS 7.1.2")
def test_the_lives_of_sessions_are_written_down() -> None:
    text = DOCUMENT.read_text()
    written = {names(setting).pop(): int(seconds) for setting, seconds, _ in rows("Sessions")}
    fields = Settings.model_fields
    lives = {
        f"AUTH_{name.upper()}": field.default
        for name, field in fields.items()
        if name in {"access_token_seconds", "refresh_token_seconds", "session_seconds"}
        or name in {"recent_seconds", "mail_link_seconds", "verification_link_seconds"}
    }

    assert written == lives
    assert "An account may have any number of sessions" in text


@pytest.mark.requirement("ASVS 6.1.2")
def test_the_words_that_no_password_contains_are_written_down() -> None:
    section = DOCUMENT.read_text().partition("## Words that no password contains")[2]
    words = section.partition("\n## ")[0]

    assert all(word in words for word in ("address", "username", "`AUTH_PRODUCT_NAME`"))
    assert "product_name" in Settings.model_fields


@pytest.mark.requirement("ASVS 11.1.1", "ASVS 11.1.2")
def test_every_secret_is_written_down() -> None:
    keys = set.union(*(names(row[0]) for row in rows("Keys")))
    credentials = names(
        DOCUMENT.read_text().partition("credentials at servers: ")[2].split("\n")[0]
    )

    assert keys.isdisjoint(credentials)
    assert keys | credentials == set(secrets_of_all())


@pytest.mark.requirement("ASVS 11.1.2", "ASVS 11.2.1")
def test_cryptography_is_where_it_is_written_down() -> None:
    written = {
        names(module).pop(): names(uses) for module, uses, _ in rows("Cryptography in the code")
    }
    found = {
        module: used
        for module, tree in sources()
        if (used := {package for package, _ in imports_of(tree)} & CRYPTOGRAPHY)
    }

    assert found == written


@pytest.mark.requirement("ASVS 11.4.1", "ASVS 11.4.3")
def test_every_hash_is_sha_256() -> None:
    for module, tree in sources():
        hashes = {name for package, name in imports_of(tree) if package == "hashlib" and name}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "hashlib":
                hashes.add(node.attr)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("hmac.new", "hmac.digest"):
                hashes.add(ast.unparse(node.args[-1]).strip("'").removeprefix("hashlib."))
        assert hashes <= {"sha256"}, module


@pytest.mark.requirement("ASVS 11.5.1", "NIST 800-63B-4 3.2.12")
def test_nothing_secret_comes_from_a_generator_that_can_be_guessed() -> None:
    users = {
        module
        for module, tree in sources()
        if "random" in {package for package, _ in imports_of(tree)}
    }

    # Ids of traces are told to everybody.
    assert users == {"common.trace"}


@pytest.mark.requirement("ASVS 11.4.2", "NIST 800-63B-4 3.1.1.2 storage")
def test_passwords_are_hashed_with_parameters_of_today() -> None:
    fields = Settings.model_fields

    # The least that OWASP's cheat sheet on the storage of passwords advises for Argon2id.
    assert fields["argon2_memory_kib"].default >= 19 * 1024
    assert fields["argon2_iterations"].default >= 2
    assert fields["argon2_parallelism"].default >= 1


@pytest.mark.requirement("ASVS 11.2.3", "RFC 8725 3.5")
@pytest.mark.parametrize(
    "weak",
    [
        {"link_secret": "x" * 31},
        {"encryption_keys": ["x" * 31]},
        {"encryption_keys": []},
        {"signing_algorithm": "HS256"},
        {"signing_algorithm": "RS256"},
    ],
)
def test_no_secret_is_short_and_no_algorithm_weak(weak: dict[str, Any]) -> None:
    values = settings_values(
        "auth",
        database_url="postgresql://localhost/x",
        streams_url="redis://localhost/0",
        peers=["auth"],
        encryption_keys=["x" * 32],
        link_secret="x" * 32,
        public_url="http://localhost",
    )

    assert Settings(**values).signing_algorithm == "ES256"
    with pytest.raises(ValidationError, match=next(iter(weak))):
        Settings(**{**values, **weak})


@pytest.mark.requirement("ASVS 2.1.3", "ASVS 6.1.1")
def test_every_limit_is_written_down_and_how_no_owner_is_locked_out() -> None:
    text = (ROOT / "services" / "auth" / "README.md").read_text(encoding="utf-8")
    table = text.partition("| what | limits (`AUTH_LIMIT_…`) |")[2].partition("\n\n")[0]
    written = set()
    for line in table.splitlines()[2:]:
        first, *others = re.findall(r"`([A-Z_]+)`", line.split("|")[2])
        kind = first.rpartition("_")[0]
        written |= {first, *(f"{kind}{other}" for other in others)}
    limits = {name.upper() for name in Settings.model_fields if name.startswith("limit_")}

    assert {f"LIMIT_{name}" for name in written} == limits
    assert "A storm on an account does not keep its owner out" in text
