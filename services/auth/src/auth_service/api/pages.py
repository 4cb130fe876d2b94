"""The pages behind mailed links. Mail scanners open links; only a person presses the button.

Each is one constant text: the token stays in the browser's address bar, and the policy allows
exactly this script and this style.
"""

import base64
import hashlib
from typing import Final

from fastapi import Response

from auth_service.usecases.passwords import MAXIMUM_LENGTH, MINIMUM_LENGTH

STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; }
main { max-width: 26rem; padding: 2rem; text-align: center; }
label { display: block; margin-bottom: 1rem; }
input { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .6rem; }
button { font: inherit; padding: .7rem 1.6rem; border: 0; border-radius: .5rem;
  background: #2f5bea; color: #fff; cursor: pointer; }
button:disabled { opacity: .5; cursor: default; }
"""
SCRIPT: Final = """
const form = document.querySelector("form"), text = document.querySelector("p");
const button = form.querySelector("button"), password = form.querySelector("input");
const token = new URLSearchParams(location.search).get("token");
if (!token) { button.disabled = true; text.textContent = "This link is incomplete."; }
const canMend = (status, problem) => status >= 500 || status === 429
  || problem.errors.some((error) => error.pointer === "/password");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  const body = password ? {token, password: password.value} : {token};
  try {
    const answer = await fetch(location.pathname, {
      method: "POST", body: JSON.stringify(body),
      headers: {"Content-Type": "application/json", "X-Session": "cookie"},
    });
    if (answer.ok) {
      text.textContent = form.dataset.done;
      form.remove();
      return;
    }
    const problem = await answer.json();
    text.textContent = problem.detail;
    button.disabled = !canMend(answer.status, problem);
  } catch {
    text.textContent = "The server cannot be reached. Please try again.";
    button.disabled = false;
  }
});
"""
PASSWORD_FIELD: Final = f"""<label>New password
<input type="password" autocomplete="new-password" required minlength="{MINIMUM_LENGTH}"
maxlength="{MAXIMUM_LENGTH}"></label>"""


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


POLICY: Final = (
    f"default-src 'none'; script-src {_source(SCRIPT)}; style-src {_source(STYLE)}; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def _page(*, title: str, text: str, button: str, done: str, fields: str = "") -> str:
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{STYLE}</style></head>
<body><main><h1>{title}</h1>
<p role="status">{text}</p>
<form data-done="{done}">{fields}<button>{button}</button></form></main>
<script>{SCRIPT}</script></body>
</html>
"""


VERIFICATION: Final = _page(
    title="Confirm your address",
    text="Press the button to confirm that this address is yours.",
    button="Confirm",
    done="Your address is confirmed. You can log in now.",
)
CONFIRMATION: Final = _page(
    title="Confirm your new address",
    text="Press the button to make this address the one of your account.",
    button="Confirm",
    done="Your new address is confirmed. You log in with it from now on.",
)
RESET: Final = _page(
    title="Choose a new password",
    text=f"It has at least {MINIMUM_LENGTH} characters: a few words that nobody would guess.",
    button="Save",
    done="Your password is changed. You can log in with it now.",
    fields=PASSWORD_FIELD,
)


LOGIN: Final = _page(
    title="Log in",
    text="Press the button to log in here. It works in the browser that asked for the mail.",
    button="Log in",
    done="You are logged in. You can go back to where you came from.",
)


def verification_page() -> Response:
    """Return the page that confirms an address."""
    return _answer(VERIFICATION)


def confirmation_page() -> Response:
    """Return the page that makes a new address the account's."""
    return _answer(CONFIRMATION)


def reset_page() -> Response:
    """Return the page that asks for a new password."""
    return _answer(RESET)


def login_page() -> Response:
    """Return the page that logs in."""
    return _answer(LOGIN)


def _answer(page: str) -> Response:
    """Return a page; neither caches nor other sites learn its address."""
    headers = {
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return Response(page, media_type="text/html", headers=headers)
