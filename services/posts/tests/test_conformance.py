from common.testing.conformance import Conformance


class TestPosts(Conformance):
    """Posts keeps what every service promises."""
