"""Slugs of titles."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posts_service.usecases.slugs import reference_of, slug_of, with_suffix

ID = "0190a6c1-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("On compilers", "on-compilers"),
        ("  C++ &amp; Rust: 100 % Übermut!  ", "c-amp-rust-100-ubermut"),
        ("日本語", "ri-ben-yu"),
        ("Привет, мир", "privet-mir"),
        ("../../etc/passwd", "etc-passwd"),
        ("openapi.json", "openapi-json"),
        ("word " * 40, "-".join(["word"] * 16)),
    ],
)
def test_a_title_becomes_a_slug(title: str, slug: str) -> None:
    assert slug_of(title) == slug


@pytest.mark.parametrize("title", ["\U0001f600", "!!!", "\u202e", "—"])
def test_a_title_without_letters_still_gets_a_slug(title: str) -> None:
    assert re.fullmatch(r"post-[a-z0-9]{6}", slug_of(title))


@pytest.mark.parametrize("title", [ID, ID.upper(), ID.replace("-", " ")])
def test_a_title_that_is_an_id_gets_a_suffix(title: str) -> None:
    assert re.fullmatch(ID + "-[a-z0-9]{6}", slug_of(title))


@given(st.text(min_size=1, max_size=200))
def test_every_slug_is_safe_in_a_path_and_names_no_id(title: str) -> None:
    for slug in (slug_of(title), with_suffix(slug_of(title))):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
        assert len(slug) <= 94
        assert reference_of(slug) == slug


@pytest.mark.parametrize("text", [ID, ID.upper()])
def test_an_id_in_a_path_is_read_as_one(text: str) -> None:
    assert reference_of(text) == UUID(ID)


@pytest.mark.parametrize("text", [ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", f"{ID}\n"])
def test_other_spellings_of_an_id_are_slugs(text: str) -> None:
    assert reference_of(text) == text
