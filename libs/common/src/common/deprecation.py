"""What common is going to lose: it works and warns for one minor version, then it is gone.

A name that is deprecated in 0.4 is there in every 0.4.x and no more in 0.5.0; a test of common
fails when such a name is still there. Services of other repositories have that long to follow.
"""

import importlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Deprecation:
    """A name that goes.

    Attributes:
        name: Module and name.
        since: The minor version that warns, like "0.4".
        instead: What to use from now on.
    """

    name: str
    since: str
    instead: str

    @property
    def gone_in(self) -> tuple[int, int]:
        """The minor version that lacks it."""
        major, minor = _minor(self.since)
        return major, minor + 1

    def __str__(self) -> str:
        gone = ".".join(map(str, self.gone_in))
        return f"{self.name} is deprecated since {self.since} and gone in {gone}: {self.instead}"


# Filled while modules are imported; names that have moved stand in it once each.
DEPRECATIONS: Final[list[Deprecation]] = []


def deprecated[T: Callable[..., Any]](*, since: str, instead: str) -> Callable[[T], T]:
    """Decorator of a function or a class that goes: whoever calls it is warned.

    Args:
        since: The minor version that warns, like "0.4".
        instead: A sentence that says what to use.
    """

    def mark(target: T) -> T:
        deprecation = Deprecation(f"{target.__module__}.{target.__qualname__}", since, instead)
        DEPRECATIONS.append(deprecation)
        return warnings.deprecated(str(deprecation))(target)

    return mark


def moved(module: str, *, since: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module whose names have moved: they are found, with a warning.

    Args:
        module: Its `__name__`.
        since: The minor version that warns, like "0.4".
        names: Where each of them is now: "common.module.name".
    """
    known = {
        name: Deprecation(f"{module}.{name}", since, f"use {place}")
        for name, place in names.items()
    }
    DEPRECATIONS.extend(known.values())

    def find(name: str) -> Any:
        if name not in known:
            raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
        warnings.warn(str(known[name]), DeprecationWarning, stacklevel=2)
        place, _, attribute = names[name].rpartition(".")
        return getattr(importlib.import_module(place), attribute)

    return find


def overdue(version: str) -> list[Deprecation]:
    """Return what ought to be gone in a version of common, of the modules that are imported."""
    return [each for each in DEPRECATIONS if _minor(version) >= each.gone_in]


def _minor(version: str) -> tuple[int, int]:
    major, minor, *_ = version.split(".")
    return int(major), int(minor)
