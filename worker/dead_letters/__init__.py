"""Messages that could not be applied: kept, shown, replayed."""
