from common.testing.conformance import Conformance


class TestNotifier(Conformance):
    """Notifier keeps what every service promises."""
