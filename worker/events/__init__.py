"""Events: from the outboxes of the store to the stream, each once and in order."""
