"""How long the texts of an error may be, which a sender may have written."""

from typing import Any, Final

MAX_PATH_LENGTH: Final = 255
"""The longest ``details.path``, in characters. A longer one, which a sender wrote, is cut."""

MAX_TEXT_LENGTH: Final = 1000
"""The longest message, and the longest text in ``details``, in characters."""


def shortened(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters: ``...`` stands for what is cut off."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def bounded(details: dict[str, Any]) -> dict[str, Any]:
    """Return the details of an error with every text cut that is too long."""
    return {
        name: shortened(value, MAX_PATH_LENGTH)
        if name == "path" and isinstance(value, str)
        else _bounded_value(value)
        for name, value in details.items()
    }


def _bounded_value(value: Any) -> Any:
    match value:
        case str():
            return shortened(value, MAX_TEXT_LENGTH)
        case dict():
            return bounded(value)
        case list():
            return [_bounded_value(item) for item in value]
    return value
