"""The caller's own inbox."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter

from common.http.dependencies import CurrentUser, Pagination
from common.http.pagination import Page
from notifier_service.api.dependencies import ForReading
from notifier_service.api.schemas.notifications import NotificationRead, PostPublishedData
from notifier_service.repositories.notifications import InboxItem
from notifier_service.usecases import notifications

router = APIRouter(prefix="/api/v1/notifications", tags=["notifications"])


@router.get("")
async def list_notifications(
    user: CurrentUser, pagination: Pagination, reads: ForReading
) -> Page[NotificationRead]:
    """List what happened for the caller, newest first."""
    kind = f"notifications:{user.id}"
    items = await notifications.list_inbox(
        reads,
        recipient_id=user.id,
        limit=pagination.fetch,
        after=pagination.after(kind, datetime, UUID),
    )
    return pagination.page(
        items, kind=kind, key=lambda item: (item.created_at, item.id), render=_render
    )


def _render(item: InboxItem) -> NotificationRead:
    data = PostPublishedData.model_validate(item, from_attributes=True)
    return NotificationRead(id=item.id, created_at=item.created_at, read_at=item.read_at, data=data)
