"""Regular expressions of callers."""

from collections.abc import Sequence

from contracts.pattern import BadPattern, parse_pattern
from tests.fuzz.script import Script, changed_text
from tests.fuzz.target import Target
from worker.store.query.patterns import pattern

SEEDS: Sequence[str] = [
    *("^a+b*?$", "(?P<n>a|b)\\1(?P=n)", "(?x) a # b", "[a-z[\\w-]--[^b]]", "(?<=a)b(?!c)", "a{2,3}+", "(?>a)|(?i:b)"),
    *("\\N{LATIN SMALL LETTER A}\\x41\\u0041\\U00000041", "(?(1)a|b)", "\\b\\A\\Z\\d\\D", "[\\u0100-\\uffff]", ""),
]  # fmt: skip
WORDS: Sequence[str] = [
    *("(", ")", "[", "]", "{", "}", "|", "*", "+", "?", "^", "$", ".", "\\", "-", "&&", "~~", "||", "--", "#", " ", "\n"),
    *("(?a)", "(?u)", "(?L)", "(?x)", "(?i-m:", "(?P<a>", "(?P=a)", "(?(a)", "(?#", "(?<!", "(?>", "{0,}", "{1,2}+"),
    *("{99999999999999999999}", "{4294967295}", "\\99", "\\x", "\\u12", "\\N{", "\\8", "[[:alpha:]]", "(" * 400, "é", "\0"),
    *("9" * 5_000, "(?P<ı>", "[a-\\d]", "[z-a]", "\\p{L}"),
]  # fmt: skip


def _use(text: str) -> None:
    try:
        parse_pattern(text[:1_000])
    except BadPattern as error:
        str(error)
    else:
        pattern(text[:1_000], is_large=True)


def _make(script: Script) -> str:
    return changed_text(script, SEEDS, WORDS)


PATTERNS = Target("patterns", _make, _use)
