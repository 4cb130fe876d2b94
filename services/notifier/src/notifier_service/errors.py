"""The errors of notifier.

AppError
├── Invalid      MailRefused
├── NotFound     LinkGone
└── Unavailable  MailServerUnavailable, MailDeferred
"""

from common.errors import Invalid, NotFound, Unavailable


class MailRefused(Invalid):
    """The mail server will never take this mail (5xx), or the mail cannot be written at all."""

    code = "notifier.mail_refused"
    message = "The mail was refused: {reason}"


class LinkGone(NotFound):
    code = "notifier.link_gone"
    message = "The link to mail can no longer be used."


class MailServerUnavailable(Unavailable):
    """No mail can be sent at present, whichever it is."""

    code = "notifier.mail_server_unavailable"
    message = "The mail server does not answer: {reason}"


class MailDeferred(Unavailable):
    """The mail server does not take this one now (4xx); others may pass."""

    code = "notifier.mail_deferred"
    message = "The mail server deferred the mail: {reason}"
