"""The page of metrics: what was counted and what is measured now, as families of prometheus-client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from millhand_server.core.distribution import Distribution, DoublingDistribution
from millhand_server.core.status import FINAL, WAITING, TaskStatus
from millhand_server.engine.measuring import Measures
from millhand_server.engine.observing_counts import TaskCounts
from millhand_server.rpc.interceptors.metrics import CallCounts

_PAIR = ("queue", "handler")
_METHOD = ("grpc_method",)
_METHOD_AND_STATUS = ("grpc_method", "grpc_status")

_SECOND_US = 1e6


def of_server(node: str, store: str, version: str, *, ready: bool) -> Iterator[Metric]:
    """Yields what identifies the server, and whether it takes tasks."""
    info = GaugeMetricFamily("millhand_info", "Always 1.", labels=("node", "store", "version"))
    info.add_metric((node, store, version), 1)
    yield info
    yield _gauge("millhand_ready", "1 while tasks can be taken and run: what health says.", ready)


def of_engine(measures: Measures) -> Iterator[Metric]:
    """Yields the state of the engine. What the store cannot tell now is left out."""
    yield _gauge("millhand_workers", "Threads that run plain handlers.", measures.workers)
    yield _gauge("millhand_max_tasks", "Attempts that may run at once.", measures.max_tasks)
    yield _gauge("millhand_attempts_running", "Attempts whose code runs, stuck ones too.", measures.running)
    yield _gauge(
        "millhand_workers_stuck",
        "Workers held by code that still runs 10 s after it was told to stop.",
        measures.stuck,
    )
    yield _gauge(
        "millhand_store_up", "1 while the store takes what it is given.", measures.store_is_available
    )
    taken = GaugeMetricFamily("millhand_store_bytes", "Bytes that the store takes.", labels=("part",))
    for part, size in measures.store_bytes.items():
        taken.add_metric((part,), size)
    yield taken
    if measures.stored is None:
        return
    tasks = GaugeMetricFamily("millhand_tasks", "Tasks that are not final, by status.", labels=("status",))
    for status in sorted(WAITING | {TaskStatus.RUNNING}):
        tasks.add_metric((status.name,), measures.stored.unfinished.get(status, 0))
    yield tasks
    yield _gauge(
        "millhand_oldest_queued_age_seconds",
        "How long the task that is due longest has waited for a worker; 0 when none waits.",
        measures.oldest_due_us / _SECOND_US,
    )
    yield _gauge("millhand_log_results", "Results kept in the log.", measures.stored.results)


def of_tasks(counts: TaskCounts) -> Iterator[Metric]:
    """Yields what was counted of tasks and attempts, by queue and handler."""
    accepted = CounterMetricFamily("millhand_tasks_accepted", "Tasks registered.", labels=_PAIR)
    ended = CounterMetricFamily(
        "millhand_tasks_ended", "Tasks that became final.", labels=(*_PAIR, "outcome")
    )
    attempts = CounterMetricFamily("millhand_attempts", "Attempts that have ended.", labels=_PAIR)
    retries = CounterMetricFamily(
        "millhand_retries", "Attempts after which the task waits for another one.", labels=_PAIR
    )
    wait = HistogramMetricFamily(
        "millhand_queue_wait_seconds",
        "From the time that a task was due to its start, once an attempt, told at the attempt's end.",
        labels=_PAIR,
    )
    run = HistogramMetricFamily(
        "millhand_run_seconds", "How long attempts' code ran.", labels=(*_PAIR, "outcome")
    )
    for pair, numbers in counts:
        accepted.add_metric(pair, numbers.accepted)
        attempts.add_metric(pair, numbers.waits.count())
        retried = numbers.runs.get(TaskStatus.RETRYING)
        retries.add_metric(pair, 0 if retried is None else retried.count())
        _add(wait, pair, numbers.waits, _SECOND_US)
        for status in sorted(FINAL):
            ended.add_metric((*pair, status.name), numbers.ended(status))
        for status, times in numbers.runs.items():
            _add(run, (*pair, _outcome(status)), times, _SECOND_US)
    yield from (accepted, ended, attempts, retries, wait, run)


def of_calls(counts: CallCounts) -> Iterator[Metric]:
    """Yields what was counted of calls, by the names of gRPC's proposal A66."""
    started = CounterMetricFamily("grpc_server_call_started", "Calls started.", labels=_METHOD)
    streams = GaugeMetricFamily("millhand_streams_open", "Calls open that stream responses.", labels=_METHOD)
    duration = HistogramMetricFamily(
        "grpc_server_call_duration_seconds", "How long calls took, to their end.", labels=_METHOD_AND_STATUS
    )
    sent = _sizes("sent", "Bytes of a call's response messages.")
    received = _sizes("rcvd", "Bytes of a call's request messages.")
    for path, calls in counts:
        method = path.lstrip("/")
        started.add_metric((method,), calls.started)
        if calls.is_stream:
            streams.add_metric((method,), calls.open)
        for code, ends in calls.ends.items():
            labels = (method, code.name)
            _add(duration, labels, ends.duration_s)
            _add(sent, labels, ends.sent_bytes)
            _add(received, labels, ends.received_bytes)
    yield from (started, streams, duration, sent, received)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))


def _sizes(way: str, help_text: str) -> HistogramMetricFamily:
    name = f"grpc_server_call_{way}_total_compressed_message_size_bytes"
    return HistogramMetricFamily(name, help_text, labels=_METHOD_AND_STATUS)


def _add(
    family: HistogramMetricFamily,
    labels: Sequence[str],
    numbers: Distribution | DoublingDistribution,
    unit: float = 1,
) -> None:
    buckets = [(_written(end / unit), count) for end, count in numbers.cumulative()]
    family.add_metric(labels, buckets, numbers.total / unit)


def _written(end: float) -> str:
    return "+Inf" if end == float("inf") else repr(end)


def _outcome(status: TaskStatus) -> str:
    # The task waits again although nothing went wrong: the server was told to stop.
    return "INTERRUPTED" if status is TaskStatus.QUEUED else status.name
