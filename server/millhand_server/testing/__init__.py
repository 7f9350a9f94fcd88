"""The test kit: one handler alone, a whole manager on a fake clock, a server in process.

For tests only; nothing that serves imports it. pytest is imported by `pytest_plugin` alone.
"""

from millhand_server.core.execution import Failed, Outcome, StopCause, Stopped, Succeeded
from millhand_server.core.status import TaskStatus
from millhand_server.engine.options import Limits, ManagerOptions
from millhand_server.testing.attempt import Ended, RunningAttempt
from millhand_server.testing.clock import FakeClock
from millhand_server.testing.contexts import RecordingReporter, context
from millhand_server.testing.executor import HandDrivenExecutor, SteppedExecutor
from millhand_server.testing.handler import AttemptFacts, HandlerTest
from millhand_server.testing.managing import ManagerBench, manager
from millhand_server.testing.serving import AsyncServer, Server, serve, server
from millhand_server.testing.stepping import SteppedManager

__all__ = [
    "AsyncServer",
    "AttemptFacts",
    "Ended",
    "Failed",
    "FakeClock",
    "HandDrivenExecutor",
    "HandlerTest",
    "Limits",
    "ManagerBench",
    "ManagerOptions",
    "Outcome",
    "RecordingReporter",
    "RunningAttempt",
    "Server",
    "SteppedExecutor",
    "SteppedManager",
    "StopCause",
    "Stopped",
    "Succeeded",
    "TaskStatus",
    "context",
    "manager",
    "serve",
    "server",
]
