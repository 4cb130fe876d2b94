"""The rules of users, one function each."""
