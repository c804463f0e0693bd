"""Speed side by side with the peers; see `__main__.py` for how to run it."""
