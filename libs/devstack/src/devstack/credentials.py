"""The secrets of one stack: made once, kept with its data, never the same in two stacks."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from devstack.layout import Layout, read_json, write_json


@dataclass(frozen=True, slots=True)
class Credentials:
    """Passwords and keys by name, such as `postgres` or `auth_owner`; keys are PEM (EC P-256)."""

    passwords: dict[str, str]
    keys: dict[str, str]

    def public_key(self, name: str) -> str:
        """The public half of the key `name`, PEM."""
        key = load_pem_private_key(self.keys[name].encode(), password=None)
        return (
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        )


def keep_credentials(
    layout: Layout, *, passwords: Iterable[str], keys: Iterable[str]
) -> Credentials:
    """Those of the stack in `layout`; what is not there yet is made and kept."""
    stored = read_json(layout.secrets)
    kept = Credentials(stored.get("passwords", {}), stored.get("keys", {}))
    for name in passwords:
        kept.passwords.setdefault(name, secrets.token_urlsafe(24))
    for name in keys:
        if name not in kept.keys:
            kept.keys[name] = _new_key()
    write_json(layout.secrets, {"passwords": kept.passwords, "keys": kept.keys})
    return kept


def _new_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
