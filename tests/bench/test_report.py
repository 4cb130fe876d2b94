"""How the figures of a run are judged."""

import json
from pathlib import Path

import pytest

from bench.report import Target, render, rows, write_document
from bench.routes.hop import Hop
from bench.routes.measures import Figure, Memory
from bench.routes.report import Results
from bench.routes.scenarios import ANONYMOUS, CREATE, LIST, POST, READS, Turn
from bench.routes.stage import DIRECT, LIMIT, NAIVE, OURS


def figure(rate: float = 1_000, p50: float = 1, p99: float = 2, foreign: float = 0) -> Figure:
    return Figure(rate, p50, p99, 1, 1, foreign)


def judged(found: Results) -> dict[str, Target]:
    return {target.what: target for target in found.targets()}


def compared(ours: list[Figure], other: Turn, others: list[Figure]) -> dict[str, Target]:
    found = Results()
    for one, two in zip(ours, others, strict=True):
        found.add(Turn(other.scenario, OURS), one)
        found.add(other, two)
    return judged(found)


def test_a_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_medians() -> None:
    ours, naive = [figure(4_000), figure(9_000), figure(6_000)], [figure(1_000)] * 3
    target = compared(ours, Turn(POST, NAIVE), naive)["GET post: rate beside naive"]
    assert target.measured == 6
    assert list(target.spread or ()) == [4, 9]
    assert target.met
    assert target.goal_met is False


@pytest.mark.parametrize(
    ("rate", "met", "goal_met"), [(349, False, False), (350, True, False), (500, True, True)]
)
def test_bounds_are_inclusive(rate: float, met: bool, goal_met: bool) -> None:  # noqa: FBT001
    found = compared([figure(rate)], Turn(POST, LIMIT), [figure(1_000)])
    target = found["GET post: share of the limit"]
    assert (target.met, target.goal_met) == (met, goal_met)


def test_latencies_must_be_below_their_bounds() -> None:
    found = compared([figure(p99=10)], Turn(POST, NAIVE), [figure(p99=40)])
    target = found["GET post: p99 beside naive"]
    assert target.measured == 0.25
    assert (target.met, target.goal_met) == (True, False)


def test_the_cost_of_the_gateway_is_a_difference_and_a_share() -> None:
    found = judged(Results(hops=[Hop(1.25, 1), Hop(2.5, 2), Hop(1.125, 1)]))
    assert found["Traefik: what it adds to p50 with 1 connection"].measured == 0.25
    found = compared([figure(930)], Turn(POST, DIRECT), [figure(1_000)])
    assert found["Traefik: what it takes of the throughput"].measured == pytest.approx(7)
    assert found["Traefik: what it takes of the throughput"].goal_met is False


def test_growth_goes_from_the_fewest_posts_to_the_most_for_every_read() -> None:
    found = Results(growing=("few", "many"))
    for contender, p50, p99 in (("few", 10, 20), (OURS, 90, 90), ("many", 12, 50)):
        for scenario in READS:
            found.add(Turn(scenario, contender), figure(p50=p50, p99=p99))
    targets = judged(found)
    for scenario in READS:
        middle = targets[f"{scenario.title}: p50, many beside few"]
        tail = targets[f"{scenario.title}: p99, many beside few"]
        assert (middle.measured, middle.met, middle.goal_met) == (1.2, True, False)
        assert (tail.measured, tail.met) == (2.5, False)


def test_memory_is_judged_by_its_peak_and_by_how_far_it_moves() -> None:
    memory = Memory((80, 60), ((100, 80), (96, 75), (104, 84)), 10)
    targets = judged(Results(memory=memory))
    assert targets["memory of an app's worker, resident"].measured == 104
    assert targets["... and how far it moves in 10 requests"].measured == 4


def test_the_slowest_import_counts() -> None:
    found = Results(imports={"auth": [0.9, 0.9, 0.9], "posts": [0.7, 1.2, 1.1]}, starts=[9, 7])
    targets = judged(found)
    assert targets["import of a service, the slowest: posts"].measured == 1.1
    assert targets["start of the whole stack"].met


def test_what_was_not_measured_is_not_judged() -> None:
    found = Results()
    found.add(Turn(LIST, OURS), figure())
    found.add(Turn(CREATE, OURS), figure())
    found.add(Turn(ANONYMOUS, OURS), figure())
    assert found.targets() == []


def test_a_disturbed_turn_is_named_below_the_table() -> None:
    found = Results()
    found.add(Turn(POST, OURS), figure(foreign=0.5))
    assert "disturbed: GET post, Colonnade: others took 0.50 cores" in render(found)


def test_rows_say_what_is_wanted_and_whether_it_was_reached() -> None:
    [row] = json.loads(rows(Results(starts=[9, 7, 8.5])))
    assert row == {
        "name": "start of the whole stack",
        "value": 8.5,
        "unit": "s",
        "target": "≤ 12 s",
        "goal": "≤ 8 s",
        "met": True,
        "goal_met": False,
        "spread": [7, 9],
    }


def test_a_document_keeps_what_was_written_by_hand(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    write_document(document, "figures")
    by_hand = f"{document.read_text(encoding='utf-8')}\nA cache: no gain.\n"
    document.write_text(by_hand, encoding="utf-8")
    write_document(document, "other figures")
    text = document.read_text(encoding="utf-8")
    assert text == "other figures\n\n## What was tried\n\nA cache: no gain.\n"
