"""What looks like a member named twice and is none is let through; what is one is not."""

import pytest

from common.http.input_guard import DuplicateMember, check_json


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "\\": \\":", "b": "\\"\\t:"}',
        b'{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}]}',
        b'["\\":", "\\":"]',
        b'{"": 1, "\\": ": 2}',
    ],
)
def test_names_in_strings_and_in_other_objects_are_no_duplicates(body: bytes) -> None:
    check_json(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 1}',
        b'{"a" \r\n\t: 1, "\\u0061": 2}',
        b'[[{"x": {"": 1, "": 1}}]]',
        b'{"a": "\\":", "b": {"c": [], "d": 1, "c": []}}',
    ],
)
def test_a_member_named_twice_is_refused_however_it_is_written(body: bytes) -> None:
    with pytest.raises(DuplicateMember):
        check_json(body)
