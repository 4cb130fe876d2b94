"""The mailbox: every mail is kept, shown harmlessly, and described as Mailpit does."""

import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage

import httpx
import pytest

from devstack.mailbox.mail import CAPACITY
from devstack.processes import free_port, is_free, wait_until


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """The HTTP and the SMTP port of a running mailbox."""
    http_port = free_port()
    smtp_port = free_port(avoid=[http_port])
    command = [sys.executable, "-m", "devstack.mailbox", str(http_port), str(smtp_port)]
    with subprocess.Popen(command) as process:
        wait_until(lambda: not is_free(http_port), seconds=20, what="the mailbox listens")
        yield http_port, smtp_port
        process.terminate()


@pytest.fixture
def mailbox(ports: tuple[int, int]) -> Iterator[httpx.Client]:
    """A client of the emptied mailbox."""
    with httpx.Client(base_url=f"http://127.0.0.1:{ports[0]}") as client:
        assert client.delete("/api/v1/messages").text == "ok"
        yield client


@pytest.fixture
def smtp(ports: tuple[int, int]) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", ports[1]) as connection:
        yield connection


def mail(subject: str = "Grüße", to: str = "Ada <ada@example.com>") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Colonnade <no-reply@colonnade.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = "<fixed@colonnade.example>"
    message.set_content("Open https://example.com/verify?token=a.b-c_d\n")
    message.add_alternative("<p>Hello <script>alert(1)</script></p>", subtype="html")
    return message


def test_a_mail_is_listed_and_read_with_mailpits_names(
    mailbox: httpx.Client, smtp: smtplib.SMTP
) -> None:
    smtp.send_message(mail(), to_addrs=["ada@example.com", "hidden@example.com"])

    page = mailbox.get("/api/v1/messages").json()
    assert (page["total"], page["unread"], page["messages_count"]) == (1, 1, 1)
    [message] = page["messages"]
    assert message["Subject"] == "Grüße"
    assert message["From"] == {"Name": "Colonnade", "Address": "no-reply@colonnade.example"}
    assert message["To"] == [{"Name": "Ada", "Address": "ada@example.com"}]
    assert message["Bcc"] == [{"Name": "", "Address": "hidden@example.com"}]
    assert message["MessageID"] == "fixed@colonnade.example"
    assert message["Snippet"].startswith("Open https://example.com")

    for name in (message["ID"], "latest"):
        whole = mailbox.get(f"/api/v1/message/{name}").json()
        assert whole["Text"].strip() == "Open https://example.com/verify?token=a.b-c_d"
        assert "<p>Hello" in whole["HTML"]
    assert mailbox.get("/api/v1/messages").json()["messages"][0]["Read"] is True
    headers = mailbox.get(f"/api/v1/message/{message['ID']}/headers").json()
    assert headers["Message-ID"] == ["<fixed@colonnade.example>"]
    raw = mailbox.get(f"/api/v1/message/{message['ID']}/raw").text
    assert "Message-ID: <fixed@colonnade.example>" in raw


def test_the_newest_mail_comes_first_and_pages_follow(
    mailbox: httpx.Client, smtp: smtplib.SMTP
) -> None:
    for number in range(3):
        smtp.send_message(mail(str(number)))
    page = mailbox.get("/api/v1/messages", params={"start": 1, "limit": 1}).json()
    assert [message["Subject"] for message in page["messages"]] == ["1"]
    assert (page["start"], page["count"], page["total"]) == (1, 1, 3)


def test_chosen_mails_are_deleted(mailbox: httpx.Client, smtp: smtplib.SMTP) -> None:
    for number in range(2):
        smtp.send_message(mail(str(number)))
    newest = mailbox.get("/api/v1/messages").json()["messages"][0]["ID"]
    mailbox.request("DELETE", "/api/v1/messages", json={"IDs": [newest]})
    left = mailbox.get("/api/v1/messages").json()["messages"]
    assert [message["Subject"] for message in left] == ["0"]
    assert mailbox.get(f"/api/v1/message/{newest}").status_code == 404


def test_the_oldest_mails_give_way(mailbox: httpx.Client, smtp: smtplib.SMTP) -> None:
    for number in range(CAPACITY + 2):
        smtp.sendmail("a@example.com", ["b@example.com"], f"Subject: {number}\n\n.")
    page = mailbox.get("/api/v1/messages", params={"start": CAPACITY - 1}).json()
    assert page["total"] == CAPACITY
    assert page["messages"][0]["Subject"] == "2"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no header at all",
        b"Subject: =?utf-8?q?broken\n\n\xff\xfe",
        b"To: <<>>,,;\nFrom: @\nDate: never\nContent-Type: text/plain; charset=nonsense\n\n\xff",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nunfinished",
    ],
)
def test_a_malformed_mail_is_kept_like_any_other(
    mailbox: httpx.Client, smtp: smtplib.SMTP, raw: bytes
) -> None:
    smtp.sendmail("a@example.com", ["b@example.com"], raw)
    assert mailbox.get("/api/v1/messages").json()["total"] == 1
    assert mailbox.get("/api/v1/message/latest").status_code == 200
    assert mailbox.get("/api/v1/message/latest/headers").status_code == 200


def test_the_html_of_a_mail_is_sandboxed(mailbox: httpx.Client, smtp: smtplib.SMTP) -> None:
    smtp.send_message(mail())
    policy = mailbox.get("/view/latest.html").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy
    page = mailbox.get("/")
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "http" not in page.headers["Content-Security-Policy"]
