"""The errors of posts.

AppError
├── Invalid    BodyTooComplex, ThreadTooDeep
├── Forbidden  CommentNotAllowed, NotCommentAuthor, NotPostAuthor
├── NotFound   CommentNotFound, PostNotFound
└── Conflict   PostAlreadyPublished
"""

from common.errors import Conflict, Forbidden, Invalid, NotFound


class BodyTooComplex(Invalid):
    code = "posts.body_too_complex"
    message = "The body takes too much work to render: it has too many or too deep constructs."


class ThreadTooDeep(Invalid):
    code = "posts.thread_too_deep"
    message = "Answers may lie at most {depth} deep; answer a comment further up."


class CommentNotAllowed(Forbidden):
    """The post's author and the caller must not meet: it does not say who of them wants that."""

    code = "posts.comment_not_allowed"
    message = "You cannot comment on this post."


class NotCommentAuthor(Forbidden):
    code = "posts.not_comment_author"
    message = "Only its author may change a comment; who wrote the post may delete it, too."


class NotPostAuthor(Forbidden):
    code = "posts.not_post_author"
    message = "Only its author may change or delete a post."


class CommentNotFound(NotFound):
    """Nothing the caller may see: it says the same of what was deleted."""

    code = "posts.comment_not_found"
    message = "There is no such comment."


class PostNotFound(NotFound):
    """Nothing the caller may see: it says the same of somebody else's draft."""

    code = "posts.post_not_found"
    message = "There is no such post."


class PostAlreadyPublished(Conflict):
    code = "posts.post_already_published"
    message = "A published post cannot become a draft again; delete it instead."
