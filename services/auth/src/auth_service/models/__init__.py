"""What auth keeps: accounts, sessions, challenges, links, personal and signing keys, an audit."""

from auth_service.models.accounts import Account, Role
from auth_service.models.audit import Action, AuditEntry, AuditHead
from auth_service.models.base import Base
from auth_service.models.challenges import Challenge
from auth_service.models.links import Link, LinkPurpose
from auth_service.models.mail_requests import MailRequest
from auth_service.models.personal_keys import PersonalKey
from auth_service.models.sessions import RefreshToken, Session
from auth_service.models.signing_keys import SigningKey
from common.db.key_copies import KeyCopy
from common.db.revocations import RevokedSession
from common.outbox import tables as outbox_tables

__all__ = [
    "Account",
    "Action",
    "AuditEntry",
    "AuditHead",
    "Base",
    "Challenge",
    "KeyCopy",
    "Link",
    "LinkPurpose",
    "MailRequest",
    "PersonalKey",
    "RefreshToken",
    "RevokedSession",
    "Role",
    "Session",
    "SigningKey",
    "outbox_tables",
]
