"""The tour of the platform as its users see it: from registration to a read post.

Everything goes through the gateway; mails are read from the mailbox. Each step is a method, so
that tests can do something to the platform between two of them.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

import httpx

from devstack.catalog import load_catalog

PASSWORD_BYTES = 18
_LINK = re.compile(r"https?://\S*[?&]token=([\w.~%-]+)\S*")


class StepFailed(Exception):
    """The platform did not answer what the tour promises."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the tour waits: for mails, and for what follows an event elsewhere."""

    mail_seconds: float = 2.0
    event_seconds: float = 2.0


DEFAULT_PATIENCE = Patience()


NAME: Final = "Ada Author"


class Person:
    """Somebody with an address, a password, and after a login with tokens."""

    def __init__(self, role: str) -> None:
        self.username = f"{role}_{secrets.token_hex(4)}"
        self.email = f"{self.username}@example.com"
        self.password = secrets.token_urlsafe(PASSWORD_BYTES)
        self.mailed_token = ""
        self.refresh_token = ""
        self.headers: dict[str, str] = {}

    @property
    def credentials(self) -> dict[str, str]:
        return {"email": self.email, "password": self.password}


class Tour:
    """An author and a reader. Use it as a context manager; `steps` has the methods in order."""

    def __init__(
        self, gateway_url: str, mailbox_url: str, patience: Patience = DEFAULT_PATIENCE
    ) -> None:
        self.author, self.reader = Person("author"), Person("reader")
        self.post: dict[str, Any] = {}
        self._gateway = httpx.Client(base_url=gateway_url, timeout=10)
        self._mailbox = httpx.Client(base_url=mailbox_url, timeout=10)
        self._patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._gateway.close()
        self._mailbox.close()

    @property
    def steps(self) -> tuple[Callable[[], None], ...]:
        return (
            self.register,
            self.receive_mails,
            self.verify,
            self.log_in,
            self.describe_oneself,
            self.follow,
            self.publish,
            self.read,
            self.rename,
            self.be_notified,
            self.look_at_the_documents,
            self.log_out,
        )

    def run(self) -> None:
        """Take every step.

        Raises:
            StepFailed: the message says what was expected and what came.
        """
        for step in self.steps:
            step()

    def register(self) -> None:
        """Two people register; a weak password and a taken name are refused."""
        for person in (self.author, self.reader):
            body = person.credentials | {"username": person.username}
            self._call("POST", "/api/v1/auth/register", 202, json=body)
        stranger = Person("stranger")
        weak = {"email": stranger.email, "password": "short", "username": stranger.username}
        self._call("POST", "/api/v1/auth/register", 422, json=weak)
        taken = stranger.credentials | {"username": self.author.username}
        self._call("POST", "/api/v1/auth/register", 409, json=taken)

    def receive_mails(self) -> None:
        """Each gets a mail; its link opens a page with a button."""
        for person in (self.author, self.reader):
            mail_to = partial(self._mail_to, person.email)
            text = self._eventually(mail_to, self._patience.mail_seconds, "a mail")
            link = _LINK.search(text)
            if link is None:
                raise StepFailed(f"the mail has no link with a token:\n{text}")
            person.mailed_token = link[1]
            page = self._call("GET", link[0], 200)
            _expect("<button" in page.text, page, "a page with a button")

    def verify(self) -> None:
        """Nobody logs in before the address is verified, and a link works once."""
        for person in (self.author, self.reader):
            self._call("POST", "/api/v1/auth/login", 403, json=person.credentials)
            token = {"token": person.mailed_token}
            self._call("POST", "/api/v1/auth/verify-email", 204, json=token)
            again = self._gateway.post("/api/v1/auth/verify-email", json=token)
            _expect(again.is_client_error, again, "a refusal of the used link")

    def log_in(self) -> None:
        """Both log in and refresh their tokens, signed by a published key."""
        for person in (self.author, self.reader):
            self._take_tokens(person, "/api/v1/auth/login", person.credentials)
            refresh = {"refresh_token": person.refresh_token}
            self._take_tokens(person, "/api/v1/auth/refresh", refresh)
        keys = self._call("GET", "/.well-known/jwks.json", 200).json()["keys"]
        if not keys:
            raise StepFailed("no key is published")

    def describe_oneself(self) -> None:
        """The author writes a profile that everybody can read."""
        profile = {"display_name": NAME, "bio": "Writes about columns."}
        self._call("PATCH", "/api/v1/users/me", 200, self.author, json=profile)
        seen = self._call("GET", f"/api/v1/users/{self.author.username}", 200).json()
        _expect_fields(seen, profile | {"username": self.author.username})

    def follow(self) -> None:
        """The reader follows the author, as often as wanted."""
        for _ in range(2):
            path = f"/api/v1/users/{self.author.username}/follow"
            self._call("PUT", path, 204, self.reader)

    def publish(self) -> None:
        """The author keeps a draft for themselves and publishes a post in Markdown."""
        draft = {"title": "Not yet", "body": "…", "tags": [], "status": "draft"}
        kept = self._call("POST", "/api/v1/posts", 201, self.author, json=draft).json()
        self._call("GET", f"/api/v1/posts/{kept['id']}", 404, self.reader)
        post = {
            "title": "On columns",
            "body": "They *stand*.<script>alert(1)</script>",
            "tags": ["architecture"],
            "status": "published",
        }
        self.post = self._call("POST", "/api/v1/posts", 201, self.author, json=post).json()
        _expect_fields(self.post, {"title": "On columns", "status": "published"})
        if "<em>stand</em>" not in self.post["body_html"] or "<script" in self.post["body_html"]:
            raise StepFailed(f"the HTML is not what the Markdown says: {self.post['body_html']}")

    def read(self) -> None:
        """Anybody reads it by id and by slug; what did not change is not sent again."""
        # The author's name is on its way to posts: until it is there, the post does change.
        self._until_named(NAME)
        for name in (self.post["id"], self.post["slug"]):
            answer = self._call("GET", f"/api/v1/posts/{name}", 200)
            _expect_fields(answer.json(), {"id": self.post["id"]})
        unchanged = {"If-None-Match": answer.headers["ETag"]}
        self._call("GET", f"/api/v1/posts/{self.post['id']}", 304, headers=unchanged)
        query = {"author": self.author.username, "tag": "architecture"}
        page = self._call("GET", "/api/v1/posts", 200, params=query).json()
        if [item["id"] for item in page["items"]] != [self.post["id"]]:
            raise StepFailed(f"the author's list is not the one post: {page}")

    def rename(self) -> None:
        """The author's new name appears in the post."""
        name = {"display_name": "Ada A. Author"}
        self._call("PATCH", "/api/v1/users/me", 200, self.author, json=name)
        self._until_named(name["display_name"])

    def be_notified(self) -> None:
        """The reader is told of the post, once."""
        items = self._eventually(
            self._items_about_the_post, self._patience.event_seconds, "a notification"
        )
        if len(items) != 1:
            raise StepFailed(f"{len(items)} notifications of one post")

    def look_at_the_documents(self) -> None:
        """The documents of all services are at hand."""
        page = self._call("GET", "/docs", 200)
        _expect("html" in page.headers["Content-Type"], page, "a page")
        for service in load_catalog():
            self._call("GET", f"/api/v1/{service.name}/openapi.json", 200)

    def log_out(self) -> None:
        """Who logs out cannot refresh any more."""
        token = {"refresh_token": self.reader.refresh_token}
        self._call("POST", "/api/v1/auth/logout", 204, self.reader, json=token)
        self._call("POST", "/api/v1/auth/refresh", 401, json=token)

    def _until_named(self, name: str) -> None:
        def is_named() -> bool:
            post = self._call("GET", f"/api/v1/posts/{self.post['id']}", 200).json()
            return bool(post["author"]["display_name"] == name)

        self._eventually(is_named, self._patience.event_seconds, f"the name {name} in the post")

    def _take_tokens(self, person: Person, path: str, body: dict[str, str]) -> None:
        tokens = self._call("POST", path, 200, json=body).json()
        person.refresh_token = tokens["refresh_token"]
        person.headers = {"Authorization": f"Bearer {tokens['access_token']}"}

    def _mail_to(self, address: str) -> str:
        listing = self._mailbox.get("/api/v1/messages", params={"limit": 200}).json()
        for message in listing["messages"]:
            if address in [to["Address"] for to in message["To"]]:
                text: str = self._mailbox.get(f"/api/v1/message/{message['ID']}").json()["Text"]
                return text
        return ""

    def _items_about_the_post(self) -> list[Any]:
        page = self._call("GET", "/api/v1/notifications", 200, self.reader).json()
        return [item for item in page["items"] if self.post["id"] in str(item)]

    def _call(
        self, method: str, path: str, status: int, person: Person | None = None, **options: Any
    ) -> httpx.Response:
        headers = (person.headers if person else {}) | options.pop("headers", {})
        answer = self._gateway.request(method, path, headers=headers, **options)
        _expect(answer.status_code == status, answer, str(status))
        return answer

    def _eventually[T](self, probe: Callable[[], T], seconds: float, what: str) -> T:
        deadline = time.monotonic() + seconds
        while not (found := probe()):
            if time.monotonic() > deadline:
                raise StepFailed(f"{what}: not within {seconds:g} s")
            time.sleep(0.02)
        return found


def _expect(met: bool, answer: httpx.Response, wanted: str) -> None:  # noqa: FBT001 - a condition
    if not met:
        request = answer.request
        came = f"{answer.status_code} {answer.text[:500]}"
        raise StepFailed(f"{request.method} {request.url.path}: expected {wanted}, got {came}")


def _expect_fields(document: dict[str, Any], wanted: dict[str, str]) -> None:
    if document | wanted != document:
        raise StepFailed(f"expected {wanted} in {document}")
