"""Encryption of what is kept: AES-256-GCM in a JWE (RFC 7516), under keys from the settings.

The first key seals, all of them open, so that keys can be replaced one after the other.
"""

import hmac
from collections.abc import Sequence
from typing import Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

_ALGORITHMS: Final = ["dir", "A256GCM"]


class SealUnbroken(Exception):
    """No key opens it: the one that sealed it is missing from the settings, or it was changed."""


class Sealer:
    """Seals and opens texts of one purpose.

    Args:
        secrets: Random texts; each gives a key and the key's name, which tells nothing of it.
        purpose: What is sealed; the same secrets give other keys for another purpose.
    """

    def __init__(self, secrets: Sequence[str], purpose: str) -> None:
        keys = [_key(secret.encode(), purpose) for secret in secrets]
        self._first = keys[0]
        self._keys = KeySet(list(keys))

    @property
    def name(self) -> str:
        """The name of the key that seals now."""
        return str(self._first.kid)

    def seal(self, text: str) -> str:
        """Return the text so that only the holder of the secret reads it, and changes show."""
        header = {"alg": "dir", "enc": "A256GCM", "kid": self.name}
        return jwe.encrypt_compact(header, text, self._first, _ALGORITHMS)

    def unseal(self, sealed: str) -> str:
        """Return the text that was sealed.

        Raises:
            SealUnbroken: It was not sealed with one of the secrets, or is not what was sealed.
        """
        try:
            opened = jwe.decrypt_compact(sealed, self._keys, _ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise SealUnbroken from error
        return (opened.plaintext or b"").decode()


def _key(secret: bytes, purpose: str) -> OctKey:
    """Derive a key from a random secret; HMAC is the extraction of HKDF (RFC 5869, 2.2)."""
    name = hmac.digest(secret, f"name of the key of {purpose}".encode(), "sha256")
    raw = hmac.digest(secret, f"key of {purpose}".encode(), "sha256")
    return OctKey.import_key(raw, {"kid": name[:6].hex(), "use": "enc"})
