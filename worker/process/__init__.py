"""What a worker process does beside its tasks: checks at its start, chores, a heartbeat."""
