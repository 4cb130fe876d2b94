"""Slugs: a post's readable name, made once of its title and never mistaken for an id."""

import re
import secrets
import string
from typing import Final
from uuid import UUID

from slugify import slugify

from posts_service.models import ID_PATTERN
from posts_service.repositories.posts import Reference

MAX_LENGTH: Final = 80
_SUFFIX_LENGTH: Final = 6
_ALPHABET: Final = string.ascii_lowercase + string.digits
_ID: Final = re.compile(ID_PATTERN)


def slug_of(title: str) -> str:
    """Return the slug that a title asks for, transliterated to a-z, digits and hyphens."""
    # A title is text: what looks like an HTML entity in it is none.
    slug = slugify(
        title,
        entities=False,
        decimal=False,
        hexadecimal=False,
        max_length=MAX_LENGTH,
        word_boundary=True,
        save_order=True,
    )
    return slug if slug and not _is_id(slug) else with_suffix(slug or "post")


def with_suffix(slug: str) -> str:
    """Return another slug of the same title; a random one, so that writers do not race for it."""
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX_LENGTH))
    return f"{slug}-{suffix}"


def reference_of(text: str) -> Reference:
    """Read whether a path means an id or a slug; no slug looks like an id."""
    return UUID(text) if _is_id(text.lower()) else text


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None
