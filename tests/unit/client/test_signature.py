import inspect
from typing import Any

import pytest

from millhand import AsyncClient, AsyncLogReader, Client, Session
from millhand.protocol import executing, operations


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("method", "operation", "returned"),
    [
        ("wait", operations.wait, "records.Waited"),
        ("cancel", operations.cancel, "records.CancelAnswer"),
        ("register_many", operations.register_many, "list[records.Registered]"),
        ("execute_task", executing.execute_task, "records.Result"),
    ],
)
def test_a_method_is_shown_with_its_parameters_and_what_comes_back(
    client: type, method: str, operation: Any, returned: str
) -> None:
    shown = inspect.signature(getattr(client, method))

    assert [*shown.parameters] == ["self", *list(inspect.signature(operation).parameters)[1:]]
    assert shown.return_annotation == returned
    assert getattr(client, method).__doc__ == operation.__doc__


def test_a_listing_is_shown_as_what_it_is_iterated_with() -> None:
    assert inspect.signature(Client.list).return_annotation == "Iterator[task_pb2.Task]"
    assert inspect.signature(AsyncClient.list).return_annotation == "AsyncIterator[task_pb2.Task]"


def test_methods_of_sessions_and_readers_are_shown_in_the_same_way() -> None:
    assert inspect.signature(Session.register).return_annotation == "task_pb2.Task"
    assert str(inspect.signature(AsyncLogReader.begin)) == "(self) -> 'None'"
