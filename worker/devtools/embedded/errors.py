"""What can go wrong with an embedded server. The messages are for the person at the terminal.

EmbeddedError
    ServerNotFound   there is no usable program on this machine; the message says what to install
    ServerFailed     a program was started and ended, or did not become ready; the message quotes its log
"""


class EmbeddedError(RuntimeError):
    """Base of the errors of this package."""


class ServerNotFound(EmbeddedError):
    """Raised when there is no usable server program on this machine."""


class ServerFailed(EmbeddedError):
    """Raised when a server ended, or was not ready in time, after it was started."""
