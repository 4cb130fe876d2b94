"""Makes auth's filter of leaked passwords from lists of them: one password a line, UTF-8."""

import sys
from pathlib import Path

from auth_service.usecases.breached import FALSE_POSITIVES, FILE, Bloom
from auth_service.usecases.passwords import MAXIMUM_LENGTH, MINIMUM_LENGTH


def main(lists: list[str]) -> int:
    """Write the filter of those that are long enough to be chosen."""
    if not lists:
        print("usage: python scripts/breached_passwords.py LIST…", file=sys.stderr)
        return 2
    words: set[str] = set()
    for name in lists:
        words.update(Path(name).read_text(encoding="utf-8", errors="replace").splitlines())
    chosen = {word for word in words if MINIMUM_LENGTH <= len(word) <= MAXIMUM_LENGTH}
    FILE.write_bytes(Bloom.of(chosen).bits)
    print(f"{len(chosen)} of {len(words)} passwords; false positives: {FALSE_POSITIVES:g}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
