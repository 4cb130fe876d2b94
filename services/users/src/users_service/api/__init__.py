"""The HTTP routes of users: public ones below /api/v1/users, and /internal for services."""

from common.http.consumers import router as consumers
from common.http.events import router as events
from common.http.stream import router as stream
from users_service.api.blocks import router as blocks
from users_service.api.follows import router as follows
from users_service.api.mutes import router as mutes
from users_service.api.profiles import router as profiles
from users_service.api.snapshots import router as snapshots

routers = (profiles, follows, blocks, mutes, events, snapshots, stream, consumers)
