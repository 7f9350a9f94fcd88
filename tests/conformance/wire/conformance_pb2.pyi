import datetime

from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from millhand.v1 import handler_pb2 as _handler_pb2
from millhand.v1 import task_pb2 as _task_pb2
from millhand.v1 import task_service_pb2 as _task_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FromRunner(_message.Message):
    __slots__ = ("case", "go_on")
    CASE_FIELD_NUMBER: _ClassVar[int]
    GO_ON_FIELD_NUMBER: _ClassVar[int]
    case: Case
    go_on: str
    def __init__(self, case: _Optional[_Union[Case, _Mapping]] = ..., go_on: _Optional[str] = ...) -> None: ...

class FromProgram(_message.Message):
    __slots__ = ("seen", "done")
    SEEN_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    seen: Seen
    done: Done
    def __init__(self, seen: _Optional[_Union[Seen, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("fault",)
    FAULT_FIELD_NUMBER: _ClassVar[int]
    fault: str
    def __init__(self, fault: _Optional[str] = ...) -> None: ...

class Case(_message.Message):
    __slots__ = ("name", "connection", "steps")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    name: str
    connection: Connection
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    def __init__(self, name: _Optional[str] = ..., connection: _Optional[_Union[Connection, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ...) -> None: ...

class Connection(_message.Message):
    __slots__ = ("address", "ca_pem", "certificate_pem", "key_pem", "token", "insecure_token")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CA_PEM_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_PEM_FIELD_NUMBER: _ClassVar[int]
    KEY_PEM_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    INSECURE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    address: str
    ca_pem: bytes
    certificate_pem: bytes
    key_pem: bytes
    token: str
    insecure_token: bool
    def __init__(self, address: _Optional[str] = ..., ca_pem: _Optional[bytes] = ..., certificate_pem: _Optional[bytes] = ..., key_pem: _Optional[bytes] = ..., token: _Optional[str] = ..., insecure_token: bool = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("name", "background", "after_step", "after_count", "deadline", "execute", "execute_registered", "register", "register_many", "get", "list", "active", "cancel", "cancel_all", "cancel_all_and_wait", "wait", "results", "results_page", "cancelled", "session", "handlers", "info", "explain", "start_workers", "shutdown", "raw", "cancel_step", "pause", "load", "close")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    AFTER_STEP_FIELD_NUMBER: _ClassVar[int]
    AFTER_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    EXECUTE_FIELD_NUMBER: _ClassVar[int]
    EXECUTE_REGISTERED_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    REGISTER_MANY_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_ALL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_ALL_AND_WAIT_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_PAGE_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    HANDLERS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    START_WORKERS_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    CANCEL_STEP_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    name: str
    background: bool
    after_step: str
    after_count: int
    deadline: _duration_pb2.Duration
    execute: Execute
    execute_registered: ExecuteRegistered
    register: Task
    register_many: RegisterMany
    get: _task_service_pb2.GetTaskRequest
    list: List
    active: _task_service_pb2.GetActiveTasksRequest
    cancel: _task_service_pb2.CancelTaskRequest
    cancel_all: _task_service_pb2.CancelAllRequest
    cancel_all_and_wait: _task_service_pb2.CancelAllAndWaitRequest
    wait: _task_service_pb2.WaitRequest
    results: Results
    results_page: _task_service_pb2.GetResultsRequest
    cancelled: Cancelled
    session: Session
    handlers: _task_service_pb2.ListHandlersRequest
    info: _task_service_pb2.GetServerInfoRequest
    explain: _task_service_pb2.ExplainTaskRequest
    start_workers: _task_service_pb2.StartWorkersRequest
    shutdown: _task_service_pb2.ShutdownRequest
    raw: Raw
    cancel_step: str
    pause: str
    load: Load
    close: Close
    def __init__(self, name: _Optional[str] = ..., background: bool = ..., after_step: _Optional[str] = ..., after_count: _Optional[int] = ..., deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., execute: _Optional[_Union[Execute, _Mapping]] = ..., execute_registered: _Optional[_Union[ExecuteRegistered, _Mapping]] = ..., register: _Optional[_Union[Task, _Mapping]] = ..., register_many: _Optional[_Union[RegisterMany, _Mapping]] = ..., get: _Optional[_Union[_task_service_pb2.GetTaskRequest, _Mapping]] = ..., list: _Optional[_Union[List, _Mapping]] = ..., active: _Optional[_Union[_task_service_pb2.GetActiveTasksRequest, _Mapping]] = ..., cancel: _Optional[_Union[_task_service_pb2.CancelTaskRequest, _Mapping]] = ..., cancel_all: _Optional[_Union[_task_service_pb2.CancelAllRequest, _Mapping]] = ..., cancel_all_and_wait: _Optional[_Union[_task_service_pb2.CancelAllAndWaitRequest, _Mapping]] = ..., wait: _Optional[_Union[_task_service_pb2.WaitRequest, _Mapping]] = ..., results: _Optional[_Union[Results, _Mapping]] = ..., results_page: _Optional[_Union[_task_service_pb2.GetResultsRequest, _Mapping]] = ..., cancelled: _Optional[_Union[Cancelled, _Mapping]] = ..., session: _Optional[_Union[Session, _Mapping]] = ..., handlers: _Optional[_Union[_task_service_pb2.ListHandlersRequest, _Mapping]] = ..., info: _Optional[_Union[_task_service_pb2.GetServerInfoRequest, _Mapping]] = ..., explain: _Optional[_Union[_task_service_pb2.ExplainTaskRequest, _Mapping]] = ..., start_workers: _Optional[_Union[_task_service_pb2.StartWorkersRequest, _Mapping]] = ..., shutdown: _Optional[_Union[_task_service_pb2.ShutdownRequest, _Mapping]] = ..., raw: _Optional[_Union[Raw, _Mapping]] = ..., cancel_step: _Optional[str] = ..., pause: _Optional[str] = ..., load: _Optional[_Union[Load, _Mapping]] = ..., close: _Optional[_Union[Close, _Mapping]] = ...) -> None: ...

class Close(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Value(_message.Message):
    __slots__ = ("json", "blob", "message")
    JSON_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    json: str
    blob: Blob
    message: _any_pb2.Any
    def __init__(self, json: _Optional[str] = ..., blob: _Optional[_Union[Blob, _Mapping]] = ..., message: _Optional[_Union[_any_pb2.Any, _Mapping]] = ...) -> None: ...

class Blob(_message.Message):
    __slots__ = ("data", "content_type")
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    content_type: str
    def __init__(self, data: _Optional[bytes] = ..., content_type: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("spec", "payload", "integer", "not_a_number")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    NOT_A_NUMBER_FIELD_NUMBER: _ClassVar[int]
    spec: _task_pb2.TaskSpec
    payload: Value
    integer: str
    not_a_number: str
    def __init__(self, spec: _Optional[_Union[_task_pb2.TaskSpec, _Mapping]] = ..., payload: _Optional[_Union[Value, _Mapping]] = ..., integer: _Optional[str] = ..., not_a_number: _Optional[str] = ...) -> None: ...

class Execute(_message.Message):
    __slots__ = ("task", "timeout", "cancel_on_timeout", "retry_when_full")
    TASK_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    CANCEL_ON_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    RETRY_WHEN_FULL_FIELD_NUMBER: _ClassVar[int]
    task: Task
    timeout: _duration_pb2.Duration
    cancel_on_timeout: bool
    retry_when_full: _duration_pb2.Duration
    def __init__(self, task: _Optional[_Union[Task, _Mapping]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cancel_on_timeout: bool = ..., retry_when_full: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ExecuteRegistered(_message.Message):
    __slots__ = ("id", "timeout", "cancel_on_timeout")
    ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    CANCEL_ON_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    id: str
    timeout: _duration_pb2.Duration
    cancel_on_timeout: bool
    def __init__(self, id: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cancel_on_timeout: bool = ...) -> None: ...

class RegisterMany(_message.Message):
    __slots__ = ("tasks", "mode")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[Task]
    mode: _task_service_pb2.RegisterMode
    def __init__(self, tasks: _Optional[_Iterable[_Union[Task, _Mapping]]] = ..., mode: _Optional[_Union[_task_service_pb2.RegisterMode, str]] = ...) -> None: ...

class List(_message.Message):
    __slots__ = ("request", "at_most", "pause")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    request: _task_service_pb2.GetTasksRequest
    at_most: int
    pause: str
    def __init__(self, request: _Optional[_Union[_task_service_pb2.GetTasksRequest, _Mapping]] = ..., at_most: _Optional[int] = ..., pause: _Optional[str] = ...) -> None: ...

class Results(_message.Message):
    __slots__ = ("request", "at_most", "pause", "pause_after", "brief")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    PAUSE_AFTER_FIELD_NUMBER: _ClassVar[int]
    BRIEF_FIELD_NUMBER: _ClassVar[int]
    request: _task_service_pb2.StreamResultsRequest
    at_most: int
    pause: str
    pause_after: int
    brief: bool
    def __init__(self, request: _Optional[_Union[_task_service_pb2.StreamResultsRequest, _Mapping]] = ..., at_most: _Optional[int] = ..., pause: _Optional[str] = ..., pause_after: _Optional[int] = ..., brief: bool = ...) -> None: ...

class Cancelled(_message.Message):
    __slots__ = ("request", "at_most")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    request: _task_service_pb2.GetCancelledRequest
    at_most: int
    def __init__(self, request: _Optional[_Union[_task_service_pb2.GetCancelledRequest, _Mapping]] = ..., at_most: _Optional[int] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("session_id", "subscribe", "acts", "finish", "at_most", "pause", "pause_after", "brief")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    ACTS_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    PAUSE_AFTER_FIELD_NUMBER: _ClassVar[int]
    BRIEF_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    subscribe: _task_service_pb2.SessionSubscribe
    acts: _containers.RepeatedCompositeFieldContainer[SessionAct]
    finish: bool
    at_most: int
    pause: str
    pause_after: int
    brief: bool
    def __init__(self, session_id: _Optional[str] = ..., subscribe: _Optional[_Union[_task_service_pb2.SessionSubscribe, _Mapping]] = ..., acts: _Optional[_Iterable[_Union[SessionAct, _Mapping]]] = ..., finish: bool = ..., at_most: _Optional[int] = ..., pause: _Optional[str] = ..., pause_after: _Optional[int] = ..., brief: bool = ...) -> None: ...

class SessionAct(_message.Message):
    __slots__ = ("register", "cancel", "subscribe", "unsubscribe", "pipelined")
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    PIPELINED_FIELD_NUMBER: _ClassVar[int]
    register: RegisterMany
    cancel: _task_service_pb2.SessionCancel
    subscribe: _task_service_pb2.SessionSubscribe
    unsubscribe: _task_service_pb2.SessionUnsubscribe
    pipelined: bool
    def __init__(self, register: _Optional[_Union[RegisterMany, _Mapping]] = ..., cancel: _Optional[_Union[_task_service_pb2.SessionCancel, _Mapping]] = ..., subscribe: _Optional[_Union[_task_service_pb2.SessionSubscribe, _Mapping]] = ..., unsubscribe: _Optional[_Union[_task_service_pb2.SessionUnsubscribe, _Mapping]] = ..., pipelined: bool = ...) -> None: ...

class Raw(_message.Message):
    __slots__ = ("method", "request")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    method: str
    request: bytes
    def __init__(self, method: _Optional[str] = ..., request: _Optional[bytes] = ...) -> None: ...

class Load(_message.Message):
    __slots__ = ("batch", "in_flight", "duration")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    batch: int
    in_flight: int
    duration: _duration_pb2.Duration
    def __init__(self, batch: _Optional[int] = ..., in_flight: _Optional[int] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Seen(_message.Message):
    __slots__ = ("step", "ended", "failure", "output", "task", "registered", "cancel", "cancelled_all", "waited", "result", "gap", "progress", "begun", "page", "cancelled_task", "handler", "info", "explanation", "workers", "raw", "paused", "rate")
    STEP_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_ALL_FIELD_NUMBER: _ClassVar[int]
    WAITED_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_TASK_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    step: str
    ended: Ended
    failure: Failure
    output: Value
    task: _task_pb2.Task
    registered: Registered
    cancel: CancelAnswer
    cancelled_all: CancelledAll
    waited: Waited
    result: Result
    gap: _task_service_pb2.Gap
    progress: _task_service_pb2.ProgressUpdate
    begun: Begun
    page: Page
    cancelled_task: CancelledTask
    handler: _handler_pb2.Handler
    info: _task_service_pb2.GetServerInfoResponse
    explanation: _task_service_pb2.ExplainTaskResponse
    workers: _task_service_pb2.StartWorkersResponse
    raw: bytes
    paused: str
    rate: Rate
    def __init__(self, step: _Optional[str] = ..., ended: _Optional[_Union[Ended, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., output: _Optional[_Union[Value, _Mapping]] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., registered: _Optional[_Union[Registered, _Mapping]] = ..., cancel: _Optional[_Union[CancelAnswer, _Mapping]] = ..., cancelled_all: _Optional[_Union[CancelledAll, _Mapping]] = ..., waited: _Optional[_Union[Waited, _Mapping]] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., gap: _Optional[_Union[_task_service_pb2.Gap, _Mapping]] = ..., progress: _Optional[_Union[_task_service_pb2.ProgressUpdate, _Mapping]] = ..., begun: _Optional[_Union[Begun, _Mapping]] = ..., page: _Optional[_Union[Page, _Mapping]] = ..., cancelled_task: _Optional[_Union[CancelledTask, _Mapping]] = ..., handler: _Optional[_Union[_handler_pb2.Handler, _Mapping]] = ..., info: _Optional[_Union[_task_service_pb2.GetServerInfoResponse, _Mapping]] = ..., explanation: _Optional[_Union[_task_service_pb2.ExplainTaskResponse, _Mapping]] = ..., workers: _Optional[_Union[_task_service_pb2.StartWorkersResponse, _Mapping]] = ..., raw: _Optional[bytes] = ..., paused: _Optional[str] = ..., rate: _Optional[_Union[Rate, _Mapping]] = ...) -> None: ...

class Ended(_message.Message):
    __slots__ = ("cursor",)
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    def __init__(self, cursor: _Optional[str] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("type", "code", "reason", "metadata", "violations", "retry_after", "message", "task")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    type: str
    code: int
    reason: str
    metadata: _containers.ScalarMap[str, str]
    violations: _containers.RepeatedCompositeFieldContainer[Violation]
    retry_after: _duration_pb2.Duration
    message: str
    task: _task_pb2.Task
    def __init__(self, type: _Optional[str] = ..., code: _Optional[int] = ..., reason: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., violations: _Optional[_Iterable[_Union[Violation, _Mapping]]] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., message: _Optional[str] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class Violation(_message.Message):
    __slots__ = ("field", "description")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    field: str
    description: str
    def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class Registered(_message.Message):
    __slots__ = ("task", "created", "failure")
    TASK_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    created: bool
    failure: Failure
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., created: bool = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class CancelAnswer(_message.Message):
    __slots__ = ("id", "outcome", "task", "failure")
    ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    id: str
    outcome: _task_service_pb2.CancelOutcome
    task: _task_pb2.Task
    failure: Failure
    def __init__(self, id: _Optional[str] = ..., outcome: _Optional[_Union[_task_service_pb2.CancelOutcome, str]] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class CancelledAll(_message.Message):
    __slots__ = ("counts", "still_running_ids")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    STILL_RUNNING_IDS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[_task_service_pb2.CancelCount]
    still_running_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, counts: _Optional[_Iterable[_Union[_task_service_pb2.CancelCount, _Mapping]]] = ..., still_running_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Waited(_message.Message):
    __slots__ = ("done", "counts")
    DONE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    done: bool
    counts: _containers.RepeatedCompositeFieldContainer[_task_pb2.StatusCount]
    def __init__(self, done: bool = ..., counts: _Optional[_Iterable[_Union[_task_pb2.StatusCount, _Mapping]]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("task", "output", "failure", "cursor")
    TASK_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    output: Value
    failure: Failure
    cursor: str
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., output: _Optional[_Union[Value, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., cursor: _Optional[str] = ...) -> None: ...

class Begun(_message.Message):
    __slots__ = ("cursor", "session_id")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    session_id: str
    def __init__(self, cursor: _Optional[str] = ..., session_id: _Optional[str] = ...) -> None: ...

class Page(_message.Message):
    __slots__ = ("next_cursor",)
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    next_cursor: str
    def __init__(self, next_cursor: _Optional[str] = ...) -> None: ...

class CancelledTask(_message.Message):
    __slots__ = ("task", "cursor")
    TASK_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    cursor: str
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., cursor: _Optional[str] = ...) -> None: ...

class Rate(_message.Message):
    __slots__ = ("tasks", "seconds")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    tasks: int
    seconds: float
    def __init__(self, tasks: _Optional[int] = ..., seconds: _Optional[float] = ...) -> None: ...
