"""The request id and the trace survive every hop; what is malformed is replaced, not repeated."""

import pytest

from common.trace import bind, current_headers, make_traceparent, request_id, trace_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def test_what_is_bound_goes_on_in_the_same_trace_as_another_span() -> None:
    with bind({"x-request-id": "abc", "Traceparent": PARENT}):
        headers = current_headers()
        assert headers["X-Request-ID"] == "abc"
        assert headers["traceparent"].startswith(f"00-{TRACE}-")
        assert headers["traceparent"].endswith("-01")
        assert headers["traceparent"] != PARENT
        assert trace_id() == TRACE
    assert current_headers() == {}


@pytest.mark.parametrize(
    "malformed",
    ["", "00-" + "0" * 32 + "-b7ad6b7169203331-01", PARENT.upper(), PARENT + "-x", "ff" + PARENT],
)
def test_a_malformed_trace_is_replaced(malformed: str) -> None:
    made = make_traceparent(malformed)
    assert len(made) == 55
    assert TRACE not in made


@pytest.mark.parametrize("malformed", ["", "a b", "x" * 129, "a\nb", "ä"])
def test_a_malformed_request_id_is_replaced(malformed: str) -> None:
    with bind({"X-Request-ID": malformed}):
        assert request_id() not in (None, malformed)
