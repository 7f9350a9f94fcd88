from google.protobuf import struct_pb2 as _struct_pb2
from millhand.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KillGuarantee(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KILL_GUARANTEE_UNSPECIFIED: _ClassVar[KillGuarantee]
    KILL_GUARANTEE_COOPERATIVE: _ClassVar[KillGuarantee]
    KILL_GUARANTEE_EXCEPTION: _ClassVar[KillGuarantee]
    KILL_GUARANTEE_KILL: _ClassVar[KillGuarantee]

class Isolation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ISOLATION_UNSPECIFIED: _ClassVar[Isolation]
    ISOLATION_THREAD: _ClassVar[Isolation]
    ISOLATION_ASYNC: _ClassVar[Isolation]
    ISOLATION_PROCESS: _ClassVar[Isolation]
KILL_GUARANTEE_UNSPECIFIED: KillGuarantee
KILL_GUARANTEE_COOPERATIVE: KillGuarantee
KILL_GUARANTEE_EXCEPTION: KillGuarantee
KILL_GUARANTEE_KILL: KillGuarantee
ISOLATION_UNSPECIFIED: Isolation
ISOLATION_THREAD: Isolation
ISOLATION_ASYNC: Isolation
ISOLATION_PROCESS: Isolation

class Handler(_message.Message):
    __slots__ = ("name", "description", "input_type", "output_type", "input_schema", "output_schema", "defaults", "isolation", "kill_guarantee", "example")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    INPUT_TYPE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TYPE_FIELD_NUMBER: _ClassVar[int]
    INPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    DEFAULTS_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    KILL_GUARANTEE_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    input_type: str
    output_type: str
    input_schema: _struct_pb2.Struct
    output_schema: _struct_pb2.Struct
    defaults: _task_pb2.TaskSpec
    isolation: Isolation
    kill_guarantee: KillGuarantee
    example: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., input_type: _Optional[str] = ..., output_type: _Optional[str] = ..., input_schema: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., output_schema: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., defaults: _Optional[_Union[_task_pb2.TaskSpec, _Mapping]] = ..., isolation: _Optional[_Union[Isolation, str]] = ..., kill_guarantee: _Optional[_Union[KillGuarantee, str]] = ..., example: _Optional[str] = ...) -> None: ...
