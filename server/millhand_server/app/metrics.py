"""Metrics of a whole server: who counts, and the endpoint that shows it. Needs prometheus-client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from importlib import metadata

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from millhand_server.app import metrics_page
from millhand_server.app.metrics_endpoint import MetricsEndpoint
from millhand_server.config.options import ListenOptions
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.observing_counts import TaskCounts
from millhand_server.rpc.interceptors.metrics import CallCounts


class Metrics:
    """Belongs to one event loop. `tasks` observes a manager, `calls` stands in an RPC server's chain."""

    def __init__(self, listen: ListenOptions, catalogue: Catalogue) -> None:
        self._listen = listen
        self.tasks = TaskCounts((entry.queue, entry.name) for entry in catalogue)
        self.calls = CallCounts()
        self._endpoint = MetricsEndpoint(self._render)
        self._process = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)

    async def start(self, manager: TaskManager) -> str:
        """Begins to show a manager that has started, and returns the page's URL.

        Raises:
            BindError: the port cannot be had.
        """
        self._manager = manager
        return await self._endpoint.start(self._listen.host, self._listen.port)

    async def stop(self) -> None:
        await self._endpoint.stop()

    async def _render(self, accept: str) -> tuple[bytes, str]:
        manager = self._manager
        # Read on the loop, whose own all these numbers are; writing them down, which takes longest, is not.
        families = [
            *metrics_page.of_server(
                manager.node, manager.store_name, metadata.version("millhand"), ready=manager.is_ready()
            ),
            *metrics_page.of_engine(await manager.measure()),
            *metrics_page.of_tasks(self.tasks),
            *metrics_page.of_calls(self.calls),
        ]
        return await asyncio.to_thread(self._write, families, accept)

    def _write(self, families: list[Metric], accept: str) -> tuple[bytes, str]:
        encode, kind = choose_encoder(accept)
        return encode(_Snapshot([*families, *self._process.collect()])), kind


class _Snapshot(CollectorRegistry):
    """Families as the encoders take them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        super().__init__()
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
