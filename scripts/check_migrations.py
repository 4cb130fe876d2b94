"""Lints the SQL of every migration with squawk, as PostgreSQL would receive it."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

from alembic import command
from alembic.config import Config

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
SERVICES = "services/*/alembic.ini"
# Each exclusion has its reason; anything else that squawk finds fails the check.
EXCLUDED = {
    "prefer-bigint-over-int": "keys are UUIDs and positions bigint; what is int is bounded",
    "prefer-bigint-over-smallint": "as above",
    "require-timeout-settings": "the shared env sets lock_timeout and statement_timeout",
    "prefer-robust-stmts": "each migration is one transaction, so a failed one leaves nothing",
    "prefer-text-field": "SQLAlchemy's String() renders VARCHAR without a length, which is text",
    "require-concurrent-index-creation": "tables are made in the same transaction",
}


def sql_of(service: Path) -> str:
    """Return the SQL of all migrations of a service."""
    written = StringIO()
    command.upgrade(Config(str(service / "alembic.ini"), output_buffer=written), "head", sql=True)
    return written.getvalue()


def lint(sql: str) -> str:
    """Return what squawk says of the SQL of a service; nothing when it finds nothing."""
    squawk = [str(BIN / "squawk"), "--exclude", ",".join(EXCLUDED), "--pg-version", "18"]
    done = subprocess.run(squawk, input=sql, capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


def main() -> int:
    """Lint every service; return 1 if squawk found something."""
    # In one process: to load what Alembic and the models rest on takes longer than all the rest.
    found = {path.parent.name: lint(sql_of(path.parent)) for path in sorted(ROOT.glob(SERVICES))}
    problems = [f"{service}:\n{problem}" for service, problem in found.items() if problem]
    print("\n".join(problems))
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
