"""Keeping the version lists of images fresh: dispatch what is due, refresh it, look at it."""
