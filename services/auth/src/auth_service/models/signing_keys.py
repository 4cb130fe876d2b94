"""The keys that sign access tokens. Their private parts are kept encrypted, and nowhere else."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base


class SigningKey(Base):
    """Signs from `signs_from` until the next key does: its state is only a matter of time.

    `sealed` is the private JWK in a JWE, `sealed_with` names the key that opens it.
    """

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(primary_key=True)
    algorithm: Mapped[str]
    public: Mapped[dict[str, Any]]
    sealed: Mapped[str]
    sealed_with: Mapped[str]
    published_at: Mapped[datetime]
    signs_from: Mapped[datetime]
