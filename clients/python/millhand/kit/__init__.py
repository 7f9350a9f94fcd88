"""The handler kit: what code needs to be a Millhand handler, wherever it runs.

Standard library only. Running handlers (threads, loops, retries) is the engine's work, not done here.
"""

from millhand.kit.attempt import Reporter, TaskInfo
from millhand.kit.blob import Blob
from millhand.kit.collection import Handlers
from millhand.kit.context import TaskContext
from millhand.kit.definition import Handler, HandlerOptions, Isolation, handler, handler_of
from millhand.kit.errors import Cancelled, Failed, Fatal, RetryAfter, StopReason
from millhand.kit.signature import Unresolved

__all__ = [
    "Blob",
    "Cancelled",
    "Failed",
    "Fatal",
    "Handler",
    "HandlerOptions",
    "Handlers",
    "Isolation",
    "Reporter",
    "RetryAfter",
    "StopReason",
    "TaskContext",
    "TaskInfo",
    "Unresolved",
    "handler",
    "handler_of",
]
