"""The public suffix list: below which names strangers are neighbours."""

from functools import cache

from publicsuffixlist import PublicSuffixList


@cache
def public_suffixes() -> PublicSuffixList:
    """Return the list, which is read once for a process, when it is needed."""
    return PublicSuffixList()
