"""The cost corpus: the largest and slowest of everything that one message may hold."""
