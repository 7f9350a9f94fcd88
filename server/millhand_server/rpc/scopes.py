"""What a caller may do: three scopes, and the one table of what each method needs. Free of gRPC."""

from __future__ import annotations

import enum


class Scope(enum.IntEnum):
    """How far a caller may go. Each scope includes those before it.

    Including, because a caller who may run anything can have any task's result anyway: by executing its id,
    or with a Session that subscribes to all.
    """

    #: Needs no token: what load balancers and supervisors ask.
    OPEN = 0
    #: Sees every task, payloads and outputs (the FULL view) included, and the catalogue.
    READ = 1
    #: Registers, executes and cancels.
    RUN = 2
    #: Stops the server and resizes it.
    ADMIN = 3


#: The scopes that a token can have, by the name that a token's line gives them.
NAMES: dict[str, Scope] = {scope.name.lower(): scope for scope in Scope if scope is not Scope.OPEN}


def scope_of(path: str) -> Scope:
    """Returns what a method needs. One that nobody thought of is for administrators, never for everyone."""
    return SCOPES.get(path, Scope.ADMIN)


def _methods(service: str, scope: Scope, *names: str) -> dict[str, Scope]:
    return {f"/{service}/{name}": scope for name in names}


_TASKS = "millhand.v1.TaskService"

#: The scope of each method, by its path. A test holds it to the methods that are served.
SCOPES: dict[str, Scope] = {
    **_methods(
        _TASKS,
        Scope.READ,
        "GetTask",
        "GetTasks",
        "GetActiveTasks",
        "GetResults",
        "GetCancelled",
        "GetServerInfo",
        "StreamResults",
        "ListHandlers",
        "Wait",
        "ExplainTask",
    ),
    **_methods(
        _TASKS,
        Scope.RUN,
        "RegisterTask",
        "RegisterTasks",
        "ExecuteTask",
        "CancelTask",
        "CancelAll",
        "CancelAllAndWait",
        "Session",
    ),
    **_methods(_TASKS, Scope.ADMIN, "StartWorkers", "Shutdown"),
    **_methods("grpc.health.v1.Health", Scope.OPEN, "Check", "List", "Watch"),
    **_methods("grpc.reflection.v1.ServerReflection", Scope.READ, "ServerReflectionInfo"),
    **_methods("grpc.reflection.v1alpha.ServerReflection", Scope.READ, "ServerReflectionInfo"),
}
