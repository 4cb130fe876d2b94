"""The routing table in a real Traefik, with small recording upstreams behind it."""

import asyncio
import posixpath
import re
import shutil
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pytest
import pytest_asyncio
import yaml

from common.http.app import KEEP_ALIVE_SECONDS
from devstack.catalog import CatalogError, Service, load_catalog
from devstack.gateway import traefik_command, write_config
from devstack.gateway.kubernetes import helm_values, kubernetes_manifests
from devstack.gateway.render import drifted_files, rendered_files
from devstack.gateway.table import FORWARDING, routes
from devstack.gateway.traefik import dynamic_config, static_config, to_yaml
from devstack.processes import LOOPBACK, free_port

ROOT = Path(__file__).parents[3]
CATALOG = load_catalog(ROOT)
PRIVATE = ("/internal", "/metrics", "/healthz", "/readyz")
PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class Upstream:
    """A service that answers by what its path ends with, and remembers what it was asked."""

    name: str
    port: int = field(default_factory=free_port)
    seen: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.headers = _headers(head)
                await _skip_body(reader, self.headers)
                method, path, _ = head.split(" ", 2)
                self.seen.append(f"{method} {path}")
                if not await self._answer(path, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> bool:
        kind = path.rsplit("/", 1)[-1]
        if kind == "drop":
            return False
        if kind == "hang":
            await asyncio.sleep(60)
        status, content_type, extra = {
            "busy": ("503 Busy", PROBLEM, "Retry-After: 7\r\n"),
            "absent": ("404 Absent", PROBLEM, ""),
            "events": ("200 OK", "text/event-stream", ""),
        }.get(kind, ("200 OK", PROBLEM if "problem" in path else "application/json", ""))
        body = f'{{"by": "{self.name}", "path": "{path}"}}'
        body += " " * (5000 if kind in {"large", "events"} else 0)
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{extra}"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1"))
        await writer.drain()
        return True


@dataclass(frozen=True, slots=True)
class Gateway:
    port: int
    upstreams: dict[str, Upstream]

    async def ask(self, path: str, method: str = "GET", headers: str = "") -> Answer:
        """Send `path` exactly as it is spelled, which no HTTP client would."""
        head = f"{method} {path} HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n{headers}\r\n"
        return await _exchange(self.port, head.encode("latin-1"))


async def _skip_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> None:
    if "transfer-encoding" not in headers:
        await reader.readexactly(int(headers.get("content-length", "0")))
        return
    size = -1
    while size:
        size = int(await reader.readline(), 16)
        await reader.readexactly(size + len("\r\n"))


def _headers(head: str) -> dict[str, str]:
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines}


async def _exchange(port: int, request: bytes, tls: ssl.SSLContext | None = None) -> Answer:
    reader, writer = await asyncio.open_connection(LOOPBACK, port, ssl=tls)
    writer.write(request)
    raw = (await asyncio.wait_for(reader.read(), timeout=10)).decode("latin-1")
    writer.close()
    await writer.wait_closed()
    head, _, body = raw.partition("\r\n\r\n")
    return Answer(int(head.split(" ", 2)[1]), _headers(head), body)


@asynccontextmanager
async def _traefik(*command: str, ready_port: int) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(10):
            while not await _is_routing(ready_port):  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()


