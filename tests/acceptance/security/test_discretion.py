"""Nothing that callers send is in the log, at any level, whatever they send and whatever fails."""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc
from tests.acceptance.conftest import PATIENCE_S, ServerProcess

from millhand import Blob, task_spec
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand_server.rpc import tokens
from millhand_server.rpc.scopes import SCOPES, Scope

#: Stands in every payload, every output and every token of this test.
_SECRET = "hunter2"

_TASKS = "/millhand.v1.TaskService/"
_SHUTDOWN = _TASKS + "Shutdown"
_GOOD = f"mh_{_SECRET}_admin"
_READ_ONLY = f"mh_{_SECRET}_read"

_HEADERS: dict[str, tuple[tuple[str, str], ...]] = {
    "none": (),
    "good": (("authorization", f"Bearer {_GOOD}"),),
    "scope": (("authorization", f"Bearer {_READ_ONLY}"),),
    "unknown": (("authorization", f"Bearer {_SECRET}"),),
    "scheme": (("authorization", f"Basic {_SECRET}"),),
    "bare": (("authorization", _SECRET),),
    "twice": (("authorization", f"Bearer {_GOOD}"), ("authorization", f"Bearer {_SECRET}")),
    "huge": (("authorization", f"Bearer {_SECRET * 2_000}"),),
    "elsewhere": (("x-token", _SECRET),),
}


def test_neither_payloads_nor_tokens_are_in_the_log_at_debug(tmp_path: Path) -> None:
    server = _start(tmp_path)
    with grpc.insecure_channel(server.address) as channel:
        for path, headers in itertools.product(sorted(SCOPES), _HEADERS.values()):
            if path == _SHUTDOWN and headers is _HEADERS["good"]:
                continue  # it would be done
            for data in _requests(path) if headers is not _HEADERS["huge"] else [b""]:
                _call(channel, path, data, headers)
    for value in _WILD_HEADERS:
        _send_raw(server.address, value)
    (tmp_path / "tokens").write_text(f"oops:run:{_SECRET}\n")
    server.stderr.until("what was read before stays in force")

    server.signal(signal.SIGTERM)
    server.ended()
    log = server.stderr.rest()

    assert "UNAUTHENTICATED" in log
    assert "PERMISSION_DENIED" in log
    assert "INVALID_ARGUMENT" in log
    assert "metadata of a call are not UTF-8 (withheld)" in log
    assert _lines_with(_SECRET, log + server.stdout.rest()) == []
    assert _lines_with(tokens.digest_of(_GOOD), log) == []


#: As no library sends them: not UTF-8, control characters, longer than a frame.
_WILD_HEADERS = [
    b"Bearer " + _SECRET.encode() + b"\xff\xfe",
    b"Bearer " + _GOOD.encode() + b"\xff",
    f"Bearer {_SECRET}é".encode(),
    b"Bearer\t" + _GOOD.encode() + b"\x01\x7f",
    b"Bearer " + _SECRET.encode() * 4_000,
]


def _start(folder: Path) -> ServerProcess:
    file = folder / "tokens"
    file.write_text(
        "\n".join(
            [
                tokens.line_of("admin", [Scope.ADMIN], _GOOD),
                tokens.line_of("reader", [Scope.READ], _READ_ONLY),
            ]
        )
    )
    handlers = itertools.chain.from_iterable(
        ("--handlers", name)
        for name in ("millhand_server.handlers:handlers", "millhand_server.handlers.faults:handlers")
    )
    return ServerProcess(
        *("--port", "0", "--tokens", str(file), "--log-level", "debug", "--store", "memory:"),
        *("--max-retries", "1", "--retry-delay", "1ms", "--grace", "0", *handlers),
    )


