"""Passwords: what is accepted, and Argon2id in few threads, so that logins starve nothing else."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import Lock
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from zxcvbn import zxcvbn

from auth_service.errors import (
    PasswordsBusy,
    PasswordTooCommon,
    PasswordTooLong,
    PasswordTooShort,
)
from auth_service.settings import Settings
from auth_service.usecases.breached import load_breached

# NIST SP 800-63B-4, 3.1.1.2: 15 characters where the password is the only factor.
MINIMUM_LENGTH: Final = 15
MAXIMUM_LENGTH: Final = 128
# What is shorter stands in too many words to say anything about a person.
_SHORTEST_NAME: Final = 3
_STRONG_ENOUGH: Final = 3
# The estimate's cost rises with the square of the length; guessable passwords show it early.
_ESTIMATED_LENGTH: Final = 40

_LEAKED: Final = "it is in a list of passwords that leaked."
_TELLING: Final = "it contains your address, your username or the name of this service."

# zxcvbn keeps the names of the present call in a global: two calls at once would mix them up.
_estimating: Final = Lock()


class Passwords:
    """Checks and hashes passwords, at most as many at a time as it has threads.

    Args:
        hasher: Argon2id with its parameters.
        threads: Where it hashes; each thread takes the memory of one hash.
        places: How many may be hashed or wait for it; who comes then has to come again.
        product: Name of the product, which no password may contain.
    """

    def __init__(
        self,
        hasher: PasswordHasher,
        threads: ThreadPoolExecutor,
        *,
        places: int = 64,
        product: str = "",
    ) -> None:
        self._hasher = hasher
        self._threads = threads
        self._free = places
        self._product = product
        self._breached = load_breached()
        # Verified in place of a missing account's hash, so that both cases cost the same.
        self._nobody = hasher.hash("nobody has this password")

    async def hash_new(self, password: str, *, related: list[str], field: str = "password") -> str:
        """Return the hash of a password that a person chose.

        Args:
            password: Any Unicode text; compared in its NFC form.
            related: What an attacker would try first: the address, the username.
            field: The member of the body that it came in.

        Raises:
            PasswordTooShort: It has fewer than 15 characters.
            PasswordTooLong: It has more than 128 characters.
            PasswordTooCommon: It leaked, is a common one, or contains what is related.
            PasswordsBusy: Too many others are being hashed.
        """
        text = unicodedata.normalize("NFC", password)
        if len(text) < MINIMUM_LENGTH:
            raise PasswordTooShort(minimum=MINIMUM_LENGTH, field=field)
        if len(text) > MAXIMUM_LENGTH:
            raise PasswordTooLong(maximum=MAXIMUM_LENGTH, field=field)
        if text in self._breached:
            raise PasswordTooCommon(reason=_LEAKED, field=field)
        names = [*(each.partition("@")[0] for each in related), self._product]
        if _contains_any(text, names):
            raise PasswordTooCommon(reason=_TELLING, field=field)
        weakness = await self._in_thread(_weakness, text, names)
        if weakness is not None:
            raise PasswordTooCommon(reason=weakness, field=field)
        return await self._in_thread(self._hasher.hash, text)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password is the hashed one; as slow for None, which nothing matches.

        Raises:
            PasswordsBusy: Too many others are being hashed.
        """
        text = unicodedata.normalize("NFC", password)
        return await self._in_thread(self._verify, text, password_hash)

    async def renewed(self, password: str, password_hash: str) -> str | None:
        """Return a hash with today's parameters in place of an older one; None if it has them.

        Raises:
            PasswordsBusy: Too many others are being hashed.
        """
        if not self._hasher.check_needs_rehash(password_hash):
            return None
        text = unicodedata.normalize("NFC", password)
        return await self._in_thread(self._hasher.hash, text)

    def require_place(self) -> None:
        """Refuse whom a hash would refuse, before anything is looked up for them.

        Raises:
            PasswordsBusy: Too many others are being hashed.
        """
        if self._free <= 0:
            raise PasswordsBusy

    async def _in_thread[R](self, work: Callable[..., R], *arguments: object) -> R:
        self.require_place()
        self._free -= 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, work, *arguments)
        finally:
            self._free += 1

    def _verify(self, text: str, password_hash: str | None) -> bool:
        try:
            self._hasher.verify(password_hash or self._nobody, text)
        except VerificationError:
            return False
        return password_hash is not None


def _contains_any(text: str, names: list[str]) -> bool:
    plain = _plain(text)
    return any(name in plain for name in map(_plain, names) if len(name) >= _SHORTEST_NAME)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _weakness(text: str, names: list[str]) -> str | None:
    """Say what makes a password easy to guess, None if nothing does.

    The estimate knows common passwords, words and names, patterns of keys, and variations of them.
    """
    with _estimating:
        estimate = zxcvbn(text[:_ESTIMATED_LENGTH], user_inputs=names)
    if estimate["score"] >= _STRONG_ENOUGH:
        return None
    return estimate["feedback"]["warning"] or "it follows a common pattern."


@asynccontextmanager
async def open_passwords(settings: Settings) -> AsyncIterator[Passwords]:
    """Start the threads that hash, and stop them at the end."""
    hasher = PasswordHasher(
        time_cost=settings.argon2_iterations,
        memory_cost=settings.argon2_memory_kib,
        parallelism=settings.argon2_parallelism,
    )
    with ThreadPoolExecutor(settings.password_threads, thread_name_prefix="argon2") as threads:
        yield Passwords(
            hasher,
            threads,
            places=settings.password_threads + settings.password_queue,
            product=settings.product_name,
        )
