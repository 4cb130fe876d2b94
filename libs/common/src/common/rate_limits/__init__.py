"""How often something may be done, counted by all replicas of a service together."""
