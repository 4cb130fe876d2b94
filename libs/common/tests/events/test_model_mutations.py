"""The model finds each bug: with one guard removed from the real code, a run of it fails."""

import pytest

from libs.common.tests.events.mutations import MUTATIONS, Mutation
from libs.common.tests.events.test_model import search, world
from libs.common.tests.events.world import World

__all__ = ["world"]

# A mistake in the mutation itself would otherwise pass for a bug that was found.
MISTAKES = (AttributeError, NameError, TypeError)
# The search ends at the first failure: two races need a few hundred sequences, all else a few.
EXAMPLES = 600


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.__name__)
def test_the_model_finds(mutation: Mutation, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    with pytest.raises(Exception) as found:  # noqa: PT011 — a bug may show as any failure.
        search(world, examples=EXAMPLES)
    if isinstance(found.value, MISTAKES):
        raise found.value
