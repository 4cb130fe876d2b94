"""Requests for mail: added by the app, taken by one worker each."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import MailRequest


class MailRequests:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, request: MailRequest) -> None:
        """Add a request."""
        self._session.add(request)

    async def take(self) -> MailRequest | None:
        """Remove the oldest request that no other worker has, and return it."""
        oldest = select(MailRequest.id).order_by(MailRequest.id).limit(1)
        taken = (
            delete(MailRequest)
            .where(MailRequest.id == oldest.with_for_update(skip_locked=True).scalar_subquery())
            .returning(MailRequest)
            .execution_options(synchronize_session=False)
        )
        return (await self._session.scalars(taken)).one_or_none()
