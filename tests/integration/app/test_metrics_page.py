"""The page of metrics of a whole server, as a scraper reads it."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from prometheus_client import openmetrics
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from tests.architecture.docs import pages

from millhand import AsyncClient, TaskFailed
from millhand.kit import Handlers
from millhand_server.app import App, serving
from millhand_server.config.options import ListenOptions, ServeOptions
from millhand_server.engine.options import ManagerOptions

OPTIONS = ServeOptions(
    node="node-1",
    listen=ListenOptions(port=0),
    metrics=ListenOptions(port=0),
    manager=ManagerOptions(max_workers=2, max_retries=0),
)


def _handlers() -> Handlers:
    handlers = Handlers()

    @handlers.handler("double")
    def double(request: Any) -> Any:
        return request["n"] * 2

    @handlers.handler("refuse", queue="doors")
    def refuse(request: Any) -> None:
        raise ValueError("SECRET")

    return handlers


async def test_the_page_tells_what_tasks_and_calls_have_come_to() -> None:
    async with serving(OPTIONS, handlers=_handlers()) as app:
        await _use(app)
        page = await _Page.of(app)

    assert page.value("millhand_tasks_accepted_total", handler="double") == 2
    assert page.value("millhand_tasks_ended_total", handler="double", outcome="COMPLETED") == 2
    assert page.value("millhand_tasks_ended_total", handler="refuse", queue="doors", outcome="FAILED") == 1
    assert page.value("millhand_attempts_total", handler="double") == 2
    assert page.value("millhand_retries_total", handler="double") == 0
    assert page.value("millhand_queue_wait_seconds_count", handler="double") == 2
    assert page.value("millhand_run_seconds_count", handler="double", outcome="COMPLETED") == 2
    assert page.value("millhand_run_seconds_bucket", handler="refuse", outcome="FAILED", le="+Inf") == 1
    assert page.value("millhand_tasks", status="QUEUED") == 0
    assert page.value("millhand_log_results") == 3
    assert page.value("millhand_store_bytes", part="waiting") == 0
    assert page.value("millhand_workers") == 2
    assert page.value("millhand_ready") == page.value("millhand_store_up") == 1
    assert page.value("millhand_info", node="node-1", store="memory") == 1
    executed = "millhand.v1.TaskService/ExecuteTask"
    assert page.value("grpc_server_call_started_total", grpc_method=executed) == 3
    assert page.value("grpc_server_call_duration_seconds_count", grpc_method=executed, grpc_status="OK") == 3


async def test_open_streams_are_on_the_page() -> None:
    async with (
        serving(OPTIONS, handlers=_handlers()) as app,
        AsyncClient(app.address) as client,
        client.session() as session,
    ):
        await session.register("double", {"n": 1})
        page = await _Page.of(app)

    assert page.value("millhand_streams_open", grpc_method="millhand.v1.TaskService/Session") == 1


async def test_the_page_has_neither_ids_nor_payloads() -> None:
    async with serving(OPTIONS, handlers=_handlers()) as app:
        await _use(app, id="SECRET", correlation_id="SECRET", labels={"SECRET": "SECRET"})
        page = await _Page.of(app)

    assert "SECRET" not in page.text


async def test_who_accepts_openmetrics_gets_it() -> None:
    async with serving(OPTIONS, handlers=_handlers()) as app:
        await _use(app)
        page = await _Page.of(app, accept="application/openmetrics-text; version=1.0.0")

    assert page.kind.startswith(openmetrics.exposition.CONTENT_TYPE_LATEST.partition(";")[0])
    assert {family.name for family in _parsed(parse_openmetrics, page.text)} >= {
        "millhand_tasks",
        "millhand_run_seconds",
    }


async def test_the_documentation_lists_every_metric_that_there_is() -> None:
    async with serving(OPTIONS, handlers=_handlers()) as app:
        await _use(app)
        page = await _Page.of(app)

    ours = {family.name: family for family in page.families if family.name.startswith(("millhand_", "grpc_"))}
    listed = {row[0].strip("`").removesuffix("_total"): row for row in _listed()}
    assert listed.keys() == ours.keys()
    for name, (_, kind, labels, _) in listed.items():
        assert kind == ours[name].type, name
        assert set(filter(None, labels.split(", "))) == _labels(ours[name]), name


async def test_without_a_port_nothing_is_counted_or_served() -> None:
    options = ServeOptions(node="node-1", listen=ListenOptions(port=0))
    async with serving(options, handlers=_handlers()) as app:
        assert app.metrics_url == ""


#: Whatever proxy the environment names knows nothing of this machine's loopback.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class _Page:
    def __init__(self, text: str, kind: str) -> None:
        self.text = text
        self.kind = kind

    @classmethod
    async def of(cls, app: App, accept: str = "") -> _Page:
        request = urllib.request.Request(app.metrics_url, headers={"Accept": accept})

        def scrape() -> _Page:
            with _DIRECTLY.open(request, timeout=10) as response:
                return cls(response.read().decode(), response.headers["Content-Type"])

        return await asyncio.to_thread(scrape)

    @property
    def families(self) -> list[Metric]:
        return list(_parsed(parse_text, self.text))

    def value(self, name: str, **labels: str) -> float:
        """Returns the value of the one sample that has this name and these labels."""
        [value] = [
            sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return value


async def _use(app: App, **fields: Any) -> None:
    """Runs three tasks, of which one fails, and reads their results."""
    async with AsyncClient(app.address) as client:
        await client.execute("double", {"n": 1}, **fields)
        await client.execute("double", {"n": 2})
        with pytest.raises(TaskFailed):
            await client.execute("refuse")
        assert len([record async for record in client.results(after="0", follow=False)]) == 3


def _parsed(parse: Callable[[str], Iterable[Metric]], text: str) -> Iterable[Metric]:
    return parse(text)


def _listed() -> Iterator[list[str]]:
    page = pages.DOCS / "metrics.md"
    for heading in ("Tasks", "Workers, store, log", "Calls"):
        yield from pages.rows(pages.section(page, heading))


def _labels(family: Metric) -> set[str]:
    return {label for sample in family.samples for label in sample.labels} - {"le"}
