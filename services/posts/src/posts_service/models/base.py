"""The declarative base of posts's own tables; those that common brings have theirs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped

from common.db.base import NAMING, TYPES


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[Mapping[Any, Any]] = TYPES


class Edited:
    """When a row was made, and when what readers see of it last changed."""

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    def touch(self, now: datetime) -> None:
        """Say that it changes now; the time always rises, as entity tags are made of it."""
        self.updated_at = max(now, self.updated_at + timedelta(microseconds=1))
