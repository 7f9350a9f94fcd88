import pytest

from millhand_server.rpc.scopes import NAMES, SCOPES, Scope, scope_of


def test_a_method_that_nobody_thought_of_is_for_administrators() -> None:
    assert scope_of("/millhand.v1.AdminService/DropEverything") is Scope.ADMIN


def test_only_health_is_open() -> None:
    opened = {path.split("/")[1] for path, scope in SCOPES.items() if scope is Scope.OPEN}

    assert opened == {"grpc.health.v1.Health"}


@pytest.mark.parametrize("name", ["Shutdown", "StartWorkers"])
def test_what_changes_the_server_itself_needs_admin(name: str) -> None:
    assert scope_of(f"/millhand.v1.TaskService/{name}") is Scope.ADMIN


def test_no_token_can_be_given_the_scope_of_those_without_one() -> None:
    assert Scope.OPEN not in NAMES.values()
    assert list(NAMES) == ["read", "run", "admin"]