async def _is_routing(port: int) -> bool:
    """Before it has read its routes, Traefik's 404 is plain text."""
    try:
        answer = await _exchange(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    except OSError:
        return False
    return answer.headers.get("content-type") == PROBLEM


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def upstreams() -> AsyncIterator[dict[str, Upstream]]:
    """Auth is down; the others answer."""
    apps = {service.name: Upstream(service.name) for service in CATALOG}
    alive = [app for name, app in apps.items() if name != "auth"]
    servers = [await asyncio.start_server(app.serve, LOOPBACK, app.port) for app in alive]
    yield apps
    for server in servers:
        server.close()
        server.close_clients()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway(
    upstreams: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    folder, port = tmp_path_factory.mktemp("gateway"), free_port()
    urls = {name: f"http://{LOOPBACK}:{app.port}" for name, app in upstreams.items()}
    static = write_config(folder, CATALOG, urls, address=f"{LOOPBACK}:{port}", read_timeout="1s")
    table = folder / "dynamic" / "routes.yml"
    table.write_text(
        table.read_text().replace("responseHeaderTimeout: 30s", "responseHeaderTimeout: 1s")
    )
    async with _traefik(*traefik_command(static), ready_port=port):
        yield Gateway(port, upstreams)


@pytest.fixture(autouse=True)
def _nothing_seen_yet(request: pytest.FixtureRequest) -> None:
    if "gateway" in request.fixturenames:
        for app in request.getfixturevalue("upstreams").values():
            app.seen.clear()


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/api/v1/users", "users"),
        ("/api/v1/users/ada?x=1", "users"),
        ("/api/v1/users/openapi.json", "users"),
        ("/api/v1/posts/1/comments", "posts"),
        ("/api/v1/comments/1", "posts"),
        ("/api/v1/feed?limit=5", "posts"),
        ("/api/v1/tags", "posts"),
        ("/api/v1/notifications", "notifier"),
        ("/api/v1/notifier/openapi.json", "notifier"),
        ("/api/v1/../v1/posts//1", "posts"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_public_path_reaches_its_service(
    gateway: Gateway, path: str, owner: str, method: str
) -> None:
    answer = await gateway.ask(path, method)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert f'"by": "{owner}"' in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/", "/api/v1", "/api/v1/", "/api/v1/postsx", "/api/v1/postsx/1", "/API/v1/posts", "/docsx",
        "/api/v1/notifier", "/api/v1/notifier/openapi.json/x", "/ping", "/dashboard/"
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
async def test_a_path_without_a_route_is_a_problem(
    gateway: Gateway, path: str, method: str
) -> None:
    answer = await gateway.ask(path, method)
    assert (answer.status, answer.headers["content-type"]) == (404, PROBLEM)
    assert "/problem/404" in answer.body


@pytest.mark.parametrize("private", PRIVATE)
@pytest.mark.parametrize(
    "spelling",
    [
        "{0}", "{0}/", "/{0}", "//{0}", "/.{0}", "/..{0}", "{0}/x", "{0};x", "{0}?x=1", "{0}%20",
        "/api/v1/posts/../../..{0}", "/api/v1/posts/../../../{0}", "/api/v1/posts/..{0}",
        "/api/v1/posts/%2e%2e/%2e%2e/%2e%2e{0}", "/api/v1/posts/.%2e/%2E./..{0}",
        "/api/v1/posts/..%2f..%2f..{0}", "/api/v1/posts%2f..%2f..{0}", "/api/v1/posts/..%5c..{0}",
        "/api/v1/posts/..%252f..%252f..{0}", "/api/v1/posts%00{0}", "/api/v1/posts%3f{0}",
        "/api/v1/posts/..%3b{0}", "/api/v1/posts%23{0}", "/docs/..{0}", "/docs/%2e%2e{0}",
        "/problem/..{0}", "http://anything{0}", "http://other//{0}",
    ],
)  # fmt: skip
async def test_no_spelling_reaches_a_private_path(
    gateway: Gateway, private: str, spelling: str
) -> None:
    answer = await gateway.ask(spelling.format(private))
    seen = [path for app in gateway.upstreams.values() for path in app.seen]
    if answer.status == 400:  # Refused before routing, by Traefik itself.
        assert not seen
    elif answer.status == 404:
        assert seen == ["GET /problem/404"]
        assert answer.headers["content-type"] == PROBLEM
    else:
        (only,) = seen
        reached = posixpath.normpath(unquote(unquote(only.removeprefix("GET "))))
        assert reached.startswith("/api/v1/posts/")


@pytest.mark.parametrize("separator", ["..;", ";", "%80.."])
async def test_an_odd_but_legal_path_stays_below_its_route(
    gateway: Gateway, separator: str
) -> None:
    await gateway.ask(f"/api/v1/posts/{separator}/healthz")
    assert gateway.upstreams["posts"].seen == [f"GET /api/v1/posts/{separator}/healthz"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
async def test_a_service_that_is_down_is_a_502_problem(gateway: Gateway, method: str) -> None:
    answer = await gateway.ask("/api/v1/auth/login", method)
    assert (answer.status, answer.headers["content-type"]) == (502, PROBLEM)
    assert ("/problem/502" in answer.body) is (method != "HEAD")


async def test_a_service_that_hangs_is_a_504_problem(gateway: Gateway) -> None:
    answer = await gateway.ask("/api/v1/posts/hang", "POST")
    assert (answer.status, answer.headers["content-type"]) == (504, PROBLEM)


@pytest.mark.parametrize("path", ["/docs", "/docs/assets/swagger-ui.css", "/problem/404"])
async def test_a_page_of_the_platform_comes_from_any_app_that_is_up(
    gateway: Gateway, path: str
) -> None:
    answer = await gateway.ask(path)
    assert answer.status == 200
    assert path in answer.body


async def test_a_services_own_503_passes_with_its_headers(gateway: Gateway) -> None:
    answer = await gateway.ask("/api/v1/posts/busy")
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert "/api/v1/posts/busy" in answer.body


async def test_a_services_own_404_passes(gateway: Gateway) -> None:
    answer = await gateway.ask("/api/v1/posts/absent")
    assert answer.status == 404
    assert "/api/v1/posts/absent" in answer.body


async def test_a_large_answer_is_compressed(gateway: Gateway) -> None:
    answer = await gateway.ask("/api/v1/posts/large", headers="Accept-Encoding: gzip\r\n")
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 500
    plain = await gateway.ask("/api/v1/posts/large")
    assert "content-encoding" not in plain.headers
    assert answer.headers["vary"] == plain.headers["vary"] == "Accept-Encoding, Origin"


def test_the_gateway_drops_idle_connections_before_the_app_does() -> None:
    assert float(FORWARDING["idleConnTimeout"].removesuffix("s")) < KEEP_ALIVE_SECONDS


async def test_an_event_stream_is_never_compressed(gateway: Gateway) -> None:
    answer = await gateway.ask("/api/v1/posts/events", headers="Accept-Encoding: gzip, br\r\n")
    assert answer.headers["content-type"] == "text/event-stream"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    "header", ["X-User-Id", "x-user-id", "X_User_Id", "Remote-User", "X-Forwarded-User"]
)
@pytest.mark.requirement("ASVS 4.1.3", "RFC 9700 4.13")
async def test_an_identity_header_never_reaches_a_service(gateway: Gateway, header: str) -> None:
    await gateway.ask("/api/v1/posts", headers=f"{header}: admin\r\nX-Request-ID: kept\r\n")
    seen = gateway.upstreams["posts"].headers
    assert "admin" not in seen.values()
    assert seen["x-request-id"] == "kept"


@pytest.mark.requirement("ASVS 4.1.3", "RFC 9700 4.13")
async def test_a_client_cannot_forge_its_address(gateway: Gateway) -> None:
    await gateway.ask(
        "/api/v1/posts", headers="X-Forwarded-For: 10.1.2.3\r\nX-Real-Ip: 10.1.2.3\r\n"
    )
    assert "10.1.2.3" not in gateway.upstreams["posts"].headers.values()


async def test_a_read_is_retried_while_its_service_is_away_and_a_write_is_not(
    gateway: Gateway,
) -> None:
    started = time.monotonic()
    await gateway.ask("/api/v1/auth/me")
    assert time.monotonic() - started > 0.1
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        await gateway.ask("/api/v1/posts/drop", method)
        assert gateway.upstreams["posts"].seen.count(f"{method} /api/v1/posts/drop") == 1


@pytest.mark.requirement("ASVS 4.2.1")
@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 49\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 49\r\n",
        "Content-Length: 5\r\nContent-Length: 49\r\n",
        "Content-Length: 5, 49\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5\r\n Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\nContent-Length: 49\r\n",
        "Transfer-Encoding: xchunked\r\nContent-Length: 49\r\n",
        "Transfer-Encoding: chunked, identity\r\nContent-Length: 49\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
    ],
)
async def test_no_request_hides_in_the_body_of_another(gateway: Gateway, framing: str) -> None:
    hidden = "GET /api/v1/users/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    head = f"POST /api/v1/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{framing}\r\n"
    await _exchange(gateway.port, f"{head}0\r\n\r\n{hidden}".encode("latin-1"))
    seen = [path for app in gateway.upstreams.values() for path in app.seen]
    assert seen in ([], ["POST /api/v1/posts"])


async def test_a_client_that_never_ends_its_request_is_cut(gateway: Gateway) -> None:
    slow = b"POST /api/v1/posts HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this"
    reader, writer = await asyncio.open_connection(LOOPBACK, gateway.port)
    writer.write(slow)
    await asyncio.wait_for(reader.read(), timeout=5)
    assert reader.at_eof()
    writer.close()
    assert not gateway.upstreams["posts"].seen


async def test_headers_beyond_the_limit_are_refused(gateway: Gateway) -> None:
    assert (await gateway.ask("/api/v1/posts", headers=f"X: {'x' * 60_000}\r\n")).status == 431


@pytest.mark.requirement("ASVS 4.1.2")
async def test_compose_serves_the_same_table_over_tls(
    upstreams: dict[str, Upstream], tmp_path: Path
) -> None:
    web, secure, ops = free_port(), free_port(), free_port()
    static = static_config(
        address=f"{LOOPBACK}:{web}",
        tls_address=f"{LOOPBACK}:{secure}",
        ops_address=f"{LOOPBACK}:{ops}",
        dynamic=str(tmp_path / "dynamic"),
    )
    (tmp_path / "dynamic").mkdir()
    urls = {name: f"http://{LOOPBACK}:{app.port}" for name, app in upstreams.items()}
    (tmp_path / "dynamic" / "x.yml").write_text(to_yaml(dynamic_config(CATALOG, urls)))
    (tmp_path / "traefik.yml").write_text(to_yaml(static))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with _traefik(*traefik_command(tmp_path / "traefik.yml"), ready_port=web):
        request = "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        public = request.format("/api/v1/posts").encode()
        assert (await _exchange(secure, public, context)).status == 200
        assert (await _exchange(web, public)).status == 200
        assert (await _exchange(ops, request.format("/ping").encode())).status == 200
        assert (await _exchange(ops, public)).status == 404


async def test_the_charts_arguments_start_traefik_with_the_same_refusals(
    upstreams: dict[str, Upstream], tmp_path: Path
) -> None:
    port, secure = free_port(), free_port()
    urls = {name: f"http://{LOOPBACK}:{app.port}" for name, app in upstreams.items()}
    (tmp_path / "routes.yml").write_text(to_yaml(dynamic_config(CATALOG, urls)))
    command = (
        traefik_command(tmp_path)[0],
        f"--entryPoints.web.address={LOOPBACK}:{port}",
        f"--entryPoints.websecure.address={LOOPBACK}:{secure}",
        f"--providers.file.directory={tmp_path}",
        *helm_values()["additionalArguments"],
    )
    async with _traefik(*command, ready_port=port):
        gateway = Gateway(port, upstreams)
        assert (await gateway.ask("/api/v1/posts/..%2fx")).status == 400
        await gateway.ask("/api/v1/posts", headers="X_User_Id: admin\r\n")
        assert "admin" not in upstreams["posts"].headers.values()


def test_kubernetes_has_the_same_table() -> None:
    (ingress,) = (doc for doc in kubernetes_manifests(CATALOG) if doc["kind"] == "IngressRoute")
    rendered = {
        (route["match"], route["priority"], *(each["name"] for each in route["middlewares"]))
        for route in ingress["spec"]["routes"]
    }
    table = routes(CATALOG)
    assert rendered == {(route.rule, route.priority, *route.middlewares) for route in table}
    assert len(rendered) == len(table)


def test_every_service_has_an_upstream_in_kubernetes() -> None:
    text = to_yaml(*kubernetes_manifests(CATALOG))
    apps = set(re.findall(r"name: (\S+-app)\b", text))
    assert apps == {f"{service.name}-app" for service in CATALOG} | {"any-app"}


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("/api/v1/posts", "/api/v1/posts", "both claim"),
        ("/api/v1/posts", "/api/v1/posts/1/likes", "both claim"),
        ("/api/v1/posts", "/internal", "not a public path"),
        ("/api/v1/posts", "/healthz", "not a public path"),
        ("/api/v1/posts", "/api/v1/x/", "not a public path"),
        ("/api/v1/posts", "/api/v1/x`) || PathPrefix(`/", "not a public path"),
    ],
)
def test_a_claim_that_is_not_the_services_own_is_refused(one: str, other: str, reason: str) -> None:
    claims = [
        Service(name, ("app",), (path,), emits=False, consumes=(), calls=())
        for name, path in (("one", one), ("other", other))
    ]
    with pytest.raises(CatalogError, match=reason):
        routes(claims)


