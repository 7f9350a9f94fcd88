from __future__ import annotations

from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from millhand.v1 import payload_pb2, task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand_server.app.composition import serving
from millhand_server.config.options import ListenOptions, ServeOptions, StoreOptions
from millhand_server.engine.answers import CloseMode
from millhand_server.rpc.status import DETAILS_KEY


async def test_a_queue_that_is_full_of_bytes_says_so() -> None:
    options = ServeOptions(
        node="one", listen=ListenOptions(port=0), store=StoreOptions(max_queued_bytes=1_000)
    )
    later = task_pb2.TaskSpec(
        handler="echo", delay={"seconds": 3600}, payload=payload_pb2.Payload(blob={"data": b"x" * 2_000})
    )
    request = pb.RegisterTaskRequest(task=later).SerializeToString()

    async with serving(options, mode=CloseMode.NOW) as app, grpc.aio.insecure_channel(app.address) as channel:
        register: Any = channel.unary_unary("/millhand.v1.TaskService/RegisterTask")
        await register(request)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await register(request)

    info = error_details_pb2.ErrorInfo()
    trailers = dict(refused.value.trailing_metadata())
    status_pb2.Status.FromString(trailers[DETAILS_KEY]).details[0].Unpack(info)
    assert (info.reason, info.metadata["limit"]) == ("QUEUE_FULL", "1000")
    assert "max_queued_bytes" in (refused.value.details() or "")
