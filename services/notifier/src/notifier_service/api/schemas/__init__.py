"""The bodies of notifier's answers."""
