"""How a channel to Millhand is set up: sizes, keepalive, and which calls gRPC may repeat by itself."""

from __future__ import annotations

import json

from millhand.v1 import task_service_pb2

#: Every server's limit for one message; gRPC's own default of 4 MiB would refuse large results.
MAX_MESSAGE_BYTES = 8 * 1024 * 1024

_SERVICE = task_service_pb2.DESCRIPTOR.services_by_name["TaskService"]

#: What must not happen twice. The rest are reads, or are the same when repeated: registrations carry an id or
#: a key, so a repeat is the same task. gRPC repeats only until the first answer; streams then resume by
#: cursor.
NOT_RETRIED = frozenset(
    {
        "CancelAll",  # a repeat would also hit what was accepted in between
        "CancelAllAndWait",
        "Shutdown",  # a repeat would stop the server that was started after it
    }
)

_RETRY_POLICY = {
    "maxAttempts": 5,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def retried_methods() -> list[str]:
    return [method.name for method in _SERVICE.methods if method.name not in NOT_RETRIED]


def service_config() -> str:
    """gRPC's service config, as JSON."""
    names = [{"service": _SERVICE.full_name, "method": method} for method in retried_methods()]
    return json.dumps({"methodConfig": [{"name": names, "retryPolicy": _RETRY_POLICY}]})


def channel_options() -> list[tuple[str, int | str]]:
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # gRPC stops pinging after two pings without data; an idle results stream is nothing but that.
        ("grpc.http2.max_pings_without_data", 0),
        # Two minutes, the default, is longer than most restarts.
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.enable_retries", 1),
        ("grpc.service_config", service_config()),
    ]
