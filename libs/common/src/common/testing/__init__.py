"""What the tests of all services share: keys, tokens, settings, a client, a conformance suite."""
