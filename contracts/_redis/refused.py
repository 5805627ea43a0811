"""What Redis refuses a user: the command and the key, as far as its error, or redis-py's, names them."""

import re
from collections.abc import Sequence

_USER = re.compile(r"\bUser (\S+) has no permissions")
# What this service, and redis-py for a pipeline, put beside the error.
_RUNNING = re.compile(r"\(running '([^']+)'(?: on '([^']+)')?\)")
_IN_PIPELINE = re.compile(r"^Command # \d+ \((\S+)(?: (\S+))?.*\) of pipeline caused error: ", re.DOTALL)
_COMMAND = re.compile(r"(?:may not run|permissions to run the) '([^']+)'(?: command)?(?: on '([^']+)')?")
_NAMED_OBJECT = re.compile(r"permissions to access the '([^']+)' (key|channel)")
_OBJECT = re.compile(r"(?:one of the (key|channel)s|access a (key|channel)|at least one of the (key)s)")
_SOME = ("a key of", "a channel of")
_SCRIPTS = ("EVAL", "EVALSHA")


def what_is_refused(text: str, keys: Sequence[str] = ()) -> str:
    """Return the user, the command and the key in the text of a NOPERM error, for people.

    ``keys``: what was used, where the text names no key.
    """
    user = _USER.search(text)
    who = f"the user {user[1]}" if user else "this user"
    what = _what(text)
    if keys and what.startswith(_SOME):
        what = f"{what} (it used {', '.join(keys)})"
    return f"{who} {what}"


def _what(text: str) -> str:
    ran, key = _ran(text)
    if command := _COMMAND.search(text):
        name = command[1].replace("|", " ").upper()
        first, *sub = name.split()
        # Of a command in two words, the second one stands where other commands have their key.
        where = command[2] or (key if ran == first and [key.upper()] != sub else "")
        return f"{name} on {where}" if where else name
    if found := _NAMED_OBJECT.search(text):
        return f"{ran or 'a command'} on {found[1]}"
    if found := _OBJECT.search(text):
        if ran and "script" not in text:
            return f"{ran} on {key}" if key else ran
        of = f" of {ran.lower()}" if ran else " of a command"
        return f"a {next(filter(None, found.groups()))}{of}"
    return f"a command of a script on {key}" if key else "a command of a script"


def _ran(text: str) -> tuple[str, str]:
    """Return the command that was sent, and its first key; empty where nobody told."""
    if ran := _RUNNING.search(text):
        return ran[1].upper(), ran[2] or ""
    if ran := _IN_PIPELINE.search(text):
        name = ran[1].upper()
        if name in _SCRIPTS:
            words = text.split(")", 1)[0].split()
            return name, words[6] if len(words) > 6 else ""
        return name, ran[2] or ""
    return "", ""
