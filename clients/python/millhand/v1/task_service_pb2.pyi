import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from millhand.v1 import handler_pb2 as _handler_pb2
from millhand.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegisterMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REGISTER_MODE_UNSPECIFIED: _ClassVar[RegisterMode]
    REGISTER_MODE_ATOMIC: _ClassVar[RegisterMode]
    REGISTER_MODE_PER_ITEM: _ClassVar[RegisterMode]

class OnTimeout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_TIMEOUT_UNSPECIFIED: _ClassVar[OnTimeout]
    ON_TIMEOUT_LEAVE_RUNNING: _ClassVar[OnTimeout]
    ON_TIMEOUT_CANCEL: _ClassVar[OnTimeout]

class CancelOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANCEL_OUTCOME_UNSPECIFIED: _ClassVar[CancelOutcome]
    CANCEL_OUTCOME_DEQUEUED: _ClassVar[CancelOutcome]
    CANCEL_OUTCOME_SIGNALLED: _ClassVar[CancelOutcome]
    CANCEL_OUTCOME_STOPPED: _ClassVar[CancelOutcome]
    CANCEL_OUTCOME_KILLED: _ClassVar[CancelOutcome]
    CANCEL_OUTCOME_ALREADY_FINAL: _ClassVar[CancelOutcome]
    CANCEL_OUTCOME_NOT_STOPPABLE: _ClassVar[CancelOutcome]

class TaskView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_VIEW_UNSPECIFIED: _ClassVar[TaskView]
    TASK_VIEW_BASIC: _ClassVar[TaskView]
    TASK_VIEW_FULL: _ClassVar[TaskView]

