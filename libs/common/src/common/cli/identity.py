"""As which service the command line speaks: it borrows the environment of one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from common.settings import Peer
from common.tokens import InternalTokens

AS: Final = "COLONNADE_AS"
_KEY: Final = "_INTERNAL_PRIVATE_KEY"
_PEERS: Final = "_PEERS"
_peers = TypeAdapter(dict[str, Peer])


class UsageError(Exception):
    """The command cannot be run as it was given; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A service: its tokens, and where every service answers."""

    service: str
    tokens: InternalTokens
    urls: Mapping[str, str]


def read_identity(environment: Mapping[str, str], chosen: str | None) -> Identity:
    """Return the service to speak as, from its own settings.

    Args:
        environment: With `<SERVICE>_INTERNAL_PRIVATE_KEY` and `<SERVICE>_PEERS`.
        chosen: Its name; else COLONNADE_AS, else the only one that the environment has.

    Raises:
        UsageError: There is none, several, or it has no usable settings.
    """
    service = chosen or environment.get(AS) or _only(environment)
    prefix = service.upper()
    try:
        key, told = environment[prefix + _KEY], environment[prefix + _PEERS]
        peers = _peers.validate_json(told)
        tokens = InternalTokens(service, key, {name: p.public_key for name, p in peers.items()})
    except KeyError as error:
        raise UsageError(f"To speak as {service}, set {error.args[0]}.") from error
    except ValidationError as error:
        raise UsageError(f"{prefix}{_PEERS} is not the JSON that services take.") from error
    except ValueError as error:
        raise UsageError(f"{prefix}{_KEY} or a key of {prefix}{_PEERS} is no PEM.") from error
    return Identity(service, tokens, {name: peer.url for name, peer in peers.items()})


def _only(environment: Mapping[str, str]) -> str:
    found = sorted(
        name.removesuffix(_KEY).lower()
        for name in environment
        if name.endswith(_KEY) and name.removesuffix(_KEY) + _PEERS in environment
    )
    if not found:
        raise UsageError(
            "No service's settings are in the environment. Run this where a service runs, such as"
            " `kubectl exec deploy/users-app -- colonnade events lag`; for the stack of"
            ' `make up`: make events ARGS="lag".'
        )
    if len(found) > 1:
        raise UsageError(f"Choose whom to speak as with --as or {AS}: {', '.join(found)}.")
    return found[0]
