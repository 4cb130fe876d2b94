"""The HTTP routes of posts: public ones below /api/v1, and /internal for services."""

from common.http.consumers import router as consumers
from common.http.events import router as events
from common.http.stream import router as stream
from posts_service.api.comments import router as comments
from posts_service.api.feed import router as feed
from posts_service.api.posts import router as posts
from posts_service.api.snapshots import router as snapshots
from posts_service.api.tags import router as tags

routers = (posts, comments, feed, tags, events, snapshots, stream, consumers)