class SlowReader(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SLOW_READER_UNSPECIFIED: _ClassVar[SlowReader]
    SLOW_READER_BLOCK: _ClassVar[SlowReader]
    SLOW_READER_GAP: _ClassVar[SlowReader]
    SLOW_READER_DISCONNECT: _ClassVar[SlowReader]

class SubscribeScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBSCRIBE_SCOPE_UNSPECIFIED: _ClassVar[SubscribeScope]
    SUBSCRIBE_SCOPE_OWN: _ClassVar[SubscribeScope]
    SUBSCRIBE_SCOPE_FILTER: _ClassVar[SubscribeScope]

class BlockReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BLOCK_REASON_UNSPECIFIED: _ClassVar[BlockReason]
    BLOCK_REASON_NOT_DUE: _ClassVar[BlockReason]
    BLOCK_REASON_RETRY_WAIT: _ClassVar[BlockReason]
    BLOCK_REASON_QUEUE_PAUSED: _ClassVar[BlockReason]
    BLOCK_REASON_QUEUE_POSITION: _ClassVar[BlockReason]
    BLOCK_REASON_RATE_LIMIT: _ClassVar[BlockReason]
    BLOCK_REASON_CONCURRENCY_LIMIT: _ClassVar[BlockReason]
    BLOCK_REASON_FAIRNESS: _ClassVar[BlockReason]
    BLOCK_REASON_WORKERS_BUSY: _ClassVar[BlockReason]
    BLOCK_REASON_WORKERS_STUCK: _ClassVar[BlockReason]
    BLOCK_REASON_NO_HANDLER: _ClassVar[BlockReason]
    BLOCK_REASON_STORE_UNAVAILABLE: _ClassVar[BlockReason]
    BLOCK_REASON_DRAINING: _ClassVar[BlockReason]
    BLOCK_REASON_QUARANTINE: _ClassVar[BlockReason]

class ShutdownMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHUTDOWN_MODE_UNSPECIFIED: _ClassVar[ShutdownMode]
    SHUTDOWN_MODE_GRACEFUL: _ClassVar[ShutdownMode]
    SHUTDOWN_MODE_NOW: _ClassVar[ShutdownMode]

class EndReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    END_REASON_UNSPECIFIED: _ClassVar[EndReason]
    END_REASON_CAUGHT_UP: _ClassVar[EndReason]
    END_REASON_COMPLETED: _ClassVar[EndReason]
    END_REASON_SHUTDOWN: _ClassVar[EndReason]
    END_REASON_SLOW_READER: _ClassVar[EndReason]
    END_REASON_CREDIT_SPENT: _ClassVar[EndReason]
REGISTER_MODE_UNSPECIFIED: RegisterMode
REGISTER_MODE_ATOMIC: RegisterMode
REGISTER_MODE_PER_ITEM: RegisterMode
ON_TIMEOUT_UNSPECIFIED: OnTimeout
ON_TIMEOUT_LEAVE_RUNNING: OnTimeout
ON_TIMEOUT_CANCEL: OnTimeout
CANCEL_OUTCOME_UNSPECIFIED: CancelOutcome
CANCEL_OUTCOME_DEQUEUED: CancelOutcome
CANCEL_OUTCOME_SIGNALLED: CancelOutcome
CANCEL_OUTCOME_STOPPED: CancelOutcome
CANCEL_OUTCOME_KILLED: CancelOutcome
CANCEL_OUTCOME_ALREADY_FINAL: CancelOutcome
CANCEL_OUTCOME_NOT_STOPPABLE: CancelOutcome
TASK_VIEW_UNSPECIFIED: TaskView
TASK_VIEW_BASIC: TaskView
TASK_VIEW_FULL: TaskView
SLOW_READER_UNSPECIFIED: SlowReader
SLOW_READER_BLOCK: SlowReader
SLOW_READER_GAP: SlowReader
SLOW_READER_DISCONNECT: SlowReader
SUBSCRIBE_SCOPE_UNSPECIFIED: SubscribeScope
SUBSCRIBE_SCOPE_OWN: SubscribeScope
SUBSCRIBE_SCOPE_FILTER: SubscribeScope
BLOCK_REASON_UNSPECIFIED: BlockReason
BLOCK_REASON_NOT_DUE: BlockReason
BLOCK_REASON_RETRY_WAIT: BlockReason
BLOCK_REASON_QUEUE_PAUSED: BlockReason
BLOCK_REASON_QUEUE_POSITION: BlockReason
BLOCK_REASON_RATE_LIMIT: BlockReason
BLOCK_REASON_CONCURRENCY_LIMIT: BlockReason
BLOCK_REASON_FAIRNESS: BlockReason
BLOCK_REASON_WORKERS_BUSY: BlockReason
BLOCK_REASON_WORKERS_STUCK: BlockReason
BLOCK_REASON_NO_HANDLER: BlockReason
BLOCK_REASON_STORE_UNAVAILABLE: BlockReason
BLOCK_REASON_DRAINING: BlockReason
BLOCK_REASON_QUARANTINE: BlockReason
SHUTDOWN_MODE_UNSPECIFIED: ShutdownMode
SHUTDOWN_MODE_GRACEFUL: ShutdownMode
SHUTDOWN_MODE_NOW: ShutdownMode
END_REASON_UNSPECIFIED: EndReason
END_REASON_CAUGHT_UP: EndReason
END_REASON_COMPLETED: EndReason
END_REASON_SHUTDOWN: EndReason
END_REASON_SLOW_READER: EndReason
END_REASON_CREDIT_SPENT: EndReason

class RegisterTaskRequest(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.TaskSpec
    def __init__(self, task: _Optional[_Union[_task_pb2.TaskSpec, _Mapping]] = ...) -> None: ...

class RegisterTaskResponse(_message.Message):
    __slots__ = ("task", "created")
    TASK_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    created: bool
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., created: bool = ...) -> None: ...

class RegisterTasksRequest(_message.Message):
    __slots__ = ("tasks", "mode")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_task_pb2.TaskSpec]
    mode: RegisterMode
    def __init__(self, tasks: _Optional[_Iterable[_Union[_task_pb2.TaskSpec, _Mapping]]] = ..., mode: _Optional[_Union[RegisterMode, str]] = ...) -> None: ...

class RegisterResult(_message.Message):
    __slots__ = ("task", "created", "error")
    TASK_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    created: bool
    error: _status_pb2.Status
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., created: bool = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class RegisterTasksResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RegisterResult]
    def __init__(self, results: _Optional[_Iterable[_Union[RegisterResult, _Mapping]]] = ...) -> None: ...

