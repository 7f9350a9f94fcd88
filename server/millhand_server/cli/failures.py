"""What goes wrong in a client command: one sentence for the person, one exit status for the script."""

from __future__ import annotations

from collections.abc import Iterator

import millhand
from millhand_server.cli.printing import printable
from millhand_server.config.client import ClientOptions

ERROR = 1
NOT_FOUND = 3
TASK_FAILED = 4
TIMED_OUT = 5
CANCELLED = 6
#: What shells give a program that Ctrl-C ended.
INTERRUPTED = 130


def exit_status(error: millhand.MillhandError) -> int:
    """Returns the exit status that stands for an error."""
    match error:
        case millhand.NotFound():
            return NOT_FOUND
        case millhand.TaskFailed():
            return TASK_FAILED
        case millhand.DeadlineExceeded() | millhand.TaskTimedOut():
            return TIMED_OUT
        case millhand.TaskCancelledError():
            return CANCELLED
        case _:
            return ERROR


def sentence(error: millhand.MillhandError, options: ClientOptions, *, verbose: bool = False) -> str:
    """Says what happened, by what reason, and what to do about it; if `verbose` also in which request."""
    request = [f"request {error.request_id}"] if verbose and error.request_id else []
    if isinstance(error, millhand.Unavailable) and not error.reason:
        return "; ".join([_unreachable(error.message, options), *request])
    reason = error.reason or error.code.name
    text = printable(error.message) or "the server gave no message"
    advice = _advice(error)
    return "; ".join(
        [f"{reason}: {text}", *_violations(error, text), *([advice] if advice else []), *request]
    )


#: What gRPC says of a connection that came to nothing, and what to say of it. The first that fits holds.
_CONNECTION_FAULTS = (
    ("WRONG_VERSION_NUMBER", "the server at {address} does not serve TLS: leave --tls-ca and --tls-cert out"),
    ("CERTIFICATE_VERIFY_FAILED", "the certificate of {address} is not signed by the authority in --tls-ca"),
    ("Hostname Verification Check failed", "the certificate of {address} is for another name"),
    ("Domain name not found", "there is no host of the name in {address}"),
    (
        "Connection refused",
        "no server answers at {address}; start one with `millhand serve`, or name another with --address",
    ),
    ("Socket closed", "{address} hung up: {hint}"),
    ("", "no server answers at {address}; {hint}"),
)


def _unreachable(said: str, options: ClientOptions) -> str:
    # What gRPC says about sockets helps nobody who forgot to start the server.
    form = next(form for sign, form in _CONNECTION_FAULTS if sign in said)
    hint = "if it serves TLS, give --tls-ca"
    if options.tls_ca or options.tls_cert:
        hint = "it may want a certificate that it knows: --tls-cert and --tls-key"
    return form.format(address=options.address, hint=hint)


def _violations(error: millhand.MillhandError, text: str) -> Iterator[str]:
    if not isinstance(error, millhand.InvalidArgument):
        # Whatever else names a field has said all of it.
        return
    for violation in error.unsaid:
        field, description = printable(violation.field), printable(violation.description)
        # Of one alone it is enough that the message says what is wrong.
        if len(error.violations) > 1 or description not in text:
            yield f"{field}: {description}"


def _advice(error: millhand.MillhandError) -> str:
    if isinstance(error, millhand.HandlerFailed):
        # The text of an unexpected exception may quote the payload, so that the log alone may have it.
        task_id = error.metadata.get("task_id", "")
        return f"the server's log has the traceback of task {task_id}, with its text at --log-level debug"
    if isinstance(error, millhand.WaitTimedOut) and error.metadata.get("task_id"):
        return f"`millhand get {error.metadata['task_id']}` shows it"
    if isinstance(error, millhand.Unauthenticated):
        return "give --token-file or --token, or set MILLHAND_TOKEN"
    if isinstance(error, millhand.PermissionDenied) and "scope" in error.message:
        return "ask for a token with that scope; whoever runs the server makes one with `millhand token`"
    if isinstance(error, millhand.AlreadyExists) and error.metadata.get("task_id"):
        task_id = error.metadata["task_id"]
        return f"`millhand get {task_id}` shows it; if it waits, `millhand exec --id {task_id}` runs it now"
    if error.retry_after is not None:
        return f"retry after {error.retry_after.total_seconds():g} s"
    if isinstance(error, millhand.InternalError) and error.request_id:
        return f"the server's log has the facts under request {error.request_id}"
    return ""
