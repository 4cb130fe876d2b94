"""Tokens speak for whom they were signed, for as long as they say, and for nobody else."""

import time
from contextlib import suppress
from typing import Any, cast

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from common.ids import new_id
from common.testing.conformance import bad_internal_tokens, bad_user_tokens
from common.testing.keys import (
    AUDIENCE,
    ISSUER,
    SIGNING,
    jwks,
    key_of,
    mint_internal_token,
    mint_user_token,
    private_pem,
    public_pem,
)
from common.tokens import LEEWAY_SECONDS, InternalTokens, InvalidToken, KeysUnknown, UserTokens

CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": str(new_id()),
    "sid": str(new_id()),
    "username": "ada",
    "iat": int(time.time()),
    # They are used at the end of a long run, too.
    "exp": int(time.time()) + 86_400,
}


@pytest.fixture
def tokens() -> UserTokens:
    made = UserTokens(ISSUER, AUDIENCE)
    made.use_keys(jwks())
    return made


@pytest.fixture
def internal() -> InternalTokens:
    return InternalTokens("echo", private_pem("echo"), {"other": public_pem("other")})


def test_a_user_is_who_the_claims_say(tokens: UserTokens) -> None:
    user_id = new_id()
    token = mint_user_token(user_id, username="ada", roles=["admin"], scope="read write")
    user = tokens.verify(token)
    assert (user.id, user.username) == (user_id, "ada")
    assert user.roles == {"admin"}
    assert user.scope == {"read", "write"}
    assert tokens.verify(token) is user


def test_a_token_may_say_who_acts_for_the_user(tokens: UserTokens) -> None:
    helper = new_id()
    assert tokens.verify(mint_user_token(act={"sub": str(helper)})).impersonator == helper
    assert tokens.verify(mint_user_token()).impersonator is None


@pytest.mark.parametrize("act", [None, "x", 1, [], {}, {"sub": None}, {"sub": "root"}, {"sub": 7}])
def test_an_actor_that_is_not_understood_is_refused(tokens: UserTokens, act: Any) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(mint_user_token(act=act))


@pytest.mark.parametrize("flaw", bad_user_tokens("echo"))
@pytest.mark.requirement(
    "ASVS 9.1.1",
    "ASVS 9.1.2",
    "ASVS 9.1.3",
    "ASVS 9.2.1",
    "RFC 8725 3.1",
    "RFC 8725 3.2",
    "RFC 8725 3.3",
    "RFC 8725 3.8",
    "RFC 8725 3.10",
    "RFC 8725 3.11",
)
def test_a_bad_token_is_refused(tokens: UserTokens, flaw: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(bad_user_tokens("echo")[flaw])


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "username", "iat", "exp"])
@pytest.mark.requirement("ASVS 9.2.3", "RFC 8725 3.8", "RFC 8725 3.9")
def test_every_claim_is_required(tokens: UserTokens, claim: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(mint_user_token(**cast("dict[str, Any]", {claim: None})))


@pytest.mark.parametrize("token", ["", ".", "..", "é.x.y", "\ud800", "x" * 9000, "W10.W10.W10"])
@pytest.mark.requirement("RFC 8725 3.7")
def test_what_is_no_token_is_refused(tokens: UserTokens, token: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(token)


def test_a_token_with_odd_claims_is_refused(tokens: UserTokens) -> None:
    oddities: list[dict[str, Any]] = [
        {"roles": 7},
        {"roles": [{}]},
        {"exp": 1e300},
        {"sub": 7},
        {"sid": []},
    ]
    for claims in oddities:
        with pytest.raises(InvalidToken):
            tokens.verify(mint_user_token(**claims))


def test_a_remembered_token_expires(tokens: UserTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    token = mint_user_token(expires_in=60)
    tokens.verify(token)
    later = time.time() + 60 + 31
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(InvalidToken):
        tokens.verify(token)


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
@pytest.mark.requirement("ASVS 9.1.2", "ASVS 11.2.2", "ASVS 11.6.1", "RFC 8725 3.1", "RFC 8725 3.2")
def test_both_algorithms_are_accepted_each_with_its_own_kind_of_key(algorithm: str) -> None:
    pair: dict[str, ECKey | OKPKey] = {
        "ES256": ECKey.generate_key("P-256"),
        "Ed25519": OKPKey.generate_key("Ed25519"),
    }
    keys = {name: key.as_dict(private=False, kid=name) for name, key in pair.items()}
    tokens = UserTokens(ISSUER, AUDIENCE)
    tokens.use_keys({"keys": list(keys.values())})
    header = {"alg": algorithm, "typ": "at+jwt", "kid": algorithm}
    token = jwt.encode(header, CLAIMS, pair[algorithm], [algorithm])
    assert tokens.verify(token).username == "ada"
    [other] = keys.keys() - {algorithm}
    crossed = jwt.encode({**header, "kid": other}, CLAIMS, pair[algorithm], [algorithm])
    with pytest.raises(InvalidToken):
        tokens.verify(crossed)


def test_clocks_may_differ_by_less_than_a_minute(tokens: UserTokens) -> None:
    assert LEEWAY_SECONDS <= 60
    late = mint_user_token(expires_in=-LEEWAY_SECONDS + 5)
    assert tokens.verify(late).username == "ada"
    with pytest.raises(InvalidToken):
        tokens.verify(mint_user_token(expires_in=-60))


def test_only_a_key_that_is_not_known_is_missed(tokens: UserTokens) -> None:
    for signer, missed in ((SIGNING, False), ("a newer one", True)):
        with suppress(InvalidToken):
            tokens.verify(mint_user_token(signer=signer))
        assert tokens.unknown_key_seen.is_set() is missed


def test_without_keys_nothing_can_be_said() -> None:
    with pytest.raises(KeysUnknown):
        UserTokens(ISSUER, AUDIENCE).verify(mint_user_token())


def test_new_keys_replace_the_old_at_once(tokens: UserTokens) -> None:
    old = mint_user_token()
    tokens.verify(old)
    tokens.use_keys({"keys": [key_of("next").as_dict(private=False)]})
    assert tokens.verify(mint_user_token(signer="next")).username == "ada"
    with pytest.raises(InvalidToken):
        tokens.verify(old)


@pytest.mark.parametrize("malformed", [{}, {"keys": []}, {"keys": [{"kty": "EC"}]}, {"keys": 7}])
def test_a_malformed_key_set_leaves_the_old(
    tokens: UserTokens, malformed: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="malformed"):
        tokens.use_keys(malformed)
    assert tokens.verify(mint_user_token()).username == "ada"


def test_a_service_is_known_to_the_one_it_calls(internal: InternalTokens) -> None:
    assert internal.verify(mint_internal_token("other", "echo")) == "other"


@pytest.mark.requirement("RFC 9700 4.9")
def test_an_issued_token_is_reused_and_passes_only_where_it_was_meant_for(
    internal: InternalTokens,
) -> None:
    token = internal.issue("other")
    assert internal.issue("other") == token
    assert internal.issue("third") != token
    for name, accepted in (("other", True), ("third", False)):
        callee = InternalTokens(name, private_pem(name), {"echo": public_pem("echo")})
        if accepted:
            assert callee.verify(token) == "echo"
        else:
            with pytest.raises(InvalidToken):
                callee.verify(token)


@pytest.mark.parametrize("flaw", bad_internal_tokens("echo", "other"))
@pytest.mark.requirement("RFC 8725 3.12")
def test_a_bad_internal_token_is_refused(internal: InternalTokens, flaw: str) -> None:
    with pytest.raises(InvalidToken):
        internal.verify(bad_internal_tokens("echo", "other")[flaw])
