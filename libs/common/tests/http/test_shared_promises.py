"""The suite that services inherit, held against an app that has a route for every mechanism."""

from common.testing.conformance import HttpConformance, IdentityConformance


class TestHttp(HttpConformance):
    # Readiness is tested where there is a database.
    test_probes_answer = None  # type: ignore[assignment]


class TestIdentity(IdentityConformance):
    pass
