"""Markdown to safe HTML: raw HTML stays text, and of what is made only an allow-list passes.

Rendering is bounded by counted work, so that the same body is always accepted or always refused,
and runs in one thread, so that requests are answered meanwhile.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.token import Token

from posts_service.errors import BodyTooComplex

# Measured with 50,000 characters: dense prose takes 11,000 steps and 0.2 s, a table of nothing but
# cells 25,000; what is written to be slow would take 500,000 and 4 s, and costs 1.4 s at most now.
MAX_STEPS: Final = 40_000
# Half a millisecond of prose, five of what is written to be slow. To hand a body to a thread takes
# a tenth, and lets two threads contend for the interpreter.
SHORT: Final = 200
# A reference link repeats its address wherever it is used: short bodies could make huge pages.
MAX_SIZE: Final = 1_000_000

_TEXT: Final = {"p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "em", "strong"}
_TABLE: Final = {"table", "thead", "tbody", "tr", "th", "td"}
_OTHER: Final = {"a", "code", "img", "li", "ol", "pre", "s", "ul"}
_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "code": {"class"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "td": {"style"},
    "th": {"style"},
}
_LANGUAGE: Final = re.compile(r"language-[A-Za-z0-9+#-]{1,32}")


class Markdown:
    """Renders bodies, one at a time: short ones at once, others in a thread.

    Args:
        thread: It must be one, as its parser is not shared.
    """

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._here, self._there = _Renderer(), _Renderer()

    async def render(self, body: str) -> str:
        """Return the HTML of a body: safe to be put into a page as it is.

        Raises:
            BodyTooComplex: It would take too many steps or give too large a page.
        """
        if len(body) <= SHORT:
            return self._here.render(body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._there.render, body)


class _Renderer:
    def __init__(self) -> None:
        self._parser = _parser()
        self._cleaner = _cleaner()

    def render(self, body: str) -> str:
        environment: dict[str, Any] = {"steps": MAX_STEPS}
        tokens = self._parser.parse(body, environment)
        if _size(tokens) > MAX_SIZE:
            raise BodyTooComplex(field="body")
        html = self._parser.renderer.render(tokens, self._parser.options, environment)
        return self._cleaner.clean(html)


@asynccontextmanager
async def open_markdown() -> AsyncIterator[Markdown]:
    """Start the thread that renders, and stop it at the end."""
    # At the level `debug` the parser logs each rule at each place, with what it reads.
    logging.getLogger("markdown_it").setLevel(logging.INFO)
    with ThreadPoolExecutor(1, thread_name_prefix="markdown") as thread:
        yield Markdown(thread)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # The first rule of each kind sees every attempt to match something, also inside paragraphs,
    # which ask the other rules at each line whether they end there.
    inside: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list", "table"]}
    parser.block.ruler.before("table", "budget", _spend, inside)
    parser.inline.ruler.before("text", "budget", _spend)
    return parser


def _spend(state: Any, *_place: object) -> bool:
    """Match nothing, as a rule; count it."""
    state.env["steps"] -= 1
    if state.env["steps"] < 0:
        raise BodyTooComplex(field="body")
    return False


def _size(tokens: Iterable[Token]) -> int:
    return sum(
        len(token.content)
        + sum(len(str(value)) for value in token.attrs.values())
        + _size(token.children or ())
        for token in tokens
    )


def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TEXT | _TABLE | _OTHER,
        attributes=_ATTRIBUTES,
        attribute_filter=_filter_class,
        filter_style_properties={"text-align"},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow ugc noopener",
    )


def _filter_class(_tag: str, attribute: str, value: str) -> str | None:
    """Let a class name the language of code, and nothing that a page may have a style for."""
    if attribute == "class" and not _LANGUAGE.fullmatch(value):
        return None
    return value
