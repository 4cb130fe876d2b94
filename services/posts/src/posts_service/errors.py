"""The errors of posts.

AppError
├── Invalid    BodyTooComplex
├── Forbidden  NotPostAuthor
├── NotFound   PostNotFound
└── Conflict   PostAlreadyPublished
"""

from common.errors import Conflict, Forbidden, Invalid, NotFound


class BodyTooComplex(Invalid):
    code = "posts.body_too_complex"
    message = "The body takes too much work to render: it has too many or too deep constructs."


class NotPostAuthor(Forbidden):
    code = "posts.not_post_author"
    message = "Only its author may change or delete a post."


class PostNotFound(NotFound):
    """Nothing the caller may see: it says the same of somebody else's draft."""

    code = "posts.post_not_found"
    message = "There is no such post."


class PostAlreadyPublished(Conflict):
    code = "posts.post_already_published"
    message = "A published post cannot become a draft again; delete it instead."
