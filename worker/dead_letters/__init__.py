"""Dead letters: messages that could not be applied are kept, shown and replayed."""
