"""The rules: pure decisions about plugins, images and events, without a clock, a socket or a file."""
