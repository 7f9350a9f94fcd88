"""One picture of a run over time: what was acknowledged and what ended a second, and what was done to it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from tests.torture.histories import Read
from tests.torture.rules.violation import Violation
from tests.torture.story import Story

_WIDTH, _HEIGHT, _TOP, _BOTTOM = 1200, 420, 64, 90
_LEFT, _RIGHT = 60, 1180

_ACKNOWLEDGED, _ENDED, _GREY, _RED = "#2a6fb0", "#2a7d46", "#888", "#c0392b"

#: The colours of what the nemesis does to the server; ends of an act are not marked.
_ACTS = {
    "kill": "#c0392b",
    "term": "#8a6d1f",
    "stop": "#7d3c98",
    "full": "#d35400",
    "readonly": "#16a085",
    "second": "#2c3e50",
}

_BINS = 240


def draw(story: Story, violations: Sequence[Violation]) -> str:
    """Returns the picture, in SVG."""
    acknowledged = [task.acknowledged[0].at for task in story.acknowledged()]
    ended = _ends(story)
    last = max([*acknowledged, *ended, story.began + 1])
    scale = _Scale(story.began, last)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 24, "Tasks a second while the nemesis is at work", size=16),
    ]
    rates = {
        "acknowledged": (scale.rates(acknowledged), _ACKNOWLEDGED),
        "results read": (scale.rates(ended), _ENDED),
    }
    highest = max(max(values) for values, _ in rates.values()) or 1.0
    for number, (name, (values, colour)) in enumerate(rates.items()):
        lines.append(_curve(values, highest, colour))
        lines.append(_text(_LEFT + 140 * number, 46, name, fill=colour))
    lines += _axes(scale, highest)
    lines += _marks(story, violations, scale)
    return "\n".join([*lines, "</svg>", ""])


class _Scale:
    """Where a moment is on the picture, and the seconds that one bin of it stands for."""

    def __init__(self, first: float, last: float) -> None:
        self._first = first
        self.seconds = last - first
        self.bin_s = self.seconds / _BINS

    def x(self, at: float) -> float:
        share = (at - self._first) / self.seconds
        return _LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, share))

    def rates(self, moments: Sequence[float]) -> list[float]:
        counts = [0] * _BINS
        for at in moments:
            counts[min(_BINS - 1, max(0, int((at - self._first) / self.bin_s)))] += 1
        return [count / self.bin_s for count in counts]


def _ends(story: Story) -> list[float]:
    """Returns when results were read first, by whichever reader was first."""
    first: dict[str, float] = {}
    for reading in story.readings.values():
        for seen in reading.seen:
            if isinstance(seen, Read):
                first[seen.ending.id] = min(seen.at, first.get(seen.ending.id, seen.at))
    return list(first.values())


def _curve(values: Sequence[float], highest: float, colour: str) -> str:
    step = (_RIGHT - _LEFT) / _BINS
    points = " ".join(
        f"{_LEFT + step * (number + 0.5):.1f},{_y(value / highest):.1f}"
        for number, value in enumerate(values)
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"/>'


def _axes(scale: _Scale, highest: float) -> list[str]:
    lines = [_line(_LEFT, _y(0), _RIGHT, _y(0), "#222"), _line(_LEFT, _y(0), _LEFT, _y(1), "#222")]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _LEFT + (_RIGHT - _LEFT) * share
        lines.append(_text(x, _y(0) + 16, f"{scale.seconds * share:.0f} s", fill=_GREY, anchor="middle"))
        lines.append(_text(_LEFT - 6, _y(share) + 4, f"{highest * share:.0f}", fill=_GREY, anchor="end"))
    return lines


def _marks(story: Story, violations: Sequence[Violation], scale: _Scale) -> list[str]:
    """Returns a tick for each act, one row for each kind, and a line where a promise was first broken."""
    lines = []
    for act in story.acts:
        if act.name in _ACTS:
            x = scale.x(act.at)
            lines.append(_line(x, _y(0) + 24, x, _y(0) + 38, _ACTS[act.name], width=2))
    for number, (name, colour) in enumerate(_ACTS.items()):
        lines.append(_text(_LEFT + 90 * number, _HEIGHT - 14, name, fill=colour))
    for violation in violations[:1]:
        x = scale.x(violation.at)
        lines.append(_line(x, _TOP, x, _y(0), _RED, width=2))
        lines.append(_text(x + 4, _TOP + 10, f"first red: {violation.rule}", fill=_RED))
    return lines


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * share


def _text(x: float, y: float, text: str, *, size: int = 12, fill: str = "#222", anchor: str = "start") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
    return f"<text {where}>{escape(text)}</text>"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1) -> str:
    where = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {where} stroke="{colour}" stroke-width="{width}"/>'
