"""The rows of the benchmark of routes: the same in every run, written by COPY into posts' tables.

Few people write much and are followed by many, as is usual: the nth half as often as the one at
n/2 (Zipf). Posts grow in blocks, each of which depends on nothing but its number.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from posts_service.usecases.markdown import open_markdown

DAWN: Final = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK: Final = 1_000
TOPICS: Final = (
    *("compilers", "engines", "gardens", "history", "letters", "maps", "music", "numbers"),
    *("oceans", "painting", "physics", "poetry", "rivers", "ships", "silence", "trains"),
)
# Every so manieth post is a draft, or has comments; none is both.
DRAFTS: Final = 20
_DRAFT: Final = 7
COMMENTED: Final = 200
COMMENTS_EACH: Final = 50
# Of five comments that follow one another, which one each of them answers: threads three deep.
_ANSWERS: Final = (None, 0, 1, 0, 3)
TEXTS: Final = 16
_PERSON, _POST, _COMMENT = 1, 2, 3
_DAWN_MS: Final = int(DAWN.timestamp() * 1000)
_POSTS: Final = (
    "id author_id slug title body body_html tags status published_at created_at updated_at"
)
_COMMENTS: Final = (
    "id post_id parent_id author_id path body body_html created_at updated_at deleted_at"
)
_RELATIONS: Final = "actor_id target_id ended epoch position"
_INDEX_TAGS: Final = """
    INSERT INTO post_tags (tag, published_at, post_id, author_id)
    SELECT unnest(tags), published_at, id, author_id FROM posts
     WHERE status = 'published' AND id >= $1
"""
# As triggers would: connections that load have none.
_KEEP_NEWEST: Final = """
    INSERT INTO newest_posts AS kept (author_id, published_at, post_id)
    SELECT DISTINCT ON (author_id) author_id, published_at, id FROM posts
     WHERE status = 'published' AND id >= $1 ORDER BY author_id, published_at DESC, id DESC
        ON CONFLICT (author_id) DO UPDATE
       SET published_at = excluded.published_at, post_id = excluded.post_id
     WHERE (kept.published_at, kept.post_id) < (excluded.published_at, excluded.post_id)
"""
_SETTLE: Final = """
    VACUUM ANALYZE authors, posts, newest_posts, post_tags, comments, follows, mutes, blocks
