"""Text that a terminal shows and does not obey."""


def printable(text: str) -> str:
    """``text`` with what could move the cursor escaped; line breaks stay."""
    if text.isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"
