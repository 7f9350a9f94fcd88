"""The manager without a network, from the same composition root, against a bare ThreadPoolExecutor."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

from tests.bench.case import Figure, Prepared, Preparing, Scale
from tests.bench.processes import start_embedded

_IN_FLIGHT = (1, 64)


@contextmanager
def in_process(scale: Scale) -> Preparing:
    """Measures what the engine costs alone: tasks are run and awaited, with 4 threads on either side."""
    with start_embedded() as embedded:
        arms = {
            f"{name}, {number} in flight": partial(
                embedded.ask, do=do, in_flight=number, seconds=scale.window_s
            )
            for number in _IN_FLIGHT
            for name, do in (("manager", "manager"), ("ThreadPoolExecutor", "pool"))
        }
        figures = [
            Figure(
                f"{name}, manager / ThreadPoolExecutor, {number} in flight",
                f"manager, {number} in flight",
                metric,
                over=f"ThreadPoolExecutor, {number} in flight",
            )
            for number in _IN_FLIGHT
            for name, metric in (("rate", "rate"), ("CPU", "server_us"))
        ]
        yield Prepared("The manager in process against a bare thread pool", "task", arms, figures)
