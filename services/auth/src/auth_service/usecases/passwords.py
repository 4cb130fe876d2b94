"""Passwords: what is accepted, and Argon2id in few threads, so that logins starve nothing else."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from zxcvbn import zxcvbn

from auth_service.errors import PasswordTooCommon, PasswordTooShort
from auth_service.settings import Settings

# NIST SP 800-63B-4, 3.1.1.2: 15 characters where the password is the only factor.
MINIMUM_LENGTH: Final = 15
_STRONG_ENOUGH: Final = 3
# The estimate's cost rises with the square of the length; guessable passwords show it early.
_ESTIMATED_LENGTH: Final = 40


class Passwords:
    """Checks and hashes passwords, at most as many at a time as it has threads."""

    def __init__(self, hasher: PasswordHasher, threads: ThreadPoolExecutor) -> None:
        self._hasher = hasher
        self._threads = threads
        # Verified in place of a missing account's hash, so that both cases cost the same.
        self._nobody = hasher.hash("nobody has this password")

    async def hash_new(self, password: str, *, related: list[str]) -> str:
        """Return the hash of a password that a person chose.

        Args:
            password: Any Unicode text; compared in its NFC form.
            related: What an attacker would try first: the address, the username.

        Raises:
            PasswordTooShort: It has fewer than 15 characters.
            PasswordTooCommon: It is a common one, or follows from what is related.
        """
        text = unicodedata.normalize("NFC", password)
        if len(text) < MINIMUM_LENGTH:
            raise PasswordTooShort(minimum=MINIMUM_LENGTH, field="password")
        return await self._in_thread(self._check_and_hash, text, related)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password is the hashed one; as slow for None, which nothing matches."""
        text = unicodedata.normalize("NFC", password)
        return await self._in_thread(self._verify, text, password_hash)

    async def _in_thread[R](self, work: Callable[..., R], *arguments: object) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, *arguments)

    def _check_and_hash(self, text: str, related: list[str]) -> str:
        estimate = zxcvbn(text[:_ESTIMATED_LENGTH], user_inputs=[*related, "colonnade"])
        if estimate["score"] < _STRONG_ENOUGH:
            reason = estimate["feedback"]["warning"] or "it follows a common pattern."
            raise PasswordTooCommon(reason=reason, field="password")
        return self._hasher.hash(text)

    def _verify(self, text: str, password_hash: str | None) -> bool:
        try:
            self._hasher.verify(password_hash or self._nobody, text)
        except VerificationError:
            return False
        return password_hash is not None


@asynccontextmanager
async def open_passwords(settings: Settings) -> AsyncIterator[Passwords]:
    """Start the threads that hash, and stop them at the end."""
    hasher = PasswordHasher(
        time_cost=settings.argon2_iterations,
        memory_cost=settings.argon2_memory_kib,
        parallelism=1,
    )
    with ThreadPoolExecutor(settings.password_threads, thread_name_prefix="argon2") as threads:
        yield Passwords(hasher, threads)