def test_paths_that_only_look_alike_are_two_claims() -> None:
    claims = [
        Service(name, ("app",), (f"/api/v1/{name}",), emits=False, consumes=(), calls=())
        for name in ("x", "xy")
    ]
    assert len(routes(claims)) == 7


def test_the_committed_files_are_those_of_the_table() -> None:
    assert drifted_files(ROOT) == []


@pytest.mark.parametrize("name", rendered_files(CATALOG))
def test_a_changed_or_missing_file_is_a_drift(tmp_path: Path, name: str) -> None:
    shutil.copy(ROOT / "colonnade.toml", tmp_path)
    for path, text in rendered_files(CATALOG).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert drifted_files(tmp_path) == []
    (tmp_path / name).write_text((tmp_path / name).read_text().replace(": ", ":  ", 1))
    assert drifted_files(tmp_path) == [name]
    (tmp_path / name).unlink()
    assert drifted_files(tmp_path) == [name]


def test_a_new_route_in_the_catalog_is_a_drift(tmp_path: Path) -> None:
    catalog = (ROOT / "colonnade.toml").read_text()
    (tmp_path / "colonnade.toml").write_text(catalog.replace('"/api/v1/posts"', '"/api/v1/tags"'))
    for path in rendered_files(CATALOG):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    assert drifted_files(tmp_path) == ["gateway/dynamic.yml", "deploy/k8s/base/gateway/routes.yaml"]


def test_the_rendered_files_are_yaml_without_anchors() -> None:
    for text in rendered_files(CATALOG).values():
        assert list(yaml.safe_load_all(text))
        assert not re.search(r"[&*]id\d", text)
