"""The handlers that a manager can run, and what is in force for a task of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from millhand.kit import Handler, Unresolved
from millhand_server.core.errors import InvalidPayload, PayloadTooLarge
from millhand_server.core.execution import Isolation
from millhand_server.core.ports import PayloadCodec, RequestType, Shape, UnsupportedType
from millhand_server.core.retry import Retries
from millhand_server.core.task import DEFAULT_QUEUE, RetryPolicy, TaskSpec
from millhand_server.engine.options import ManagerOptions

_DEFAULT_POLICY = RetryPolicy()


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A handler with the defaults of its tasks resolved: its own, else the server's. 0 is no limit.

    `request` is None when the handler declares no type for it. `example` is an encoded request to try it
    with, empty when there is none.
    """

    handler: Handler
    request: RequestType | None
    result: Shape
    example: bytes
    isolation: Isolation
    queue: str
    priority: int
    retries: Retries
    timeout_us: int
    start_timeout_us: int

    @property
    def name(self) -> str:
        return self.handler.name

    def queue_of(self, spec: TaskSpec) -> str:
        return self.queue if spec.queue == DEFAULT_QUEUE else spec.queue

    def priority_of(self, spec: TaskSpec) -> int:
        """Returns the task's priority; 0, which is also what unset looks like, takes the handler's."""
        return spec.priority or self.priority

    def retries_of(self, spec: TaskSpec) -> Retries:
        if spec.retries is None and spec.retry_delay_us is None and spec.retry_policy is None:
            return self.retries
        return Retries(
            self.retries.limit if spec.retries is None else spec.retries,
            self.retries.delay_us if spec.retry_delay_us is None else spec.retry_delay_us,
            spec.retry_policy or _DEFAULT_POLICY,
        )

    def timeout_of(self, spec: TaskSpec) -> int:
        return self.timeout_us if spec.timeout_us is None else spec.timeout_us

    def start_timeout_of(self, spec: TaskSpec) -> int:
        return self.start_timeout_us if spec.start_timeout_us is None else spec.start_timeout_us


class UnsupportedHandler(ValueError):
    """A handler asks for something that this server cannot honour, or contradicts itself."""


class Catalogue:
    """Handlers by name. Fixed once the manager starts, so that any thread may read it."""

    def __init__(self, handlers: Iterable[Handler], options: ManagerOptions, codec: PayloadCodec) -> None:
        """Resolves every handler's defaults and its types.

        Raises:
            UnsupportedHandler: a handler asks for process isolation, which does not exist yet; its
                annotations cannot be honoured; or its example does not fit them.
        """
        self._entries = {handler.name: _entry(handler, options, codec) for handler in handlers}

    def get(self, name: str) -> CatalogueEntry | None:
        return self._entries.get(name)

    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def __getitem__(self, name: str) -> CatalogueEntry:
        return self._entries[name]

    def __iter__(self) -> Iterator[CatalogueEntry]:
        return iter(self._entries.values())


_ISOLATIONS = {"thread": Isolation.THREAD, "async": Isolation.ASYNC}


def _entry(handler: Handler, options: ManagerOptions, codec: PayloadCodec) -> CatalogueEntry:
    isolation = _ISOLATIONS.get(handler.isolation)
    if isolation is None:
        raise UnsupportedHandler(
            f"Handler {handler.name!r} asks for isolation {handler.isolation!r}, which this server does not "
            "have yet; use 'thread' or 'async'."
        )
    request = _request(handler, codec)
    return CatalogueEntry(
        handler=handler,
        request=request,
        result=_result(handler, codec),
        example=_example(handler, request, codec),
        isolation=isolation,
        queue=handler.queue or DEFAULT_QUEUE,
        priority=handler.priority or 0,
        retries=Retries(
            options.max_retries if handler.retries is None else handler.retries,
            _micros(handler.retry_delay, options.retry_delay_us),
            _DEFAULT_POLICY,
        ),
        timeout_us=_micros(handler.timeout, options.timeout_us),
        start_timeout_us=_micros(handler.start_timeout, 0),
    )


def _micros(duration: timedelta | None, default_us: int) -> int:
    return default_us if duration is None else duration // timedelta(microseconds=1)


def _request(handler: Handler, codec: PayloadCodec) -> RequestType | None:
    annotation = handler.request_type
    if annotation is None:
        return None
    _refuse_unresolved(handler, "takes", annotation)
    try:
        return codec.request_type(annotation)
    except UnsupportedType as refusal:
        raise _unsupported(handler, "takes", annotation, refusal) from None


def _result(handler: Handler, codec: PayloadCodec) -> Shape:
    annotation = handler.result_type
    if annotation is None:
        return Shape()
    _refuse_unresolved(handler, "returns", annotation)
    try:
        return codec.result_shape(annotation)
    except UnsupportedType as refusal:
        raise _unsupported(handler, "returns", annotation, refusal) from None


def _example(handler: Handler, request: RequestType | None, codec: PayloadCodec) -> bytes:
    if handler.example is None:
        return b"" if request is None else request.example()
    try:
        example = codec.encode(handler.example)
        if request is not None:
            request.decode(example)
    except (InvalidPayload, PayloadTooLarge) as error:
        raise UnsupportedHandler(
            f"Handler {handler.name!r} has an example that it could not be called with: {error.message}."
        ) from None
    return example


def _refuse_unresolved(handler: Handler, verb: str, annotation: object) -> None:
    if isinstance(annotation, Unresolved):
        raise UnsupportedHandler(
            f"Handler {handler.name!r} {verb} {annotation.text}, a name that means nothing in its module: "
            "define the type at the top level, or import it outside `if TYPE_CHECKING`."
        )


def _unsupported(
    handler: Handler, verb: str, annotation: object, refusal: UnsupportedType
) -> UnsupportedHandler:
    named = annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
    return UnsupportedHandler(f"Handler {handler.name!r} {verb} {named}: {refusal}.")
