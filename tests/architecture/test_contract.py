"""Promises of the wire contract that buf cannot check, read from the descriptors."""

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor

from millhand.v1 import errors_pb2, handler_pb2, payload_pb2, task_pb2, task_service_pb2

FILES: list[FileDescriptor] = [
    module.DESCRIPTOR for module in (errors_pb2, handler_pb2, payload_pb2, task_pb2, task_service_pb2)
]
MESSAGES: list[Descriptor] = [message for file in FILES for message in file.message_types_by_name.values()]
ENUMS: list[EnumDescriptor] = [enum for file in FILES for enum in file.enum_types_by_name.values()]

TASK: Descriptor = task_pb2.DESCRIPTOR.message_types_by_name["Task"]
TASK_SPEC: Descriptor = task_pb2.DESCRIPTOR.message_types_by_name["TaskSpec"]
LAST_SPEC_NUMBER = 39

# Each is a keyword, or a member of every message, in a language that clients are written in.
FORBIDDEN_FIELD_NAMES = {
    "class",
    "delete",
    "from",
    "hash",
    "lambda",
    "major",
    "method",
    "minor",
    "namespace",
    "send",
    "template",
}


def test_a_task_begins_with_the_fields_of_its_spec() -> None:
    assert shapes(TASK) == shapes(TASK_SPEC)


def test_what_only_the_server_knows_starts_at_40() -> None:
    of_server = {field.number for field in TASK.fields if field.name not in TASK_SPEC.fields_by_name}

    assert min(of_server) == LAST_SPEC_NUMBER + 1
    assert max(field.number for field in TASK_SPEC.fields) <= LAST_SPEC_NUMBER


def test_status_numbers_are_those_clients_have_stored() -> None:
    numbers = {value.name.removeprefix("TASK_STATUS_"): value.number for value in statuses().values}

    assert numbers == {
        "UNSPECIFIED": 0,
        "CONTEXT_DEADLINE_REACHED": 1,
        "RATE_LIMITED": 2,
        "CANCELLED": 3,
        "FAILED": 4,
        "QUEUED": 5,
        "RUNNING": 6,
        "COMPLETED": 8,
        "SCHEDULED": 9,
        "RETRYING": 10,
    }


def test_status_7_is_reserved() -> None:
    declared = descriptor_pb2.EnumDescriptorProto()

    statuses().CopyToProto(declared)

    assert [(span.start, span.end) for span in declared.reserved_range] == [(7, 7)]


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.name)
def test_the_zero_of_an_enum_says_that_nothing_was_said(enum: EnumDescriptor) -> None:
    assert enum.values_by_number[0].name.endswith("_UNSPECIFIED")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_no_field_has_a_name_that_a_client_language_cannot_use(message: Descriptor) -> None:
    assert FORBIDDEN_FIELD_NAMES.isdisjoint(message.fields_by_name)


def shapes(message: Descriptor) -> dict[int, tuple[object, ...]]:
    """Returns by number what the wire and generated code see of a message's fields, up to the spec's last."""
    declared = descriptor_pb2.DescriptorProto()
    message.CopyToProto(declared)
    map_entries = {f".{message.full_name}.{entry.name}": str(entry) for entry in declared.nested_type}
    return {
        field.number: (
            field.name,
            field.type,
            field.label,
            map_entries.get(field.type_name, field.type_name),
            field.proto3_optional,
            declared.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None,
        )
        for field in declared.field
        if field.number <= LAST_SPEC_NUMBER
    }


def statuses() -> EnumDescriptor:
    return task_pb2.DESCRIPTOR.enum_types_by_name["TaskStatus"]
