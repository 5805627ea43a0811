"""Commands for users: every operation, batches, events."""
