"""The HTTP routes of notifier: below /api/v1/notifications, and /internal for operators."""

from common.http.consumers import router as consumers
from notifier_service.api.notifications import router as notifications

routers = (notifications, consumers)
