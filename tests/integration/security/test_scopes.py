"""Every method, asked for by everybody."""

import grpc
import pytest
from tests.integration.security.conftest import TASKS, Metadata, Serve, Serving, TokenFile, bearer

from millhand.v1 import task_service_pb2 as pb
from millhand_server.config.options import SecurityOptions
from millhand_server.rpc.scopes import SCOPES, Scope

_REFUSALS = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}

_OPEN = [f"/grpc.health.v1.Health/{name}" for name in ("Check", "List", "Watch")]
_GUARDED = sorted(SCOPES.keys() - set(_OPEN))


async def test_every_method_that_is_served_has_a_scope(guarded: Serving) -> None:
    # Nothing but the server itself knows all that it serves: reflection lists not even its own second name.
    handlers = guarded.app._rpc._handlers()

    served = {path for handler in handlers for path in handler._method_handlers}  # type: ignore[attr-defined]

    assert served == SCOPES.keys()


@pytest.mark.parametrize("path", _GUARDED)
async def test_a_method_is_refused_below_its_scope_and_served_from_it_on(
    guarded: Serving, token_file: TokenFile, path: str
) -> None:
    for scope in (Scope.READ, Scope.RUN, Scope.ADMIN):
        if path == TASKS + "Shutdown" and scope is Scope.ADMIN:
            continue  # it would be done: another test shuts a server down
        ended = await guarded.caller.call(path, metadata=token_file.of(scope.name.lower()))

        if scope >= SCOPES[path]:
            assert ended.code not in _REFUSALS
        else:
            assert (ended.code, ended.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
            needed = SCOPES[path].name.lower()
            assert ended.message.startswith(f"this call needs the scope {needed}, ")
            assert ended.message.endswith(f" has only {scope.name.lower()}")
            assert not any(ended.answers)


@pytest.mark.parametrize("path", _GUARDED)
@pytest.mark.parametrize("metadata", [(), bearer("mh_unknown")], ids=["no token", "unknown token"])
async def test_nobody_is_served_without_a_good_token(guarded: Serving, path: str, metadata: Metadata) -> None:
    ended = await guarded.caller.call(path, metadata=metadata)

    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert not any(ended.answers)


@pytest.mark.parametrize("path", _OPEN)
@pytest.mark.parametrize("metadata", [(), bearer("mh_unknown")], ids=["no token", "unknown token"])
async def test_health_is_open_to_all(guarded: Serving, path: str, metadata: Metadata) -> None:
    ended = await guarded.caller.call(path, metadata=metadata)

    assert ended.code is grpc.StatusCode.OK
    assert len(ended.answers) == 1


async def test_a_method_that_does_not_exist_is_no_way_in(guarded: Serving) -> None:
    ended = await guarded.caller.call(TASKS + "Nothing")

    assert ended.code is grpc.StatusCode.UNIMPLEMENTED


async def test_bytes_of_an_unknown_caller_are_not_even_parsed(guarded: Serving) -> None:
    ended = await guarded.caller.call(TASKS + "RegisterTask", b"\xff\xff\xff")

    assert ended.code is grpc.StatusCode.UNAUTHENTICATED


async def test_an_administrator_shuts_the_server_down(guarded: Serving, token_file: TokenFile) -> None:
    request = pb.ShutdownRequest(mode=pb.SHUTDOWN_MODE_NOW)

    denied = await guarded.caller.call(TASKS + "Shutdown", request.SerializeToString(), token_file.of("run"))
    done = await guarded.caller.call(TASKS + "Shutdown", request.SerializeToString(), token_file.of("admin"))

    assert denied.code is grpc.StatusCode.PERMISSION_DENIED
    assert done.code is grpc.StatusCode.OK


async def test_the_full_view_is_for_whoever_may_read(guarded: Serving, token_file: TokenFile) -> None:
    registering = pb.RegisterTaskRequest()
    registering.task.id, registering.task.handler = "a", "echo"
    registering.task.payload.json.string_value = "for readers"
    await guarded.caller.call(TASKS + "RegisterTask", registering.SerializeToString(), token_file.of("run"))

    request = pb.GetTaskRequest(id="a", view=pb.TASK_VIEW_FULL).SerializeToString()
    ended = await guarded.caller.call(TASKS + "GetTask", request, token_file.of("read"))

    assert b"for readers" in ended.answers[0]


async def test_without_tokens_everybody_may_do_everything(serve: Serve) -> None:
    async with serve(SecurityOptions()) as running:
        for path in _GUARDED:
            if not path.endswith("/Shutdown"):
                assert (await running.caller.call(path)).code not in _REFUSALS
