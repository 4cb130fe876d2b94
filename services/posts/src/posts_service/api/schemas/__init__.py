"""The bodies of posts' requests and answers."""
