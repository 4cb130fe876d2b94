"""The one list of services: found from below, refused when it contradicts itself."""

from pathlib import Path

import pytest

from devstack.catalog import CatalogError, find_root, load_catalog

SERVICE = """
[[service]]
name = "{name}"
processes = ["app"]
routes = ["/api/v1/{name}"]
emits = {emits}
consumes = {consumes}
calls = []
"""


def write(root: Path, *services: str) -> Path:
    (root / "colonnade.toml").write_text("".join(services))
    return root


def service(name: str, *, emits: bool = True, consumes: str = "[]") -> str:
    return SERVICE.format(name=name, emits=str(emits).lower(), consumes=consumes)


@pytest.fixture(autouse=True)
def no_root_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLONNADE_ROOT", raising=False)


def test_the_catalog_of_this_checkout_is_whole() -> None:
    root = find_root(Path(__file__))
    names = [service.name for service in load_catalog(root)]
    assert names[:4] == ["auth", "users", "posts", "notifier"]
    assert set(names) == {path.parent.name for path in root.glob("services/*/pyproject.toml")}


def test_the_root_is_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, service("auth"))
    below = tmp_path / "services" / "auth"
    below.mkdir(parents=True)
    assert find_root(below) == tmp_path
    monkeypatch.setenv("COLONNADE_ROOT", str(below))
    assert find_root(tmp_path) == below


def test_no_root_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"no colonnade\.toml in .* set COLONNADE_ROOT"):
        find_root(tmp_path)


def test_a_service_has_a_package_and_a_prefix(tmp_path: Path) -> None:
    [auth] = load_catalog(write(tmp_path, service("auth")))
    assert (auth.package, auth.prefix, auth.schema) == ("auth_service", "AUTH", "auth")


@pytest.mark.parametrize(
    ("services", "complaint"),
    [
        ([service("auth"), service("auth")], "same name"),
        ([service("auth", consumes='["mars"]')], r"unknown services: \['mars'\]"),
        ([service("auth", emits=False), service("users", consumes='["auth"]')], "emit nothing"),
        ([service("auth").replace('"app"', '"cron"')], r"unknown processes: \['cron'\]"),
        ([service("auth").replace("calls = []", "")], "lacks 'calls'"),
        (["[[service"], "Expected"),
    ],
)
def test_a_contradiction_is_refused(tmp_path: Path, services: list[str], complaint: str) -> None:
    with pytest.raises(CatalogError, match=complaint):
        load_catalog(write(tmp_path, *services))
