"""PostgreSQL: the engine, transactions, the declarative base, migrations and provisioning."""

from common.db.base import Base, Timestamps
from common.db.direct import Direct, Executor, InSession, Statement
from common.db.engine import Database, open_database
from common.db.writes import write_later

__all__ = [
    "Base",
    "Database",
    "Direct",
    "Executor",
    "InSession",
    "Statement",
    "Timestamps",
    "open_database",
    "write_later",
]
