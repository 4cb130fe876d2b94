"""tell usernames apart

Fails where two accounts have names that look the same, and names them; rename one of them first.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "1f4ac09e52d7"
down_revision: str | None = "0e6a84d7b2f3"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "uq_accounts_username_skeleton",
            "accounts",
            [sa.text("replace(translate(username, '01', 'ol'), 'm', 'rn')")],
            unique=True,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            "uq_accounts_username_skeleton", table_name="accounts", postgresql_concurrently=True
        )
