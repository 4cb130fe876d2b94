"""What owners read of their devices."""

import pytest

from auth_service.usecases.devices import describe_device

MOZILLA = "Mozilla/5.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "told"),
    [
        (
            f"{MOZILLA} (Windows NT 10.0; Win64; x64; rv:140.0) Gecko Firefox/140",
            "Firefox on Windows",
        ),
        (f"{MOZILLA} (Windows NT 10.0) {WEBKIT} Chrome/140.0 Safari/537.36", "Chrome on Windows"),
        (
            f"{MOZILLA} (Windows NT 10.0) {WEBKIT} Chrome/140.0 Safari/537.36 Edg/140",
            "Edge on Windows",
        ),
        (
            f"{MOZILLA} (Linux; Android 10; K) {WEBKIT} Chrome/140 Mobile Safari/537",
            "Chrome on Android",
        ),
        (
            f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/26 Safari/605",
            "Safari on macOS",
        ),
        (
            f"{MOZILLA} (iPhone; CPU iPhone OS 18_6 like Mac OS X) {WEBKIT} CriOS/140",
            "Chrome on iPhone",
        ),
        ("python-httpx/0.28.1", "python-httpx"),
        ("curl/8.14.1", "curl"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("\u202e evil", "Unknown device"),
    ],
)
def test_a_user_agent_is_told_in_words(user_agent: str, told: str) -> None:
    assert describe_device(user_agent) == told
