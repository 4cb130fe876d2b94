from common.testing.conformance import Conformance


class TestAuth(Conformance):
    """Auth keeps what every service promises."""
