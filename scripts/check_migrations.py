"""Lints the SQL of every migration with squawk, as PostgreSQL would receive it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
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
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head", "--sql"],
        cwd=service,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{service.name}: {done.stderr}")
    return done.stdout


def lint(service: Path) -> str:
    """Return what squawk says of a service; nothing when it finds nothing."""
    command = [str(BIN / "squawk"), "--exclude", ",".join(EXCLUDED), "--pg-version", "18"]
    done = subprocess.run(
        command, input=sql_of(service), capture_output=True, text=True, check=False
    )
    return f"{service.name}:\n{done.stdout}{done.stderr}" if done.returncode else ""


def main() -> int:
    """Lint every service; return 1 if squawk found something."""
    services = sorted(path.parent for path in ROOT.glob("services/*/alembic.ini"))
    with ThreadPoolExecutor() as pool:
        problems = list(filter(None, pool.map(lint, services)))
    print("\n".join(problems))
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
