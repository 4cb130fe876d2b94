"""The errors of every service: a use case raises one; HTTP, streams and Celery translate it.

AppError
├── Invalid               422   park
├── Unauthenticated       401   park
├── Forbidden             403   park
├── NotFound              404   park
├── Conflict              409   park
│   └── PreconditionFailed 412
├── RateLimited           429   retry after
└── Unavailable           503   retry with back-off, never park
"""

from enum import StrEnum
from typing import Any, ClassVar


class Category(StrEnum):
    """What went wrong, in the terms that the translators understand."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    GONE = "gone"
    CONFLICT = "conflict"
    PRECONDITION_FAILED = "precondition_failed"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"


class AppError(Exception):
    """An expected failure: `code` is for programs, `message` formats the fields for people.

    `commits` marks a refusal that is itself a fact to keep (a detected theft, a failed attempt):
    the transaction commits before it is raised. All others roll back.

    `told` names the fields that the answer carries as members of its own (RFC 9457, 3.2).

    Args:
        fields: Data of the failure; the message may name them.
    """

    category: ClassVar[Category]
    code: ClassVar[str]
    message: ClassVar[str]
    commits: ClassVar[bool] = False
    told: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        super().__init__(self.message.format(**fields))


class Invalid(AppError):
    """The input breaks a rule; the field `field`, when given, names the offending member."""

    category = Category.INVALID
    code = "common.invalid"
    message = "The input is invalid."


class Unauthenticated(AppError):
    category = Category.UNAUTHENTICATED
    code = "common.unauthenticated"
    message = "Authentication is required."


class Forbidden(AppError):
    category = Category.FORBIDDEN
    code = "common.forbidden"
    message = "This is not allowed."


class NotFound(AppError):
    category = Category.NOT_FOUND
    code = "common.not_found"
    message = "Nothing was found here."


class Gone(AppError):
    category = Category.GONE
    code = "common.gone"
    message = "This is no longer kept."


class Conflict(AppError):
    category = Category.CONFLICT
    code = "common.conflict"
    message = "The request conflicts with the present state."


class PreconditionFailed(Conflict):
    category = Category.PRECONDITION_FAILED
    code = "common.precondition_failed"
    message = "The resource has changed since it was read."


class RateLimited(AppError):
    """Too much at once; `retry_after_seconds` says when to come back."""

    category = Category.RATE_LIMITED
    code = "common.rate_limited"
    message = "Too many requests."
    retry_after_seconds = 1


class Unavailable(AppError):
    """Something this service depends on does not answer; the same call may succeed later."""

    category = Category.UNAVAILABLE
    code = "common.unavailable"
    message = "The service cannot do this at the moment."
    retry_after_seconds = 1
