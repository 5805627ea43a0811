"""The parts of the client and of the subscriber."""
