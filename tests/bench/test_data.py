"""The rows of the benchmark of routes: the same ones in every run, and of the right shape."""

from collections import Counter
from itertools import groupby
from statistics import mean
from typing import Final

from bench.routes import data
from bench.routes.data import Shape
from bench.routes.requests import PAGE, Requests

SHAPE: Final = Shape()
TEXTS: Final = [("Hello", "<p>Hello</p>")]
SMALL: Final = Shape(authors=2_000, readers=20, followed=40)


def test_the_same_rows_come_in_every_run_and_however_they_grow() -> None:
    at_once = list(SHAPE.posts(0, 3_000, TEXTS))
    assert at_once == [
        *SHAPE.posts(0, 1_000, TEXTS),
        *SHAPE.posts(1_000, 3_000, TEXTS),
    ]
    assert list(SMALL.follows()) == list(SMALL.follows())
    assert list(SHAPE.comments(0, 1_000, TEXTS)) == list(SHAPE.comments(0, 1_000, TEXTS))


def test_readers_follow_200_and_the_others_10_by_a_power_law() -> None:
    readers = range(SHAPE.first_reader, SHAPE.first_reader + 20)
    assert {len(SHAPE.followed_by(number)) for number in readers} == {200}
    counts = sorted(len(SHAPE.followed_by(number)) for number in range(5_000))
    assert 9.5 <= mean(counts) <= 10.5
    assert counts[len(counts) // 2] < mean(counts) < counts[-1] / 20


def test_nobody_follows_themselves_or_anybody_twice() -> None:
    pairs = [row[:2] for row in SMALL.follows()]
    assert len(pairs) == len(set(pairs))
    assert all(actor != target for actor, target in pairs)


def test_readers_mute_and_block_some_of_whom_they_follow_and_no_author_of_comments() -> None:
    follows = {row[:2] for row in SMALL.follows()}
    commenting = {row[3] for row in SMALL.comments(0, 10_000, TEXTS)}
    mutes = [row[:2] for row in SMALL.mutes()]
    blocks = [row[:2] for row in SMALL.blocks()]
    assert len(mutes) > SMALL.readers
    assert set(mutes) < follows
    assert all(pair in follows or pair[::-1] in follows for pair in blocks)
    # Some by the reader and some by the other one.
    assert 0 < len(follows.intersection(blocks)) < len(blocks)
    assert not commenting.intersection(person for pair in mutes + blocks for person in pair[1:])


def test_every_listed_author_has_more_than_a_page_among_the_fewest_posts() -> None:
    requests = Requests(Shape(readers=1, writers=1), lambda *_: "token", 10_000)
    rows = SHAPE.posts(0, 10_000, TEXTS)
    counts = Counter(row[1] for row in rows if row[7] == "published")
    listed = [counts[data.person_id(number)] for number in range(requests.listed)]
    assert min(listed) > PAGE
    # Few write much: the one who writes most has a twentieth of everything.
    assert max(listed) > 10_000 / 20


def test_comments_lie_in_threads_of_their_post() -> None:
    rows = list(SHAPE.comments(0, 1_000, TEXTS))
    threads = {post: list(found) for post, found in groupby(rows, key=lambda row: row[1])}
    assert {len(found) for found in threads.values()} == {data.COMMENTS_EACH}
    for found in threads.values():
        paths = {row[0]: row[4] for row in found}
        assert all(row[4] == paths.get(row[2], "") + row[0].hex for row in found)
        assert {len(path) // 32 for path in paths.values()} == {1, 2, 3}


def test_drafts_are_no_targets_and_have_no_comments() -> None:
    rows = list(SHAPE.posts(0, 1_000, TEXTS))
    drafts = {str(row[0]) for row in rows if row[7] == "draft"}
    requests = Requests(Shape(readers=2, writers=1), lambda *_: "token", 1_000)
    asked = {request.path.split("/")[4] for request in (*requests.post(), *requests.comments())}
    assert len(drafts) == 1_000 // data.DRAFTS
    assert not asked & drafts
