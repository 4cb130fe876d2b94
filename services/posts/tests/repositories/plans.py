"""Plans of PostgreSQL, and what in them would grow with a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

type Node = dict[str, Any]

WRITTEN = {"posts", "post_tags", "comments"}
LARGE = WRITTEN | {"authors", "newest_posts", "follows", "mutes", "blocks"}


@dataclass(frozen=True)
class Plan:
    """How PostgreSQL means to answer a statement."""

    root: Node

    @property
    def indexes(self) -> set[str]:
        """The indexes that it goes through."""
        return {node["Index Name"] for node in _below(self.root) if "Index Name" in node}

    @property
    def scanned(self) -> set[str]:
        """The large tables that it reads as a whole."""
        scans = (node for node in _below(self.root) if node["Node Type"] == "Seq Scan")
        return {node["Relation Name"] for node in scans} & LARGE

    @property
    def sorted(self) -> set[str]:
        """The large tables whose rows it sorts, or counts, before anything limits how many.

        Others may be among what is sorted: an author for each post of a page, the follows of one
        reader with the newest post of each.
        """
        return set(_unlimited(self.root, sorting=False)) & WRITTEN


async def plans(connection: Any, statement: str, parameters: Sequence[Any]) -> dict[str, Plan]:
    """Return the plan for these parameters, and the one that would do for any."""
    custom = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *parameters)
    await connection.execute(f"PREPARE asked AS {statement}")
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    values = f"({', '.join(['NULL'] * len(parameters))})" if parameters else ""
    generic = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked{values}")
    await connection.execute("RESET plan_cache_mode; DEALLOCATE asked")
    found = {"custom": custom, "generic": generic}
    return {kind: Plan(orjson.loads(text)[0]["Plan"]) for kind, text in found.items()}


def _below(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", []):
        yield from _below(child)


def _unlimited(node: Node, *, sorting: bool) -> Iterator[str]:
    kind = node["Node Type"]
    if kind == "Limit":
        sorting = False
    elif kind in {"Sort", "Incremental Sort", "Aggregate"}:
        sorting = True
    if sorting and "Relation Name" in node:
        yield node["Relation Name"]
    for child in node.get("Plans", []):
        # What a subplan finds is looked up for each row: it is not among what is sorted.
        lookup = child.get("Parent Relationship") in {"SubPlan", "InitPlan"}
        yield from _unlimited(child, sorting=sorting and not lookup)
