"""The table of a consumer: how far it has come in each producer's log."""

from datetime import datetime

from sqlalchemy import BigInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from common.db.base import Base


class StreamCursor(Base):
    """The cursor moves in the transaction of the effect; that is what makes the effect exact."""

    __tablename__ = "stream_cursor"

    producer: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    position: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
