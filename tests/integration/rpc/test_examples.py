from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.integration.rpc.conftest import Serve, failure

from millhand.v1 import task_service_pb2 as pb
from millhand_server.core.errors import TaskNotFound
from millhand_server.rpc.context import CallContext

GET = pb.GetTaskRequest(id="t1").SerializeToString()


class Servicer:
    def __getattr__(self, name: str) -> Any:
        return self.GetTask

    async def GetTask(self, request: Any, context: CallContext) -> Any:
        if request.id == "nobody":
            raise TaskNotFound(request.id)
        return pb.GetTaskResponse()


@pytest.fixture
def examples() -> ModuleType:
    path = Path(__file__).parents[3] / "docs" / "examples" / "interceptors.py"
    spec = importlib.util.spec_from_file_location("interceptors", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_examples_stand_around_calls_and_see_how_they_end(
    serve: Serve, examples: ModuleType
) -> None:
    own = [examples.only_from_this_machine, examples.log_slow_calls, examples.count_calls]

    async with serve(Servicer(), own=own) as wire:
        await wire.unary("GetTask", GET)
        await failure(wire.unary("GetTask", pb.GetTaskRequest(id="nobody").SerializeToString()))

    assert examples.count_calls.ended == {"OK": 1, "TASK_NOT_FOUND": 1}
