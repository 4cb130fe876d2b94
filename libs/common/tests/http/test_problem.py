"""Every failure is a problem document that says what happened and never repeats the input."""

import httpx
import pytest

from common.testing.conformance import assert_problem


async def test_errors_of_the_input_are_named_by_pointer_and_parameter(
    client: httpx.AsyncClient,
) -> None:
    secret = "do-not-repeat-this-value"
    response = await client.post("/api/v1/notes", json={"text": secret, "count": secret})
    problem = assert_problem(response, 422)
    assert problem["code"] == "common.validation_failed"
    assert [error["pointer"] for error in problem["errors"]] == ["/text", "/count"]
    assert [error["code"] for error in problem["errors"]] == ["string_too_long", "int_parsing"]
    assert secret not in response.text

    response = await client.get("/api/v1/notes", params={"limit": "101"})
    assert assert_problem(response, 422)["errors"][0]["parameter"] == "limit"


async def test_a_use_case_names_the_field_it_refuses(client: httpx.AsyncClient) -> None:
    problem = assert_problem(await client.post("/api/v1/notes", json={"text": "refuse"}), 422)
    assert problem["code"] == "echo.text_refused"
    assert problem["detail"] == "The text itself is refused."
    assert problem["errors"] == [
        {"pointer": "/text", "code": "echo.text_refused", "detail": problem["detail"]}
    ]


async def test_a_missing_or_wrongly_typed_body_is_a_problem(client: httpx.AsyncClient) -> None:
    assert_problem(await client.post("/api/v1/notes"), 422)
    assert_problem(await client.post("/api/v1/notes", content=b"text=x"), 422)


@pytest.mark.parametrize(
    ("kind", "status", "retry_after"), [("conflict", 409, None), ("rate", 429, "7")]
)
async def test_categories_become_statuses(
    client: httpx.AsyncClient, kind: str, status: int, retry_after: str | None
) -> None:
    response = await client.get("/api/v1/failures", params={"kind": kind})
    assert_problem(response, status)
    assert response.headers.get("retry-after") == retry_after


async def test_a_crash_is_opaque_to_the_client_and_logged_with_its_traceback(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    response = await client.get("/api/v1/failures", params={"kind": "crash"})
    assert response.status_code == 500
    assert response.json()["code"] == "common.internal_error"
    assert "hunter2" not in response.text
    assert "RuntimeError: the password is hunter2" in capsys.readouterr().out


async def test_an_answer_that_takes_too_long_is_503(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/failures", params={"kind": "slow"})
    assert assert_problem(response, 503)["code"] == "common.deadline_exceeded"
    assert response.headers["retry-after"] == "1"


async def test_a_caller_may_shorten_the_deadline(client: httpx.AsyncClient) -> None:
    response = await client.get(
        "/api/v1/failures", params={"kind": "slow"}, headers={"X-Request-Deadline": "1"}
    )
    assert assert_problem(response, 503)["code"] == "common.deadline_exceeded"


async def test_unavailable_keys_and_database_are_503(client: httpx.AsyncClient) -> None:
    response = await client.get("/readyz")
    assert assert_problem(response, 503)["code"] == "common.database_unavailable"


async def test_a_refused_method_is_told_all_that_are_allowed(client: httpx.AsyncClient) -> None:
    for path, allowed in (("/api/v1/notes/5", "GET, PUT"), ("/api/v1/notes", "GET, POST")):
        response = await client.delete(path)
        assert (response.status_code, response.headers["allow"]) == (405, allowed)
