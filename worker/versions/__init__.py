"""Keeping the version lists of images fresh: subscribe and discover, dispatch, refresh, read."""
