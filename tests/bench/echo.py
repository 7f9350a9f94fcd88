"""The bare servers that Millhand is compared with: `python -m tests.bench.echo` says where it listens.

grpc.aio on uvloop, as Millhand has it, and nothing else: no interceptors, and bytes that nobody parses. Echo
returns its request; Repeat sends one message many times.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc.aio
import uvloop

SERVICE = "millhand.bench.Bare"
ECHO = f"/{SERVICE}/Echo"
REPEAT = f"/{SERVICE}/Repeat"


async def echo(request: bytes, context: Any) -> bytes:
    """Returns the request."""
    return request


async def repeat(request: bytes, context: Any) -> None:
    """Sends the request's bytes after the first four as often as those say, a message each."""
    message = request[4:]
    for _ in range(int.from_bytes(request[:4], "big")):
        await context.write(message)


async def serve() -> None:
    """Serves until the process is killed."""
    server = grpc.aio.server()
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Repeat": grpc.unary_stream_rpc_method_handler(repeat),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