class ExecuteTaskRequest(_message.Message):
    __slots__ = ("id", "task", "timeout", "on_timeout", "view")
    ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    ON_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    id: str
    task: _task_pb2.TaskSpec
    timeout: _duration_pb2.Duration
    on_timeout: OnTimeout
    view: TaskView
    def __init__(self, id: _Optional[str] = ..., task: _Optional[_Union[_task_pb2.TaskSpec, _Mapping]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., on_timeout: _Optional[_Union[OnTimeout, str]] = ..., view: _Optional[_Union[TaskView, str]] = ...) -> None: ...

class ExecuteTaskResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _task_pb2.Result
    def __init__(self, result: _Optional[_Union[_task_pb2.Result, _Mapping]] = ...) -> None: ...

class CancelTaskRequest(_message.Message):
    __slots__ = ("id", "reason", "wait")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    wait: _duration_pb2.Duration
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CancelTaskResponse(_message.Message):
    __slots__ = ("outcome", "task")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    outcome: CancelOutcome
    task: _task_pb2.Task
    def __init__(self, outcome: _Optional[_Union[CancelOutcome, str]] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class CancelCount(_message.Message):
    __slots__ = ("outcome", "count")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    outcome: CancelOutcome
    count: int
    def __init__(self, outcome: _Optional[_Union[CancelOutcome, str]] = ..., count: _Optional[int] = ...) -> None: ...

class CancelAllRequest(_message.Message):
    __slots__ = ("filter", "reason")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    filter: _task_pb2.TaskFilter
    reason: str
    def __init__(self, filter: _Optional[_Union[_task_pb2.TaskFilter, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class CancelAllResponse(_message.Message):
    __slots__ = ("counts",)
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[CancelCount]
    def __init__(self, counts: _Optional[_Iterable[_Union[CancelCount, _Mapping]]] = ...) -> None: ...

class CancelAllAndWaitRequest(_message.Message):
    __slots__ = ("filter", "reason", "timeout")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    filter: _task_pb2.TaskFilter
    reason: str
    timeout: _duration_pb2.Duration
    def __init__(self, filter: _Optional[_Union[_task_pb2.TaskFilter, _Mapping]] = ..., reason: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CancelAllAndWaitResponse(_message.Message):
    __slots__ = ("counts", "still_running_ids")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    STILL_RUNNING_IDS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[CancelCount]
    still_running_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, counts: _Optional[_Iterable[_Union[CancelCount, _Mapping]]] = ..., still_running_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetTaskRequest(_message.Message):
    __slots__ = ("id", "view")
    ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    id: str
    view: TaskView
    def __init__(self, id: _Optional[str] = ..., view: _Optional[_Union[TaskView, str]] = ...) -> None: ...

class GetTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class GetTasksRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token", "order_by", "view")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    filter: _task_pb2.TaskFilter
    page_size: int
    page_token: str
    order_by: str
    view: TaskView
    def __init__(self, filter: _Optional[_Union[_task_pb2.TaskFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order_by: _Optional[str] = ..., view: _Optional[_Union[TaskView, str]] = ...) -> None: ...

class GetTasksResponse(_message.Message):
    __slots__ = ("tasks", "next_page_token", "total_size", "total_size_is_exact")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_IS_EXACT_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_task_pb2.Task]
    next_page_token: str
    total_size: int
    total_size_is_exact: bool
    def __init__(self, tasks: _Optional[_Iterable[_Union[_task_pb2.Task, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ..., total_size_is_exact: bool = ...) -> None: ...

class GetActiveTasksRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetActiveTasksResponse(_message.Message):
    __slots__ = ("count", "tasks", "next_page_token")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    count: int
    tasks: _containers.RepeatedCompositeFieldContainer[_task_pb2.Task]
    next_page_token: str
    def __init__(self, count: _Optional[int] = ..., tasks: _Optional[_Iterable[_Union[_task_pb2.Task, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ProgressUpdate(_message.Message):
    __slots__ = ("task_id", "attempt", "progress")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    attempt: int
    progress: _task_pb2.Progress
    def __init__(self, task_id: _Optional[str] = ..., attempt: _Optional[int] = ..., progress: _Optional[_Union[_task_pb2.Progress, _Mapping]] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("from_cursor", "to_cursor", "missed", "log_replaced")
    FROM_CURSOR_FIELD_NUMBER: _ClassVar[int]
    TO_CURSOR_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    LOG_REPLACED_FIELD_NUMBER: _ClassVar[int]
    from_cursor: str
    to_cursor: str
    missed: int
    log_replaced: bool
    def __init__(self, from_cursor: _Optional[str] = ..., to_cursor: _Optional[str] = ..., missed: _Optional[int] = ..., log_replaced: bool = ...) -> None: ...

class KeepAlive(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class End(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: EndReason
    message: str
    def __init__(self, reason: _Optional[_Union[EndReason, str]] = ..., message: _Optional[str] = ...) -> None: ...

class StreamResultsRequest(_message.Message):
    __slots__ = ("filter", "after", "follow", "close_on_completion", "include_progress", "slow_reader", "view")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    CLOSE_ON_COMPLETION_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SLOW_READER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    filter: _task_pb2.TaskFilter
    after: str
    follow: bool
    close_on_completion: bool
    include_progress: bool
    slow_reader: SlowReader
    view: TaskView
    def __init__(self, filter: _Optional[_Union[_task_pb2.TaskFilter, _Mapping]] = ..., after: _Optional[str] = ..., follow: bool = ..., close_on_completion: bool = ..., include_progress: bool = ..., slow_reader: _Optional[_Union[SlowReader, str]] = ..., view: _Optional[_Union[TaskView, str]] = ...) -> None: ...

class StreamResultsResponse(_message.Message):
    __slots__ = ("result", "progress", "gap", "keep_alive", "end", "cursor")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    KEEP_ALIVE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    result: _task_pb2.Result
    progress: ProgressUpdate
    gap: Gap
    keep_alive: KeepAlive
    end: End
    cursor: str
    def __init__(self, result: _Optional[_Union[_task_pb2.Result, _Mapping]] = ..., progress: _Optional[_Union[ProgressUpdate, _Mapping]] = ..., gap: _Optional[_Union[Gap, _Mapping]] = ..., keep_alive: _Optional[_Union[KeepAlive, _Mapping]] = ..., end: _Optional[_Union[End, _Mapping]] = ..., cursor: _Optional[str] = ...) -> None: ...

class GetResultsRequest(_message.Message):
    __slots__ = ("filter", "after", "page_size", "view")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    filter: _task_pb2.TaskFilter
    after: str
    page_size: int
    view: TaskView
    def __init__(self, filter: _Optional[_Union[_task_pb2.TaskFilter, _Mapping]] = ..., after: _Optional[str] = ..., page_size: _Optional[int] = ..., view: _Optional[_Union[TaskView, str]] = ...) -> None: ...

class GetResultsResponse(_message.Message):
    __slots__ = ("results", "next_cursor", "gap")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_task_pb2.Result]
    next_cursor: str
    gap: Gap
    def __init__(self, results: _Optional[_Iterable[_Union[_task_pb2.Result, _Mapping]]] = ..., next_cursor: _Optional[str] = ..., gap: _Optional[_Union[Gap, _Mapping]] = ...) -> None: ...

class GetCancelledRequest(_message.Message):
    __slots__ = ("after", "follow")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    after: str
    follow: bool
    def __init__(self, after: _Optional[str] = ..., follow: bool = ...) -> None: ...

class GetCancelledResponse(_message.Message):
    __slots__ = ("task", "gap", "keep_alive", "end", "cursor")
    TASK_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    KEEP_ALIVE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    gap: Gap
    keep_alive: KeepAlive
    end: End
    cursor: str
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., gap: _Optional[_Union[Gap, _Mapping]] = ..., keep_alive: _Optional[_Union[KeepAlive, _Mapping]] = ..., end: _Optional[_Union[End, _Mapping]] = ..., cursor: _Optional[str] = ...) -> None: ...

class StartWorkersRequest(_message.Message):
    __slots__ = ("count", "node_id")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    count: int
    node_id: str
    def __init__(self, count: _Optional[int] = ..., node_id: _Optional[str] = ...) -> None: ...

class StartWorkersResponse(_message.Message):
    __slots__ = ("before", "after")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    before: int
    after: int
    def __init__(self, before: _Optional[int] = ..., after: _Optional[int] = ...) -> None: ...

class WaitRequest(_message.Message):
    __slots__ = ("filter", "timeout")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    filter: _task_pb2.TaskFilter
    timeout: _duration_pb2.Duration
    def __init__(self, filter: _Optional[_Union[_task_pb2.TaskFilter, _Mapping]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WaitResponse(_message.Message):
    __slots__ = ("done", "counts")
    DONE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    done: bool
    counts: _containers.RepeatedCompositeFieldContainer[_task_pb2.StatusCount]
    def __init__(self, done: bool = ..., counts: _Optional[_Iterable[_Union[_task_pb2.StatusCount, _Mapping]]] = ...) -> None: ...

class ShutdownRequest(_message.Message):
    __slots__ = ("mode", "timeout", "node_id")
    MODE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    mode: ShutdownMode
    timeout: _duration_pb2.Duration
    node_id: str
    def __init__(self, mode: _Optional[_Union[ShutdownMode, str]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., node_id: _Optional[str] = ...) -> None: ...

class ShutdownResponse(_message.Message):
    __slots__ = ("counts",)
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[_task_pb2.StatusCount]
    def __init__(self, counts: _Optional[_Iterable[_Union[_task_pb2.StatusCount, _Mapping]]] = ...) -> None: ...

class SessionHello(_message.Message):
    __slots__ = ("client_name", "session_id")
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    client_name: str
    session_id: str
    def __init__(self, client_name: _Optional[str] = ..., session_id: _Optional[str] = ...) -> None: ...

class SessionRegister(_message.Message):
    __slots__ = ("tasks", "mode")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_task_pb2.TaskSpec]
    mode: RegisterMode
    def __init__(self, tasks: _Optional[_Iterable[_Union[_task_pb2.TaskSpec, _Mapping]]] = ..., mode: _Optional[_Union[RegisterMode, str]] = ...) -> None: ...

class SessionCancel(_message.Message):
    __slots__ = ("ids", "reason")
    IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ...) -> None: ...

class SessionSubscribe(_message.Message):
    __slots__ = ("filter", "after", "include_progress", "view", "scope")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    filter: _task_pb2.TaskFilter
    after: str
    include_progress: bool
    view: TaskView
    scope: SubscribeScope
    def __init__(self, filter: _Optional[_Union[_task_pb2.TaskFilter, _Mapping]] = ..., after: _Optional[str] = ..., include_progress: bool = ..., view: _Optional[_Union[TaskView, str]] = ..., scope: _Optional[_Union[SubscribeScope, str]] = ...) -> None: ...

class SessionUnsubscribe(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SessionSubscribed(_message.Message):
    __slots__ = ("cursor",)
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    def __init__(self, cursor: _Optional[str] = ...) -> None: ...

class SessionUnsubscribed(_message.Message):
    __slots__ = ("cursor",)
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    def __init__(self, cursor: _Optional[str] = ...) -> None: ...

class SessionCredited(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: int
    def __init__(self, results: _Optional[int] = ...) -> None: ...

class SessionCredit(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: int
    def __init__(self, results: _Optional[int] = ...) -> None: ...

class SessionPing(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SessionRequest(_message.Message):
    __slots__ = ("request_id", "hello", "register", "cancel", "subscribe", "unsubscribe", "credit", "ping")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    hello: SessionHello
    register: SessionRegister
    cancel: SessionCancel
    subscribe: SessionSubscribe
    unsubscribe: SessionUnsubscribe
    credit: SessionCredit
    ping: SessionPing
    def __init__(self, request_id: _Optional[str] = ..., hello: _Optional[_Union[SessionHello, _Mapping]] = ..., register: _Optional[_Union[SessionRegister, _Mapping]] = ..., cancel: _Optional[_Union[SessionCancel, _Mapping]] = ..., subscribe: _Optional[_Union[SessionSubscribe, _Mapping]] = ..., unsubscribe: _Optional[_Union[SessionUnsubscribe, _Mapping]] = ..., credit: _Optional[_Union[SessionCredit, _Mapping]] = ..., ping: _Optional[_Union[SessionPing, _Mapping]] = ...) -> None: ...

class SessionWelcome(_message.Message):
    __slots__ = ("limits", "session_id", "credit")
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    limits: Limits
    session_id: str
    credit: int
    def __init__(self, limits: _Optional[_Union[Limits, _Mapping]] = ..., session_id: _Optional[str] = ..., credit: _Optional[int] = ...) -> None: ...

class SessionRegistered(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RegisterResult]
    def __init__(self, results: _Optional[_Iterable[_Union[RegisterResult, _Mapping]]] = ...) -> None: ...

class CancelResult(_message.Message):
    __slots__ = ("id", "outcome", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    outcome: CancelOutcome
    error: _status_pb2.Status
    def __init__(self, id: _Optional[str] = ..., outcome: _Optional[_Union[CancelOutcome, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class SessionCancelled(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[CancelResult]
    def __init__(self, results: _Optional[_Iterable[_Union[CancelResult, _Mapping]]] = ...) -> None: ...

class SessionResults(_message.Message):
    __slots__ = ("results", "cursor")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_task_pb2.Result]
    cursor: str
    def __init__(self, results: _Optional[_Iterable[_Union[_task_pb2.Result, _Mapping]]] = ..., cursor: _Optional[str] = ...) -> None: ...

class SessionError(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _status_pb2.Status
    def __init__(self, status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class SessionPong(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SessionGoodbye(_message.Message):
    __slots__ = ("reason", "cursor")
    REASON_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    reason: EndReason
    cursor: str
    def __init__(self, reason: _Optional[_Union[EndReason, str]] = ..., cursor: _Optional[str] = ...) -> None: ...

class SessionResponse(_message.Message):
    __slots__ = ("request_id", "welcome", "registered", "cancelled", "results", "progress", "gap", "error", "pong", "goodbye", "subscribed", "unsubscribed", "credited")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
    CREDITED_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    welcome: SessionWelcome
    registered: SessionRegistered
    cancelled: SessionCancelled
    results: SessionResults
    progress: ProgressUpdate
    gap: Gap
    error: SessionError
    pong: SessionPong
    goodbye: SessionGoodbye
    subscribed: SessionSubscribed
    unsubscribed: SessionUnsubscribed
    credited: SessionCredited
    def __init__(self, request_id: _Optional[str] = ..., welcome: _Optional[_Union[SessionWelcome, _Mapping]] = ..., registered: _Optional[_Union[SessionRegistered, _Mapping]] = ..., cancelled: _Optional[_Union[SessionCancelled, _Mapping]] = ..., results: _Optional[_Union[SessionResults, _Mapping]] = ..., progress: _Optional[_Union[ProgressUpdate, _Mapping]] = ..., gap: _Optional[_Union[Gap, _Mapping]] = ..., error: _Optional[_Union[SessionError, _Mapping]] = ..., pong: _Optional[_Union[SessionPong, _Mapping]] = ..., goodbye: _Optional[_Union[SessionGoodbye, _Mapping]] = ..., subscribed: _Optional[_Union[SessionSubscribed, _Mapping]] = ..., unsubscribed: _Optional[_Union[SessionUnsubscribed, _Mapping]] = ..., credited: _Optional[_Union[SessionCredited, _Mapping]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_message_bytes", "max_payload_bytes", "max_batch_tasks", "max_json_depth", "max_queued", "max_streams")
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_TASKS_FIELD_NUMBER: _ClassVar[int]
    MAX_JSON_DEPTH_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUED_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAMS_FIELD_NUMBER: _ClassVar[int]
    max_message_bytes: int
    max_payload_bytes: int
    max_batch_tasks: int
    max_json_depth: int
    max_queued: int
    max_streams: int
    def __init__(self, max_message_bytes: _Optional[int] = ..., max_payload_bytes: _Optional[int] = ..., max_batch_tasks: _Optional[int] = ..., max_json_depth: _Optional[int] = ..., max_queued: _Optional[int] = ..., max_streams: _Optional[int] = ...) -> None: ...

class ListHandlersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListHandlersResponse(_message.Message):
    __slots__ = ("handlers",)
    HANDLERS_FIELD_NUMBER: _ClassVar[int]
    handlers: _containers.RepeatedCompositeFieldContainer[_handler_pb2.Handler]
    def __init__(self, handlers: _Optional[_Iterable[_Union[_handler_pb2.Handler, _Mapping]]] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "node_id", "store", "limits", "uptime", "capabilities")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    version: str
    node_id: str
    store: str
    limits: Limits
    uptime: _duration_pb2.Duration
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[str] = ..., node_id: _Optional[str] = ..., store: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., uptime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., capabilities: _Optional[_Iterable[str]] = ...) -> None: ...

class ExplainTaskRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ExplainReason(_message.Message):
    __slots__ = ("reason", "message", "name", "limit", "used", "ahead", "wait", "holder")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    AHEAD_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    reason: BlockReason
    message: str
    name: str
    limit: int
    used: int
    ahead: int
    wait: _duration_pb2.Duration
    holder: str
    def __init__(self, reason: _Optional[_Union[BlockReason, str]] = ..., message: _Optional[str] = ..., name: _Optional[str] = ..., limit: _Optional[int] = ..., used: _Optional[int] = ..., ahead: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., holder: _Optional[str] = ...) -> None: ...

class ExplainTaskResponse(_message.Message):
    __slots__ = ("status", "reasons", "estimated_start")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_START_FIELD_NUMBER: _ClassVar[int]
    status: _task_pb2.TaskStatus
    reasons: _containers.RepeatedCompositeFieldContainer[ExplainReason]
    estimated_start: _timestamp_pb2.Timestamp
    def __init__(self, status: _Optional[_Union[_task_pb2.TaskStatus, str]] = ..., reasons: _Optional[_Iterable[_Union[ExplainReason, _Mapping]]] = ..., estimated_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
