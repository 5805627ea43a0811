"""What the client and the subscriber are made of."""
