"""What usernames that look the same have in common, in Python and in SQL.

The alphabet, lower-case ASCII letters, digits and underscores, keeps out what other scripts,
invisible characters and directions of writing could pass off as it. What is left to confuse are
names within it: their skeletons (UTS 39, section 4) are unique.
"""

from typing import Final

from sqlalchemy import text

# What confusables.txt of Unicode 16.0 says of the alphabet, in lower case: 0030 is like 004F, 0031
# like 006C, and 006D like 0072 006E.
_ALIKE: Final = str.maketrans({"0": "o", "1": "l", "m": "rn"})
SKELETON: Final = text("replace(translate(username, '01', 'ol'), 'm', 'rn')")


def skeleton(username: str) -> str:
    """Return what is the same for usernames that look the same."""
    return username.translate(_ALIKE)
