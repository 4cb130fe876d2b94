from common.testing.conformance import Conformance


class TestAuth(Conformance):
    """Auth keeps what every service promises, and no answers: they hold secrets."""

    keeps_answers = False
    scopes = "accounts:read audit:read"
