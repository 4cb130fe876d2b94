"""The rules of posts, one function each."""
