"""The command `colonnade`: what operators do, over the internal routes of services alone."""
