"""A team's own service beside those of the platform: made, extended and removed by one command.

Every command works on a copy of the checkout, and moves what differs into place at its end.
"""
