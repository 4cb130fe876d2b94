"""The routes that every service has: probes, metrics, and the gateway's error pages."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from common.errors import NotFound
from common.http.dependencies import platform_of
from common.http.metrics import metrics_response
from common.http.problem import problem_response

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def get_health() -> dict[str, str]:
    """Alive: the process answers. It asks nothing of anything else."""
    return {"status": "alive"}


@router.get("/readyz")
async def get_readiness(request: Request) -> dict[str, str]:
    """Ready: the service's own PostgreSQL answers, and has told which sessions have ended.

    Nothing else is a reason to leave rotation.
    """
    platform = platform_of(request)
    await platform.database.ping()
    platform.user_tokens.require_revocations()
    return {"status": "ready"}


@router.get("/metrics")
async def get_metrics() -> Response:
    return metrics_response()


@router.get("/problem/{status}")
async def get_problem(status: int) -> Response:
    """Answer 200 with the problem document of a status: the gateway shows it under that status.

    A page that answered 502 itself would be to the gateway an app that is down.
    """
    if not HTTPStatus.BAD_REQUEST <= status < 600:  # noqa: PLR2004 — the end of the 5xx.
        raise NotFound
    page = problem_response(status)
    page.status_code = HTTPStatus.OK
    return page
