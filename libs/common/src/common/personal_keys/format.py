"""How a personal access token looks: `clnd_pat_`, 30 random characters, 6 of their checksum.

Scanners of repositories find it by its prefix and know by the checksum that it is one; so does a
verifier, which asks nobody about a token with a typing error.
"""

import re
import secrets
import string
import zlib
from hashlib import sha256
from typing import Final

from common.tokens import InvalidToken

PREFIX: Final = "clnd_pat_"
PATTERN: Final = rf"{PREFIX}[0-9A-Za-z]{{36}}"

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
# 178 bits: nobody guesses one, so that a fast hash is enough to keep (ASVS 5.0, 11.4.2 is about
# what people choose).
_RANDOM_LENGTH: Final = 30
_CHECKSUM_LENGTH: Final = 6
_KEY: Final = re.compile(PATTERN)


def new_key() -> str:
    """Return a new token; whoever calls shows it once and keeps `digest_of` it."""
    body = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return body + _checksum(body)


def is_key(token: str) -> bool:
    """Tell whether a bearer token wants to be one of these."""
    return token.startswith(PREFIX)


def digest_of(key: str) -> bytes:
    """Return the SHA-256 digest by which a token is known.

    Raises:
        InvalidToken: Nobody can have issued it: its form or its checksum is wrong.
    """
    if not _KEY.fullmatch(key) or _checksum(key[:-_CHECKSUM_LENGTH]) != key[-_CHECKSUM_LENGTH:]:
        raise InvalidToken
    return hash_of(key)


def hash_of(text: str) -> bytes:
    """Return the SHA-256 digest of what may be a token: enough to look whether it is known."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _checksum(body: str) -> str:
    """Return the CRC-32 of a token's first part, in base 62."""
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
