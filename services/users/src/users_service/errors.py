"""The errors of users.

AppError
├── Forbidden  FollowNotAllowed
├── NotFound   UserNotFound
└── Conflict   SelfBlock, SelfFollow, SelfMute, UsernameInUse
"""

from common.errors import Conflict, Forbidden, NotFound


class FollowNotAllowed(Forbidden):
    """One of the two blocks the other: it says the same whichever of them it is."""

    code = "users.follow_not_allowed"
    message = "This user cannot be followed."


class UserNotFound(NotFound):
    code = "users.user_not_found"
    message = "There is no such user."


class SelfBlock(Conflict):
    code = "users.self_block"
    message = "Nobody can block themselves."


class SelfFollow(Conflict):
    code = "users.self_follow"
    message = "Nobody can follow themselves."


class SelfMute(Conflict):
    code = "users.self_mute"
    message = "Nobody can mute themselves."


class UsernameInUse(Conflict):
    """Auth has given the username to another account, but the event is still on its way."""

    code = "users.username_in_use"
    message = "The username {username} still belongs to another profile; try again soon."
