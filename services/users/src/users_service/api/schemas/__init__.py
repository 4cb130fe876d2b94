"""The bodies of users' requests and answers."""
