"""Checks a caller's regular expression without compiling it."""

import re
import threading
import warnings
from re import _parser  # type: ignore[attr-defined]  # not public

# Compiled, 32 KB of a caller's [\u0100-\uffff] cost seconds of everybody's time: 2 to 7 ms each, in the
# optimizer of sets. Parsed, 3 us each. No public function only parses. The alternatives are a parser of our
# own, or no check: then those who use a template find what is wrong in it.

_silence = threading.Lock()


class BadPattern(ValueError):
    """Raised by ``parse_pattern`` for a text that is no regular expression."""


def parse_pattern(text: str) -> re.RegexFlag:
    """Return the flags that a regular expression sets for itself, such as ``(?x)``.

    Raises: ``BadPattern``.
    """
    try:
        # What looks like a set within a set is told to whoever runs this, not to who wrote it.
        with _silence, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.RegexFlag(_parser.parse(text).state.flags)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise BadPattern(str(error)) from None
