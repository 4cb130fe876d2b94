"""The HTTP routes of auth: public ones below /api/v1/auth, and /internal for services."""

from auth_service.api.accounts import router as accounts
from auth_service.api.administration import router as administration
from auth_service.api.audit import router as audit
from auth_service.api.credentials import router as credentials
from auth_service.api.email_logins import router as email_logins
from auth_service.api.impersonation import router as impersonation
from auth_service.api.introspection import router as introspection
from auth_service.api.keys import router as keys
from auth_service.api.links import router as links
from auth_service.api.operators import router as operators
from auth_service.api.personal_keys import router as personal_keys
from auth_service.api.reauthentication import router as reauthentication
from auth_service.api.sessions import router as sessions
from auth_service.api.signing_keys import router as signing_keys
from auth_service.api.snapshots import router as snapshots
from common.http.events import router as events
from common.http.stream import router as stream

routers = (
    accounts,
    credentials,
    sessions,
    email_logins,
    reauthentication,
    personal_keys,
    administration,
    impersonation,
    audit,
    keys,
    links,
    introspection,
    operators,
    signing_keys,
    events,
    snapshots,
    stream,
)
