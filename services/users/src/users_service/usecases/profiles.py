"""How a profile comes to be and changes: made by auth's event or by the person's first request."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from common.contracts import ProfileChanged
from common.place import Place
from common.tokens import User
from users_service.errors import UsernameInUse, UserNotFound
from users_service.models import Profile
from users_service.unit_of_work import Tx


async def read_own_profile(tx: Tx, *, user: User, now: datetime) -> Profile:
    """Return the caller's profile; whoever comes before auth's event gets it from the token.

    Raises:
        UsernameInUse: Another profile still has the username.
    """
    return await tx.profiles.find(user.id) or await _make_profile(
        tx, account_id=user.id, username=user.username, now=now
    )


async def read_profile(tx: Tx, *, username: str) -> Profile:
    """Return anybody's profile.

    Raises:
        UserNotFound: Nobody has the username.
    """
    profile = await tx.profiles.find_by_username(username)
    if profile is None:
        raise UserNotFound
    return profile


async def edit_own_profile(
    tx: Tx,
    *,
    user: User,
    check: Callable[[Profile], None],
    display_name: str | None = None,
    bio: str | None = None,
    now: datetime,
) -> Profile:
    """Change what is not None; `check` sees the locked profile first and may refuse by raising.

    Raises:
        UsernameInUse: The profile is to be made, but another still has the username.
    """
    profile = await tx.profiles.lock(user.id) or await _make_profile(
        tx, account_id=user.id, username=user.username, now=now
    )
    check(profile)
    wanted = (
        profile.display_name if display_name is None else display_name,
        profile.bio if bio is None else bio,
    )
    if wanted != (profile.display_name, profile.bio):
        profile.display_name, profile.bio = wanted
        await _report_change(tx, profile, now=now)
    return profile


async def copy_username(
    tx: Tx, *, account_id: UUID, username: str, place: Place, now: datetime
) -> None:
    """Write what auth says an account is called, unless a later event has said so already."""
    profile = await tx.profiles.lock(account_id)
    if profile is not None and profile.username_place >= place:
        return
    await _release_username(tx, username, owner_id=account_id, now=now)
    if profile is None:
        profile = await _make_profile(tx, account_id=account_id, username=username, now=now)
    profile.username_place = place
    if profile.username != username:
        profile.username = username
        await _report_change(tx, profile, now=now)


async def list_cards(tx: Tx, *, after: UUID | None, limit: int) -> list[ProfileChanged]:
    """List everybody's public card, as the event tells it."""
    return [_card(profile) for profile in await tx.profiles.list_all(after=after, limit=limit)]


async def _release_username(tx: Tx, username: str, *, owner_id: UUID, now: datetime) -> None:
    # Usernames are unique in auth. Another profile that has this one is of an account that auth
    # has lost in a restore: it keeps what refers to it, under a name that nobody can register.
    holder = await tx.profiles.lock_by_username(username)
    if holder is not None and holder.id != owner_id:
        holder.username = str(holder.id)
        await _report_change(tx, holder, now=now)


async def _make_profile(tx: Tx, *, account_id: UUID, username: str, now: datetime) -> Profile:
    """Return the account's new profile, or the one that was written meanwhile, locked."""
    made = await tx.profiles.add(account_id, username=username, now=now)
    profile = await tx.profiles.lock(account_id)
    if profile is None:
        raise UsernameInUse(username=username)
    if made:
        await _report_change(tx, profile, now=now)
    return profile


async def _report_change(tx: Tx, profile: Profile, *, now: datetime) -> None:
    profile.updated_at = now
    await tx.outbox.add(_card(profile), key=profile.id)


def _card(profile: Profile) -> ProfileChanged:
    return ProfileChanged(
        user_id=profile.id, username=profile.username, display_name=profile.display_name
    )
