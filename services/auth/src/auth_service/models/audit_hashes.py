"""How entries of the audit are hashed: what anybody needs who wants to verify the chain.

An entry's hash is SHA-256 of the former entry's (32 bytes, zeros before the first) and of the entry
as JSON: UTF-8, members in order of their names, no white space (RFC 8785 for what entries hold).
"""

from hashlib import sha256
from typing import Any, Final

import orjson

from auth_service.models.audit import AuditEntry

GENESIS: Final = bytes(32)


def hash_personal(salt: bytes, personal: dict[str, Any]) -> bytes:
    """Return what stands in the chain for the personal part of an entry."""
    return sha256(salt + _canonical(personal)).digest()


def hash_entry(previous: bytes, position: int, entry: AuditEntry) -> bytes:
    """Return the hash of an entry at a position, after the entry whose hash is `previous`."""
    members = {
        "position": position,
        "id": str(entry.id),
        "occurred_at": entry.occurred_at.isoformat(timespec="microseconds"),
        "action": entry.action,
        "account_id": _text(entry.account_id),
        "actor_id": _text(entry.actor_id),
        "session_id": _text(entry.session_id),
        "impersonator_id": _text(entry.impersonator_id),
        "details": entry.details,
        "personal_hash": entry.personal_hash.hex(),
    }
    return sha256(previous + _canonical(members)).digest()


def _canonical(members: dict[str, Any]) -> bytes:
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
