from common.testing.conformance import Conformance


class TestUsers(Conformance):
    """Users keeps what every service promises."""
