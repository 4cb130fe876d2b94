"""What is sealed is read by who has the secret, whichever of the present ones it was."""

import json
from base64 import urlsafe_b64decode

import pytest

from auth_service.usecases.sealing import Sealer, SealUnbroken

OLD, NEW = "an old secret of the tests, long enough", "a new secret of the tests, long enough"
TEXT = "the private part of a key"


def test_what_is_sealed_can_be_opened_and_looks_different_each_time() -> None:
    sealer = Sealer([OLD], "tests")
    first, second = sealer.seal(TEXT), sealer.seal(TEXT)
    assert first != second
    assert (sealer.unseal(first), sealer.unseal(second)) == (TEXT, TEXT)


def test_the_first_secret_seals_and_all_of_them_open() -> None:
    old, both, new = Sealer([OLD], "tests"), Sealer([NEW, OLD], "tests"), Sealer([NEW], "tests")
    assert both.unseal(old.seal(TEXT)) == TEXT
    assert new.unseal(both.seal(TEXT)) == TEXT
    assert both.name == new.name != old.name


@pytest.mark.parametrize(("secret", "purpose"), [(NEW, "tests"), (OLD, "something else")])
def test_another_secret_or_purpose_opens_nothing(secret: str, purpose: str) -> None:
    with pytest.raises(SealUnbroken):
        Sealer([secret], purpose).unseal(Sealer([OLD], "tests").seal(TEXT))


@pytest.mark.requirement("ASVS 11.3.3")
def test_what_was_changed_is_not_opened() -> None:
    sealer = Sealer([OLD], "tests")
    parts = sealer.seal(TEXT).split(".")
    for index in (2, 3, 4):
        part = parts[index]
        changed = [*parts]
        changed[index] = ("B" if part[0] == "A" else "A") + part[1:]
        with pytest.raises(SealUnbroken):
            sealer.unseal(".".join(changed))
    for text in ("", "....", "x", "a.b.c.d.e"):
        with pytest.raises(SealUnbroken):
            sealer.unseal(text)


@pytest.mark.requirement("ASVS 11.3.1", "ASVS 11.3.2", "RFC 8725 3.6")
def test_a_seal_tells_the_name_of_its_key_and_nothing_of_the_secret() -> None:
    sealer = Sealer([OLD], "tests")
    header = json.loads(urlsafe_b64decode(sealer.seal(TEXT).split(".")[0] + "=="))
    assert header == {"alg": "dir", "enc": "A256GCM", "kid": sealer.name}
    assert len(sealer.name) == 12
