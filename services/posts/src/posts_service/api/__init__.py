"""The HTTP routes of posts: public ones below /api/v1/posts, and /internal for services."""

from common.http.events import router as events
from posts_service.api.posts import router as posts
from posts_service.api.snapshots import router as snapshots

routers = (posts, events, snapshots)
