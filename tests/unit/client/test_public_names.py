from __future__ import annotations

import subprocess
import sys

import pytest

import millhand

PUBLIC = [
    "AlreadyExists",
    "AsyncClient",
    "AsyncLogReader",
    "AsyncSession",
    "Blob",
    "CallCancelled",
    "CancelAnswer",
    "CancelOutcome",
    "CancelResult",
    "Cancelled",
    "CancelledAll",
    "CancelledTask",
    "Client",
    "ClientClosed",
    "ClientForked",
    "ClientOptions",
    "Closing",
    "CursorInvalid",
    "DeadlineExceeded",
    "ExecuteOptions",
    "Failed",
    "FailedPrecondition",
    "Fatal",
    "FilterOptions",
    "Gap",
    "HandlerFailed",
    "Handlers",
    "InternalError",
    "InvalidArgument",
    "InvalidPayload",
    "InvalidTaskFunc",
    "InvalidTaskId",
    "LeaseLost",
    "LogReader",
    "MillhandError",
    "NotFound",
    "PayloadTooLarge",
    "PermissionDenied",
    "Progress",
    "QueueFull",
    "QueueNotFound",
    "RateLimited",
    "ReadOptions",
    "Registered",
    "ResourceExhausted",
    "Result",
    "ResultsMissed",
    "ResultsPage",
    "RetryAfter",
    "RetryPolicy",
    "ScheduleNotFound",
    "Session",
    "SlowReader",
    "StoreUnavailable",
    "Task",
    "TaskAlreadyStarted",
    "TaskCancelledError",
    "TaskCompleted",
    "TaskContext",
    "TaskDidNotComplete",
    "TaskFailed",
    "TaskNotFound",
    "TaskOptions",
    "TaskSpec",
    "TaskStatus",
    "TaskTimedOut",
    "TooManyStreams",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedOutput",
    "Unsupported",
    "Violation",
    "WaitOptions",
    "WaitTimedOut",
    "Waited",
    "WorkerLost",
    "handler",
    "task_spec",
]


def test_the_public_names_are_these_and_no_others() -> None:
    assert sorted(millhand.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_can_be_used(name: str) -> None:
    assert getattr(millhand, name) is not None
    assert name in dir(millhand)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Cleint'"):
        millhand.Cleint  # type: ignore[attr-defined]  # noqa: B018


def test_every_error_is_public() -> None:
    import millhand.errors as errors

    classes = {
        n
        for n, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }

    assert classes <= set(millhand.__all__)


@pytest.mark.parametrize(
    ("use", "loaded", "not_loaded"),
    [
        pytest.param("millhand", "millhand", "grpc google millhand.kit millhand.client", id="nothing"),
        pytest.param("millhand.handler", "millhand.kit", "grpc google millhand.client", id="the kit"),
        pytest.param(
            "millhand.Client", "grpc google millhand.client", "millhand.aio msgspec pydantic", id="the client"
        ),
        pytest.param(
            "millhand.AsyncClient", "grpc millhand.aio.client", "millhand.client", id="the asyncio client"
        ),
    ],
)
def test_importing_loads_only_what_is_used(use: str, loaded: str, not_loaded: str) -> None:
    program = f"import sys, millhand; {use}; print(*sys.modules)"

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    modules = set(printed.stdout.split())
    assert modules.issuperset(loaded.split())
    assert modules.isdisjoint(not_loaded.split())
