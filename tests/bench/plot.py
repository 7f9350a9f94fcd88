"""One picture of a run: how far every figure is from its bar, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from tests.bench.case import Bar
from tests.bench.figures import Row, short

_WIDTH, _ROW, _TOP, _BOTTOM = 1040, 30, 66, 44
_LEFT, _RIGHT = 480, 940

#: The range shown, in times better than the bar; what is beyond stands at the edge.
_WORST, _BEST = 1 / 16, 4.0

_GOOD, _BAD, _GOAL, _GREY = "#2a7d46", "#c0392b", "#8a6d1f", "#888"


def draw(rows: Sequence[Row], subtitle: str) -> str:
    """Returns the picture, in SVG, of figures that have a bar."""
    height = _TOP + _ROW * len(rows) + _BOTTOM
    bottom = height - _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        _text(16, 26, "How many times better than its bar each figure is", size=16),
        _text(16, 46, subtitle, size=11, fill=_GREY),
        *_axis(bottom),
    ]
    for number, row in enumerate(rows):
        if row.figure.bar is not None:
            parts += _row(row, row.figure.bar, _TOP + _ROW * number + _ROW // 2)
    parts.append(
        _text(_LEFT, height - 10, "point: median; line: 95 % interval; diamond: goal", size=11, fill=_GREY)
    )
    return "\n".join([*parts, "</svg>", ""])


def _axis(bottom: int) -> list[str]:
    parts = []
    exponents = range(round(math.log2(_WORST)), round(math.log2(_BEST)) + 1)
    for score in (2.0**exponent for exponent in exponents):
        colour = "#222" if score == 1 else "#ddd"
        parts.append(_line(_x(score), _TOP, _x(score), bottom, colour))
        label = "bar" if score == 1 else f"×{score:g}" if score > 1 else f"1/{1 / score:g}"
        parts.append(_text(_x(score), bottom + 16, label, size=11, fill=_GREY, anchor="middle"))
    return parts


def _row(row: Row, bar: Bar, y: int) -> list[str]:
    colour = _BAD if row.verdict == "MISSED" else _GOOD
    came = row.summary
    point, low, high = (_x(bar.score(value)) for value in (came.median, came.low, came.high))
    parts = [
        _text(_LEFT - 16, y + 4, row.figure.name, anchor="end"),
        _line(low, y, high, y, colour, width=3),
        f'<circle cx="{point:.1f}" cy="{y}" r="5" fill="{colour}"/>',
        _text(_RIGHT + 16, y + 4, short(came.median), fill=colour),
    ]
    if bar.goal is not None:
        x = _x(bar.score(bar.goal))
        parts.append(
            f'<path d="M{x - 6:.1f} {y} l6 -6 l6 6 l-6 6 z" fill="none" stroke="{_GOAL}" stroke-width="2"/>'
        )
    return parts


def _x(score: float) -> float:
    inside = min(max(score, _WORST), _BEST)
    return _LEFT + (_RIGHT - _LEFT) * math.log(inside / _WORST) / math.log(_BEST / _WORST)


def _text(x: float, y: float, text: str, *, size: int = 13, fill: str = "#222", anchor: str = "start") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
    return f"<text {where}>{escape(text)}</text>"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1) -> str:
    where = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {where} stroke="{colour}" stroke-width="{width}"/>'
