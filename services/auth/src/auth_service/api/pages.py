"""The page behind a mailed link. Mail scanners open links; only a person presses the button.

It is one constant text: the token stays in the browser's address bar, and the policy allows
exactly this script and this style.
"""

import base64
import hashlib
from typing import Final

from fastapi import Response

STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; }
main { max-width: 26rem; padding: 2rem; text-align: center; }
button { font: inherit; padding: .7rem 1.6rem; border: 0; border-radius: .5rem;
  background: #2f5bea; color: #fff; cursor: pointer; }
button:disabled { opacity: .5; cursor: default; }
"""
SCRIPT: Final = """
const button = document.querySelector("button"), text = document.querySelector("p");
const token = new URLSearchParams(location.search).get("token");
if (!token) { button.disabled = true; text.textContent = "This link is incomplete."; }
button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const answer = await fetch(location.pathname, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({token}),
    });
    if (answer.ok) {
      text.textContent = "Your address is confirmed. You can log in now.";
      button.remove();
      return;
    }
    const problem = await answer.json();
    text.textContent = problem.detail;
    button.disabled = answer.status < 500;
  } catch {
    text.textContent = "The server cannot be reached. Please try again.";
    button.disabled = false;
  }
});
"""
PAGE: Final = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Confirm your address</title><style>{STYLE}</style></head>
<body><main><h1>Confirm your address</h1>
<p role="status">Press the button to confirm that this address is yours.</p>
<button type="button">Confirm</button></main><script>{SCRIPT}</script></body>
</html>
"""


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


POLICY: Final = (
    f"default-src 'none'; script-src {_source(SCRIPT)}; style-src {_source(STYLE)}; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def verification_page() -> Response:
    """Return the page; neither caches nor other sites learn its address."""
    headers = {
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return Response(PAGE, media_type="text/html", headers=headers)
