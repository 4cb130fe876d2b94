"""The rules of auth, one function each."""