def _requests(path: str) -> Iterable[bytes]:
    """Bytes that do not parse, an empty request, and good and bad ones full of secrets."""
    yield b"\x0a\x7f" + _SECRET.encode()
    yield b""
    match path.removeprefix(_TASKS):
        case "RegisterTask":
            yield from (pb.RegisterTaskRequest(task=spec).SerializeToString() for spec in _specs())
        case "RegisterTasks":
            yield pb.RegisterTasksRequest(tasks=_specs()).SerializeToString()
            yield pb.RegisterTasksRequest(tasks=_specs(), mode=pb.REGISTER_MODE_PER_ITEM).SerializeToString()
        case "ExecuteTask":
            yield from (pb.ExecuteTaskRequest(task=spec).SerializeToString() for spec in _specs())
        case "Session":
            register = pb.SessionRegister(tasks=_specs(), mode=pb.REGISTER_MODE_PER_ITEM)
            yield pb.SessionRequest(register=register).SerializeToString()
            yield pb.SessionRequest(subscribe=pb.SessionSubscribe(after=_SECRET)).SerializeToString()
        case "StreamResults":
            yield pb.StreamResultsRequest(after=_SECRET).SerializeToString()
            yield pb.StreamResultsRequest(view=pb.TASK_VIEW_FULL).SerializeToString()
        case "GetTasks":
            yield pb.GetTasksRequest(page_token=_SECRET).SerializeToString()
            yield pb.GetTasksRequest(view=pb.TASK_VIEW_FULL).SerializeToString()


def _specs() -> list[task_pb2.TaskSpec]:
    """Tasks that succeed and tasks that fail, in every way that the handlers shipped know."""
    deep: Any = _SECRET
    for _ in range(30):
        deep = [deep]
    unknown_message = task_spec("echo")
    unknown_message.payload.message.type_url = "type.googleapis.com/no.such.Type"
    unknown_message.payload.message.value = _SECRET.encode()
    return [
        task_spec("echo", {_SECRET: _SECRET}),
        task_spec("echo", Blob(_SECRET.encode(), "text/plain")),
        task_spec("echo", deep),
        unknown_message,
        task_spec(_SECRET, 1),
        task_spec("sleep", {"seconds": _SECRET}),
        task_spec("sleep", {"seconds": 0, "progress": _SECRET}),
        task_spec("fail", {"times": 5, "reason": _SECRET}),
        task_spec("fail", {"times": 5, "reason": _SECRET, "fatal": True}),
        task_spec("word_count", {"text": _SECRET}),
        task_spec("word_count", {"path": _SECRET}),
        task_spec("word_count", {_SECRET: 1}),
        task_spec("checksum", {"path": f"../{_SECRET}", "algorithm": _SECRET}),
        task_spec("thumbnail", Blob(_SECRET.encode(), "image/png"), labels={"width": "1", "height": "1"}),
        task_spec("busy_thread", {"seconds": _SECRET}),
    ]


def _call(channel: grpc.Channel, path: str, data: bytes, headers: tuple[tuple[str, str], ...]) -> None:
    # On the wire every kind of method is a stream. One that stays open is left after its first answer.
    open_stream: Any = channel.stream_stream(path)
    call = open_stream(iter([data]), timeout=PATIENCE_S, metadata=headers)
    with contextlib.suppress(grpc.RpcError):
        for _ in call:
            if path.endswith("/Watch"):
                break
    call.cancel()
    # What a good caller is told may name what it sent; anybody else is told nothing of it.
    assert headers is _HEADERS["good"] or _SECRET not in (call.details() or "")


def _send_raw(address: str, value: bytes) -> None:
    """Makes one call with a header that gRPC's libraries would not send, and waits for its end."""
    fields = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": b"/millhand.v1.TaskService/GetServerInfo",
        b":authority": address.encode(),
        b"te": b"trailers",
        b"content-type": b"application/grpc",
        b"authorization": value,
    }
    block = b"".join(b"\0" + _sized(name) + _sized(content) for name, content in fields.items())
    chunks = [block[start : start + 16_000] for start in range(0, len(block), 16_000)]
    frames = [_frame(4, 0, 0, b"")]
    for number, chunk in enumerate(chunks):
        frames.append(_frame(9 if number else 1, 4 if number == len(chunks) - 1 else 0, 1, chunk))
    frames.append(_frame(0, 1, 1, bytes(5)))
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"".join(frames))
        received = b""
        while b"grpc-status" not in received:
            data = connection.recv(65_536)
            assert data, "the server ended the connection"
            received += data
    assert _SECRET.encode() not in received


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _sized(text: bytes) -> bytes:
    """A literal of HPACK without Huffman's code (RFC 7541, 5.1 and 5.2)."""
    if len(text) < 127:
        return bytes([len(text)]) + text
    size, rest = bytearray([127]), len(text) - 127
    while rest >= 128:
        size.append(rest % 128 + 128)
        rest //= 128
    return bytes([*size, rest]) + text


def _lines_with(secret: str, log: str) -> list[str]:
    return [line for line in log.splitlines() if secret in line]
