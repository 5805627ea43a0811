"""Draws curves as a plain SVG file, which needs no font, script or style from elsewhere."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 150, 40, 50
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")


@dataclass(frozen=True)
class Axis:
    """A range of values, between two places in the picture."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool

    def place(self, value: float) -> float:
        low, high, at = (math.log10(v) if self.is_log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * ((at - low) / (high - low) if high > low else 0.5)

    def ticks(self) -> list[float]:
        """Return round values between the ends: 1, 2 and 5 of each power of ten, or at most six equal steps."""
        if self.is_log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            values = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
        else:
            power = 10 ** math.floor(math.log10(self.high / 5))
            step = next(power * digit for digit in (1, 2, 5, 10) if self.high / (power * digit) <= 6)
            values = [step * number for number in range(7)]
        return [value for value in values if self.low <= value <= self.high]


def draw(title: str, x: str, y: str, series: Mapping[str, Points], is_log: bool = False) -> str:
    """Return the picture of some curves; the horizontal axis is logarithmic, and has a tick at each place.

    ``is_log``: whether the vertical axis is logarithmic too; else it begins at 0.
    """
    places = sorted({at for points in series.values() for at, _ in points})
    values = [value for points in series.values() for _, value in points]
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    across = Axis(places[0], places[-1], _LEFT, right, is_log=True)
    up = Axis(min(values) / 1.2 if is_log else 0.0, max(values) * 1.1, bottom, _TOP, is_log)
    parts = [_text(_LEFT, 22, title, "start", 15), _text((_LEFT + right) / 2, _HEIGHT - 12, x)]
    parts.append(f'<g transform="rotate(-90 18 {_HEIGHT / 2})">{_text(18, _HEIGHT / 2, y)}</g>')
    for value in up.ticks():
        parts.append(_line([(_LEFT, up.place(value)), (right, up.place(value))], "#ccc", 1))
        parts.append(_text(_LEFT - 8, up.place(value) + 4, f"{value:,g}", "end"))
    parts += [_text(across.place(at), bottom + 18, f"{at:,g}") for at in places]
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        dots = [(across.place(at), up.place(value)) for at, value in points]
        parts.append(_line(dots, colour, 2))
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in dots]
        parts.append(_text(right + 14, _TOP + 14 + 20 * number, name, "start", colour=colour))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>\n"])


def _text(x: float, y: float, text: str, anchor: str = "middle", size: int = 12, colour: str = "#333") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"


def _line(points: Points, colour: str, width: int) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
