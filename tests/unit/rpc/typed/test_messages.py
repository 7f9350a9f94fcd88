"""Faults and schemas of messages in JSON, on a message of our own contract that has every kind of field."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.unit.rpc.typed.conftest import Refuse, typed
from tests.unit.rpc.typed.types import SECRET as S

from millhand.v1.handler_pb2 import Handler
from millhand.v1.task_pb2 import Task, TaskSpec


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        ({"handler": 7}, "json.handler", "must be a string"),
        ({S: 7}, f"json.{S}", "is no field of millhand.v1.TaskSpec"),
        ({"priority": S}, "json.priority", "must be an integer from -2147483648 to 2147483647"),
        ({"priority": 2.5}, "json.priority", "must be an integer"),
        ({"retryPolicy": {"backoff": S}}, "json.retryPolicy.backoff", "must be a number"),
        ({"retry_policy": {"backoff": S}}, "json.retry_policy.backoff", "must be a number"),
        ({"retryPolicy": S}, "json.retryPolicy", "must be an object"),
        (
            {"retryPolicy": {"nonRetryableReasons": ["a", 7]}},
            "json.retryPolicy.nonRetryableReasons[1]",
            "string",
        ),
        ({"retryPolicy": {"nonRetryableReasons": S}}, "json.retryPolicy.nonRetryableReasons", "an array"),
        ({"labels": {"a": "b", "c": 7}}, "json.labels.c", "must be a string"),
        ({"labels": [S]}, "json.labels", "must be an object"),
        ({"timeout": S}, "json.timeout", "is no google.protobuf.Duration in JSON"),
        ({"payload": {"blob": {"data": 7}}}, "json.payload.blob.data", "must be base64"),
        ({"runAt": "2026-01-01T00:00:00Z", "delay": "1s"}, "json", "fields that exclude each other"),
        ([S], "json", "must be an object, a millhand.v1.TaskSpec in JSON"),
        (S, "json", "must be an object"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_the_first_fault_of_a_message_in_json_is_told_by_its_path(
    refuse: Refuse, value: object, path: str, words: str
) -> None:
    [violation] = refuse(TaskSpec, value).violations

    assert violation.field == path
    assert words in violation.description
    assert S not in violation.description


def test_a_fault_of_an_enum_names_what_it_may_be(refuse: Refuse) -> None:
    [kill] = refuse(Handler, {"killGuarantee": S}).violations
    [status] = refuse(Task, {"status": S}).violations

    assert kill.description.startswith("must be the name of a millhand.v1.KillGuarantee: KILL_GUARANTEE_")
    assert status.description.count("TASK_STATUS_") == 10


def test_the_schema_of_a_message_follows_protobuf_s_json() -> None:
    shape = typed(TaskSpec).shape

    assert shape.message_type == "millhand.v1.TaskSpec"
    assert shape.schema is not None
    properties = shape.schema["properties"]
    assert properties["handler"] == {"type": "string"}
    assert properties["labels"] == {"type": "object", "additionalProperties": {"type": "string"}}
    assert properties["retryPolicy"] == {"$ref": "#/$defs/millhand.v1.RetryPolicy"}
    assert properties["timeout"]["type"] == "string"
    assert shape.schema["$defs"]["millhand.v1.RetryPolicy"]["properties"]["nonRetryableReasons"] == {
        "type": "array",
        "items": {"type": "string"},
    }


def test_a_message_with_a_json_form_of_its_own_has_that_as_its_schema() -> None:
    schema = typed(Duration).shape.schema

    assert schema is not None
    assert schema["type"] == "string"
