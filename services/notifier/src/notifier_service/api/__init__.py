"""The HTTP routes of notifier, below /api/v1/notifications."""

from notifier_service.api.notifications import router as notifications

routers = (notifications,)
