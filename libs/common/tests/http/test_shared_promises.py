"""The suite that services inherit, held against an app that has a route for every mechanism."""

from common.testing.conformance import HttpConformance, IdentityConformance


class TestHttp(HttpConformance):
    # Readiness is tested where there is a database.
    test_probes_answer = None  # type: ignore[assignment]


class TestIdentity(IdentityConformance):
    # Revocations are tested where there is a database, and consumers that copy them.
    test_no_token_of_a_revoked_session_passes = None
    test_the_end_of_sessions_is_heard_of = None  # type: ignore[assignment]
    test_a_new_process_refuses_revoked_sessions_from_its_first_request = None  # type: ignore[assignment]
