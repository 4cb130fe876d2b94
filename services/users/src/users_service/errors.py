"""The errors of users.

AppError
├── NotFound  UserNotFound
└── Conflict  SelfFollow, UsernameInUse
"""

from common.errors import Conflict, NotFound


class UserNotFound(NotFound):
    code = "users.user_not_found"
    message = "There is no such user."


class SelfFollow(Conflict):
    code = "users.self_follow"
    message = "Nobody can follow themselves."


class UsernameInUse(Conflict):
    """Auth has given the username to another account, but the event is still on its way."""

    code = "users.username_in_use"
    message = "The username {username} still belongs to another profile; try again soon."
