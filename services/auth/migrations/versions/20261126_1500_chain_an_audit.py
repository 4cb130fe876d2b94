"""chain an audit"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "a0d17c5e92b6"
down_revision: str | None = "5a1c90be7d34"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Whoever writes an entry, be it the schema's owner, changes nothing of it afterwards but this.
_GUARD = """
CREATE FUNCTION guard_audit_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.position IS NULL AND NEW.position IS NOT NULL
           AND to_jsonb(NEW) - '{position,hash}'::text[]
             = to_jsonb(OLD) - '{position,hash}'::text[] THEN
            RETURN NEW;
        END IF;
        IF OLD.personal IS NOT NULL AND NEW.personal IS NULL
           AND to_jsonb(NEW) - '{personal,salt}'::text[]
             = to_jsonb(OLD) - '{personal,salt}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'entries of the audit are kept as they are'
        USING ERRCODE = 'restrict_violation';
END $$
"""
_ROW_TRIGGER = """
CREATE TRIGGER keep_audit_entries BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION guard_audit_entries()
"""
_TABLE_TRIGGER = """
CREATE TRIGGER keep_all_audit_entries BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION guard_audit_entries()
"""
# The service's role got its rights when the tables were made; its name is the operator's to choose.
_GRANTS = """
DO $$
DECLARE role text;
BEGIN
    FOR role IN SELECT DISTINCT grantee FROM information_schema.role_table_grants
                 WHERE table_schema = current_schema() AND table_name = 'audit_entries'
                   AND grantee <> current_user
    LOOP
        EXECUTE format('REVOKE ALL ON audit_entries, audit_head FROM %I', role);
        EXECUTE format('GRANT SELECT ON audit_entries, audit_head TO %I', role);
        EXECUTE format('GRANT INSERT (id, occurred_at, action, account_id, actor_id, session_id, '
                       'impersonator_id, details, personal_hash, personal, salt), '
                       'UPDATE (position, hash, personal, salt) ON audit_entries TO %I', role);
        EXECUTE format('GRANT UPDATE (position, hash) ON audit_head TO %I', role);
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("impersonator_id", sa.Uuid(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("personal_hash", sa.LargeBinary(), nullable=False),
        sa.Column("personal", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(position IS NULL) = (hash IS NULL)", name=op.f("ck_audit_entries_chained")
        ),
        sa.CheckConstraint(
            "(personal IS NULL) = (salt IS NULL)", name=op.f("ck_audit_entries_erased")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
        sa.UniqueConstraint("position", name=op.f("uq_audit_entries_position")),
    )
    op.create_index(
        "ix_audit_entries_waiting",
        "audit_entries",
        ["id"],
        unique=False,
        postgresql_where=sa.text("position IS NULL"),
    )
    for column in ("account_id", "actor_id", "action"):
        op.create_index(
            f"ix_audit_entries_{column}_id", "audit_entries", [column, "id"], unique=False
        )
    op.create_table(
        "audit_head",
        sa.Column(
            "id", sa.Integer(), server_default=sa.text("1"), autoincrement=False, nullable=False
        ),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.execute("INSERT INTO audit_head (hash) VALUES (decode(repeat('00', 32), 'hex'))")
    for statement in (_GUARD, _ROW_TRIGGER, _TABLE_TRIGGER, _GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("audit_head")
    op.drop_table("audit_entries")
    op.execute("DROP FUNCTION guard_audit_entries()")
