"""What becomes of Markdown: nothing in it may harm a reader, nor hold up the service."""

import asyncio
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import pytest

from posts_service.api.schemas.posts import MAX_BODY
from posts_service.errors import BodyTooComplex
from posts_service.usecases.markdown import Markdown, open_markdown

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert&#40;1)</script>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<style>@import 'javascript:alert(1)';</style>",
    "<body onload=alert(1)>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java&#10;script:alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](&#1;javascript:alert(1))",
    "[x](%6aavascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml;base64,PHN2Zy8+)",
    "[x](file:///etc/passwd)",
    "[x][r]\n\n[r]: javascript:alert(1)",
    "[x][r]\n\n[r]: <javascript:alert(1)> 'y'",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml,%3Csvg%20onload=alert(1)%3E)",
    '![x](https://a.example/" onerror="alert(1))',
    '[x](https://a.example/ "\\" onmouseover=\\"alert(1)")',
    '[x](<https://a.example/" onclick="alert(1)>)',
    '!["onerror="alert(1)](x)',
    '```"><script>alert(1)</script>\nx\n```',
    "```js onload=alert(1)\nx\n```",
    "``` language-x overlay\nx\n```",
    "`<script>alert(1)</script>`",
    "    <script>alert(1)</script>",
    "|<script>|\n|-|\n|<img src=x onerror=alert(1)>|",
    "# <script>alert(1)</script>",
    "\\<script>alert(1)\\</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<a\nhref=javascript:alert(1)>x",
    "<<script>script>alert(1)<</script>/script>",
]
TEXT = {"p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "em", "strong", "s"}
OTHER = {"a", "img", "code", "pre", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"href", "rel", "title", "src", "alt", "class", "start", "style"}
TABLE = (
    '<table>\n<thead>\n<tr>\n<th style="text-align:left">a</th>\n</tr>\n</thead>\n'
    '<tbody>\n<tr>\n<td style="text-align:left">1</td>\n</tr>\n</tbody>\n</table>\n'
)
SLOW = {
    "brackets": "[",
    "images": "![",
    "references": "[a\n",
    "lines in a quote": ">" * 20 + "a\n" * MAX_BODY,
    "delimiters": "*_~",
    "cells": "|a|b|\n|-|-|\n",
}


class Found(HTMLParser):
    """The tags and attributes that a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


@pytest.fixture
async def markdown() -> AsyncIterator[Markdown]:
    async with open_markdown() as opened:
        yield opened


def repeated(unit: str) -> str:
    return (unit * MAX_BODY)[:MAX_BODY]


@pytest.mark.parametrize("body", ATTACKS)
async def test_no_attack_survives(markdown: Markdown, body: str) -> None:
    found = Found(await markdown.render(body))
    assert set(found.tags) <= TEXT | OTHER
    for name, value in found.attributes:
        assert name in ATTRIBUTES
        if name in ("href", "src"):
            address = re.sub(r"[\x00-\x20]", "", value).lower()
            scheme = re.match(r"[a-z][a-z0-9+.-]*:", address)
            assert scheme is None or scheme[0] in ("http:", "https:", "mailto:")
        if name == "class":
            assert re.fullmatch(r"language-[\w+#-]+", value)


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("Hello, *world*.", "<p>Hello, <em>world</em>.</p>\n"),
        ("~~no~~ **yes**", "<p><s>no</s> <strong>yes</strong></p>\n"),
        ("<b>5 < 6</b>", "<p>&lt;b&gt;5 &lt; 6&lt;/b&gt;</p>\n"),
        (
            "[x](https://a.example 'y')",
            '<p><a href="https://a.example" title="y" rel="nofollow ugc noopener">x</a></p>\n',
        ),
        ("[x](/posts/other)", '<p><a href="/posts/other" rel="nofollow ugc noopener">x</a></p>\n'),
        ("![x](https://a.example/i.png)", '<p><img src="https://a.example/i.png" alt="x"></p>\n'),
        ("3. x", '<ol start="3">\n<li>x</li>\n</ol>\n'),
        ("```python\nx\n```", '<pre><code class="language-python">x\n</code></pre>\n'),
        (
            "|a|\n|:-|\n|1|",
            TABLE,
        ),
        ("", ""),
    ],
)
async def test_markdown_becomes_html(markdown: Markdown, body: str, html: str) -> None:
    assert await markdown.render(body) == html


@pytest.mark.parametrize("unit", SLOW.values(), ids=SLOW)
async def test_slow_bodies_leave_the_loop_free(markdown: Markdown, unit: str) -> None:
    rendering = asyncio.create_task(markdown.render(repeated(unit)))
    turns = 0
    while not rendering.done():
        await asyncio.sleep(0.001)
        turns += 1
    await asyncio.gather(rendering, return_exceptions=True)
    assert turns > 10


@pytest.mark.parametrize("unit", ["[a\n", ">" * 20 + "a\n" * MAX_BODY])
async def test_a_body_of_too_much_work_is_refused_each_time(markdown: Markdown, unit: str) -> None:
    for _ in range(2):
        with pytest.raises(BodyTooComplex):
            await markdown.render(repeated(unit))
    assert await markdown.render("still *here*") == "<p>still <em>here</em></p>\n"


async def test_a_link_that_is_repeated_does_not_multiply_its_address(markdown: Markdown) -> None:
    body = f"[a]: https://a.example/{'x' * 20_000}\n\n" + "[a] " * 7_000
    with pytest.raises(BodyTooComplex):
        await markdown.render(body)


async def test_dense_prose_of_the_full_length_is_accepted(markdown: Markdown) -> None:
    paragraph = (
        "Lorem *ipsum* **dolor** [sit](https://a.example) `amet` & others.\n\n- one\n- two\n\n"
    )
    assert "<strong>dolor</strong>" in await markdown.render(repeated(paragraph))
