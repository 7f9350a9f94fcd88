"""Counts calls, their time and their bytes, for the metrics that gRPC's proposal A66 names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import grpc

from millhand_server.core.distribution import Distribution
from millhand_server.rpc.context import Call, CallContext

#: Upper ends in seconds and in bytes, those of the proposal.
LATENCIES_S = (
    *(0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008),
    *(0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4),
    *(0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100),
)
SIZES = (0, *(2**power for power in (10, 11, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32)))


class Ends:
    """Calls of one method that ended with one status."""

    __slots__ = ("duration_s", "received_bytes", "sent_bytes")

    def __init__(self) -> None:
        self.duration_s = Distribution(LATENCIES_S)
        self.sent_bytes = Distribution(SIZES)
        self.received_bytes = Distribution(SIZES)


class MethodCalls:
    """Calls of one method. `is_stream`: its responses are a stream, which may stay open for long."""

    __slots__ = ("ends", "is_stream", "started")

    def __init__(self, *, is_stream: bool) -> None:
        self.is_stream = is_stream
        self.started = 0
        self.ends: dict[grpc.StatusCode, Ends] = {}

    @property
    def open(self) -> int:
        """How many have started and not ended."""
        return self.started - sum(ends.duration_s.count() for ends in self.ends.values())

    def ended(self, code: grpc.StatusCode) -> Ends:
        ends = self.ends.get(code)
        if ends is None:
            ends = self.ends[code] = Ends()
        return ends


class CallCounts:
    """An interceptor that holds what it counted. All calls belong to one loop."""

    def __init__(self) -> None:
        self._methods: dict[str, MethodCalls] = {}

    def __iter__(self) -> Iterator[tuple[str, MethodCalls]]:
        """Iterates over the methods that were called, by path."""
        return iter(self._methods.items())

    async def __call__(self, call_next: Call, request: Any, context: CallContext) -> Any:
        calls = self._of(context)
        calls.started += 1
        began_s = time.perf_counter()
        code = grpc.StatusCode.UNKNOWN
        try:
            response = await call_next(request, context)
            code = context.code
            return response
        except asyncio.CancelledError:
            # The caller went away, or its deadline passed: here both look the same.
            code = grpc.StatusCode.CANCELLED
            raise
        finally:
            ends = calls.ended(code)
            ends.duration_s.observe(time.perf_counter() - began_s)
            ends.sent_bytes.observe(context.sent_bytes)
            ends.received_bytes.observe(context.received_bytes)

    def _of(self, context: CallContext) -> MethodCalls:
        path = context.method.path
        calls = self._methods.get(path)
        if calls is None:
            calls = self._methods[path] = MethodCalls(is_stream=context.method.streams_responses)
        return calls
