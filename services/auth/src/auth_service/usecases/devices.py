"""What a User-Agent says of a device, in words that its owner recognises: `Firefox on Linux`.

The header is the client's own claim: nothing may be decided by it.
"""

import re
from typing import Final

# Of each list the first that occurs: later ones name what the former claim to be compatible with.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_PRODUCT: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}", re.ASCII)


def describe_device(user_agent: str) -> str:
    """Return what a User-Agent says in words; of what is no browser, the name of the program."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {system}"
    product = _PRODUCT.match(user_agent)
    return browser or system or (product[0] if product else "Unknown device")


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for token, name in names if token in user_agent), None)
