"""The dead letters: their reasons, how much of their room is taken, and what was dropped."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.values import format_time
from worker.cli.operate.doctor.finding import Finding
from worker.services import Services
from worker.store.dead_letters import Filter

_MIB = 1024 * 1024
_SUBJECT = "room for dead letters"
_RECENT: Final = timedelta(days=1)
"""A drop is warned of for so long."""


def inspect_dead_letters(services: Services) -> Iterator[Finding]:
    """Count the dead letters by reason."""
    counts = services.dead_letters.counts()
    total = sum(counts.values())
    if not total:
        yield Finding("dead_letters", "ok", "dead letters", "none")
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    advice = "see plugins dead-letters list; replay or purge them"
    yield Finding("dead_letters", "warn", "dead letters", f"{total}: {reasons}", advice, dict(counts))


def inspect_room(services: Services) -> Iterator[Finding]:
    """Compare the dead letters with their caps."""
    letters = services.dead_letters
    retention, fill, drops = letters.retention, letters.retention.fill(), letters.retention.drops()
    junk = letters.count(Filter(junk=True))
    caps = retention.caps
    text = f"{fill.count} of at most {caps.count}, {fill.size // _MIB} of at most {caps.size // _MIB} MiB"
    details = {"count": fill.count, "size": fill.size, "junk": junk, "dropped": drops.count if drops else 0}
    if fill.count - junk > caps.count or (fill.size > caps.size and not junk):
        text += "; what tasks can apply is more than that, and is never dropped"
        advice = "replay or purge them; or raise PLUGINS_DEAD_LETTERS_MAX and PLUGINS_DEAD_LETTERS_MAX_BYTES"
        yield Finding("dead_letter_room", "fail", _SUBJECT, text, advice, details)
        return
    if drops is None:
        yield Finding("dead_letter_room", "ok", _SUBJECT, text, details=details)
        return
    since, last = format_time(drops.since), format_time(drops.last)
    text += f"; {drops.count} dropped since {since}, the last {last}"
    if datetime.now(UTC) - drops.last >= _RECENT:
        yield Finding("dead_letter_room", "ok", _SUBJECT, text, details=details)
        return
    advice = "find out who sends junk: see plugins dead-letters list --junk"
    yield Finding("dead_letter_room", "warn", _SUBJECT, text, advice, details)