"""

type Row = tuple[Any, ...]
type Texts = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Shape:
    """How many people there are. The last ones of the authors are readers; writers come beside.

    Nobody follows a writer: what they write during a run changes no list that is measured.
    """

    authors: int = 100_000
    readers: int = 1_000
    followed: int = 200
    writers: int = 100

    @property
    def first_reader(self) -> int:
        return self.authors - self.readers

    @property
    def first_writer(self) -> int:
        return self.authors

    def people(self) -> Iterator[Row]:
        """Yield the rows of `authors`."""
        for number in range(self.authors + self.writers):
            yield person_id(number), username(number), f"Author {number}", 1, number + 1

    def follows(self) -> Iterator[Row]:
        """Yield who follows whom: readers a fixed number, the others 10 by a power law."""
        for number in range(self.authors):
            for place, followed in enumerate(self.followed_by(number)):
                yield person_id(number), person_id(followed), False, 1, place

    def mutes(self) -> Iterator[Row]:
        """Yield whom readers mute: every twentieth of whom they follow."""
        yield from self._of_readers(0)

    def blocks(self) -> Iterator[Row]:
        """Yield who blocks whom: as many as are muted, half of them by who is followed."""
        for place, (reader, followed, *rest) in enumerate(self._of_readers(1)):
            pair = (reader, followed) if place % 2 else (followed, reader)
            yield (*pair, *rest)

    def posts(self, first: int, last: int, texts: Texts) -> Iterator[Row]:
        """Yield the rows of `posts` from one number to before another, one for each second."""
        for number, chance in _blocks(first, last):
            author, topic = self._somebody(chance), _topic(chance)
            at = DAWN + timedelta(seconds=number)
            title = f"Post {number} about {topic}"
            tags = list(dict.fromkeys((topic, _topic(chance))))
            text, html = texts[chance.randrange(len(texts))]
            shown = is_published(number)
            yield (
                post_id(number), person_id(author), title.lower().replace(" ", "-"), title, text,
                html, tags, "published" if shown else "draft", at if shown else None, at, at,
            )  # fmt: skip

    def comments(self, first: int, last: int, texts: Texts) -> Iterator[Row]:
        """Yield the rows of `comments` of these posts, in threads of five.

        Their authors are people whom no reader blocks, so that everybody sees all of them.
        """
        others = range(self.authors // 2, self.first_reader)
        for number in range(first, last):
            if number % COMMENTED:
                continue
            chance = random.Random(-number)  # noqa: S311 — the same rows in every run.
            thread: list[tuple[UUID, str]] = []
            for place in range(COMMENTS_EACH):
                answers = _ANSWERS[place % len(_ANSWERS)]
                thread = thread if place % len(_ANSWERS) else []
                parent, above = (None, "") if answers is None else thread[answers]
                own = _made_id(_COMMENT, number * COMMENTS_EACH + place)
                thread.append((own, above + own.hex))
                at = DAWN + timedelta(seconds=number + place)
                text, html = texts[place % len(texts)]
                author = person_id(chance.choice(others))
                path = thread[-1][1]
                yield own, post_id(number), parent, author, path, text, html, at, at, None

    def followed_by(self, number: int) -> list[int]:
        """Return whom somebody follows."""
        chance = random.Random(number)  # noqa: S311 — as above.
        count = self.followed
        if number < self.first_reader:
            # The mean of what is left of a Pareto distribution (with alpha 2) is 10.
            count = min(int(5.25 / (1 - chance.random()) ** 0.5), self.authors // 100)
        found: dict[int, None] = {}
        while len(found) < count:
            found[self._somebody(chance)] = None
            found.pop(number, None)
        return list(found)

    def _of_readers(self, place: int) -> Iterator[Row]:
        for number in range(self.first_reader, self.authors):
            for followed in self.followed_by(number)[place::20]:
                # Comments are by the other half of the people.
                if followed < self.authors // 2:
                    yield person_id(number), person_id(followed), False, 1, followed + 1

    def _somebody(self, chance: random.Random) -> int:
        return int(self.authors ** chance.random()) - 1


def person_id(number: int) -> UUID:
    """Return the id of an author, a reader or a writer."""
    return _made_id(_PERSON, number)


def username(number: int) -> str:
    """Return the name of an author, a reader or a writer."""
    return f"author{number}"


def post_id(number: int) -> UUID:
    """Return the id of a post."""
    return _made_id(_POST, number)


def is_published(number: int) -> bool:
    """Tell whether a post is one that everybody sees."""
    return number % DRAFTS != _DRAFT


async def texts() -> list[tuple[str, str]]:
    """Return some bodies in Markdown with their HTML."""
    async with open_markdown() as markdown:
        bodies = [body(number) for number in range(TEXTS)]
        return [(each, await markdown.render(each)) for each in bodies]


async def load_people(connection: Any, shape: Shape) -> None:
    """Write the people, and who follows, mutes and blocks whom."""
    await _copy(
        connection, "authors", "user_id username display_name epoch position", shape.people()
    )
    for table, rows in (
        ("follows", shape.follows()),
        ("mutes", shape.mutes()),
        ("blocks", shape.blocks()),
    ):
        await _copy(connection, table, _RELATIONS, rows)


async def load_posts(connection: Any, shape: Shape, first: int, last: int) -> None:
    """Write the posts from one number to before another, with their tags and comments."""
    found = await texts()
    await _copy(connection, "posts", _POSTS, shape.posts(first, last, found))
    for statement in (_INDEX_TAGS, _KEEP_NEWEST):
        await connection.execute(statement, post_id(first), timeout=600)
    await _copy(connection, "comments", _COMMENTS, shape.comments(first, last, found))


async def settle(connection: Any) -> None:
    """Do what autovacuum and the checkpointer would do by and by."""
    await connection.execute(_SETTLE, timeout=600)
    await connection.execute("CHECKPOINT", timeout=600)


async def _copy(connection: Any, table: str, columns: str, rows: Iterable[Row]) -> None:
    await connection.copy_records_to_table(
        table, records=rows, columns=columns.split(), timeout=600
    )


def _blocks(first: int, last: int) -> Iterator[tuple[int, random.Random]]:
    """Yield the numbers, each with the source of chance that its block has.

    Raises:
        ValueError: The numbers do not begin and end with a block.
    """
    if first % BLOCK or last % BLOCK:
        raise ValueError(f"posts come in blocks of {BLOCK:,}")
    for block in range(first // BLOCK, last // BLOCK):
        chance = random.Random(block)  # noqa: S311 — as above.
        for number in range(block * BLOCK, (block + 1) * BLOCK):
            yield number, chance


def _topic(chance: random.Random) -> str:
    return TOPICS[int(len(TOPICS) ** chance.random()) - 1]


def body(number: int) -> str:
    """Return one of the bodies in Markdown."""
    chance = random.Random(number)  # noqa: S311 — as above.
    words = [chance.choice(TOPICS) for _ in range(40)]
    first, second = " ".join(words[:20]), " ".join(words[20:])
    return (
        f"## On {words[0]}\n\nWe *talk* of {first}.\n\n- one\n- [two](https://example.com)\n\n"
        f"And **then** of {second}, as `code`."
    )


def _made_id(kind: int, number: int) -> UUID:
    """Return a UUIDv7 (RFC 9562) that rises with the number."""
    return UUID(int=(_DAWN_MS + number) << 80 | 7 << 76 | kind << 64 | 2 << 62 | number)
