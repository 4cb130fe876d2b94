"""Queries, one file per aggregate. Nothing here decides a business rule."""
