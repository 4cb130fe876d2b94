"""Which usernames may be somebody's: none that speaks for the platform, or looks as if it did."""

from typing import Final

from auth_service.errors import UsernameReserved
from auth_service.models.usernames import skeleton

_FOR_THE_PLATFORM: Final = (
    "abuse account accounts admin administrator administration anonymous api auth billing bot "
    "contact everybody everyone help helpdesk here hostmaster info legal localhost login "
    "logout mailer_daemon mod moderation moderator moderators news nobody noreply null "
    "official operator owner payments postmaster press privacy register root sales security "
    "service settings signup site staff status superuser support sysadmin system team "
    "undefined user users verified webmaster www "
)


class Usernames:
    """Knows which names are kept; `product` is the platform's own."""

    def __init__(self, product: str) -> None:
        self._reserved = frozenset(map(_bare, [*_FOR_THE_PLATFORM.split(), product.casefold()]))

    def refuse_reserved(self, username: str) -> None:
        """Refuse a name that speaks for the platform, or looks as if it did.

        Raises:
            UsernameReserved: It does.
        """
        if _bare(username) in self._reserved:
            raise UsernameReserved(username=username, field="username")


def _bare(username: str) -> str:
    # Nobody has one of these names, so they may be guarded more widely: an i is like an l, too.
    letters = skeleton(username).replace("i", "l")
    return "".join(filter(str.isalnum, letters))
