"""How often something is tried here, by whom and against whom (ADR 23).

An account from elsewhere is one thing, and from a network of its owner's another: a storm from
everywhere leaves the owner their own turns. No account is looked up before a limit refuses.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from auth_service.api.dependencies import FromClient, OwnerSession, WithResources
from auth_service.errors import CodeInvalid, TooManyAttempts
from auth_service.models import LinkPurpose
from auth_service.resources import Resources
from auth_service.usecases.sessions import Client, was_seen
from common.clock import utc_now
from common.errors import AppError, Forbidden, Unauthenticated
from common.http.limits import FAILURES, Limited, ask
from common.rate_limits.limiter import Claim, Refusal, Taken
from common.rate_limits.rates import Limit

_PER_ACCOUNT: Final = "limit_passwords_per_account"
_PER_MAILBOX: Final = "limit_mails_per_mailbox"

passwords: Final = Limited(
    "passwords",
    error=TooManyAttempts,
    # Not a new password that is too weak, nor a name that is taken.
    failures=(Unauthenticated, Forbidden, CodeInvalid),
)
tokens: Final = Limited(
    "tokens",
    error=TooManyAttempts,
    failures=FAILURES,
)
mails: Final = Limited(
    "mails",
    error=TooManyAttempts,
)


async def proof_attempt(
    request: Request, user: OwnerSession, resources: WithResources
) -> AsyncIterator[None]:
    """Let somebody with the user's token try a password or a code."""
    limit = Limit.set_by(resources.settings, _PER_ACCOUNT)
    async with passwords.attempt(request, Claim(limit, str(user.id))):
        yield


@dataclass(frozen=True, slots=True)
class Attempts:
    """What anybody tries by naming an address, for any address alike: with or without an account.

    Where others have used its turns up, who comes from a network of its owner's has turns apart.
    """

    request: Request
    resources: Resources
    client: Client

    def log_in(self, email: str) -> AbstractAsyncContextManager[None]:
        """Let somebody try a password in the block, if it is not too often."""
        limit = Limit.set_by(self.resources.settings, _PER_ACCOUNT)

        async def from_owners_network(refusal: Refusal) -> Sequence[Claim]:
            if refusal.limit is not limit or not await self._is_owners(email):
                return ()
            own = Claim(limit, f"{email} {self.client.network}")
            return (*passwords.claims(self.request), own)

        claim = Claim(limit, email)
        return passwords.attempt(self.request, claim, instead=from_owners_network)

    @asynccontextmanager
    async def mail(self, email: str, purpose: LinkPurpose) -> AsyncIterator[bool]:
        """Say whether a mailbox gets one more mail for a purpose; whoever asks is not told.

        A block that fails has not asked for any.
        """
        limit = Limit.set_by(self.resources.settings, _PER_MAILBOX)
        key = f"{purpose} {_mailbox(email)}"
        outcome = await ask(self.request, Claim(limit, key))
        if isinstance(outcome, Refusal) and await self._is_owners(email):
            outcome = await ask(self.request, Claim(limit, f"{key} {self.client.network}"))
        try:
            yield isinstance(outcome, Taken)
        except AppError:
            if isinstance(outcome, Taken):
                await self.resources.platform.limiter.give_back(outcome)
            raise

    async def _is_owners(self, email: str) -> bool:
        """Tell whether the client is where the owner was: the same statement for any address."""
        network = self.client.network
        if network is None:
            return False
        policy = self.resources.sessions
        async with self.resources.reads() as reads:
            return await was_seen(reads, policy=policy, email=email, network=network, now=utc_now())


async def attempts(request: Request, resources: WithResources, client: FromClient) -> Attempts:
    """Return what bounds how often something is tried against an address."""
    return Attempts(request, resources, client)


WithAttempts = Annotated[Attempts, Depends(attempts)]
ProofAttempt: Final = Depends(proof_attempt, scope="function")
TokenAttempt: Final = Depends(tokens, scope="function")
MailRequest: Final = Depends(mails, scope="function")


def _mailbox(email: str) -> str:
    """Return where mail to an address arrives, also if it has a tag (`ada+tag@example.com`)."""
    local, _, domain = email.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
