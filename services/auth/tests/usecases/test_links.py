"""What is mailed follows from a secret: without it nobody can tell a token or a code."""

import pytest

from auth_service.models import LinkPurpose
from auth_service.usecases.links import LinkSigner
from common.ids import new_id

ONE, OTHER = (LinkSigner(secret * 32, "http://localhost") for secret in (b"1", b"2"))
IDS = [new_id() for _ in range(1000)]


@pytest.mark.requirement("ASVS 6.5.3", "NIST 800-63B-4 3.2.12")
@pytest.mark.parametrize(
    ("signer", "purpose"), [(OTHER, LinkPurpose.LOG_IN), (ONE, LinkPurpose.REAUTHENTICATE)]
)
def test_codes_of_another_secret_or_purpose_have_nothing_to_do_with_these(
    signer: LinkSigner, purpose: LinkPurpose
) -> None:
    codes = [ONE.code(each, LinkPurpose.LOG_IN) for each in IDS]
    others = [signer.code(each, purpose) for each in IDS]

    # By chance half a pair of the same code is expected among a thousand, and no code at its place.
    assert len(set(codes)) >= 990
    assert sum(one == other for one, other in zip(codes, others, strict=True)) <= 2
    # Every place of a code takes every digit.
    assert all(len(set(digits)) == 10 for digits in zip(*codes, strict=True))


@pytest.mark.requirement("ASVS 6.4.1", "ASVS 11.5.1")
def test_a_token_has_256_bits_that_follow_from_the_secret() -> None:
    for each in IDS:
        token, other = (one.token(each, LinkPurpose.LOG_IN) for one in (ONE, OTHER))
        link_id, _, mac = token.partition(".")
        assert (link_id, len(bytes.fromhex(mac))) == (each.hex, 32)
        assert other.partition(".")[2] != mac
