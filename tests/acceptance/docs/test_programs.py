"""The programs on the pages beside the README do what the text around them says."""

from pathlib import Path

import grpc
import pytest
from tests.acceptance.conftest import Serve
from tests.architecture.docs import pages

from millhand import Client, InvalidPayload, PermissionDenied


def test_the_handler_of_the_page_about_handlers_can_be_served(serve: Serve, tmp_path: Path) -> None:
    program, _ = pages.blocks(pages.DOCS / "handlers.md", "python")
    (tmp_path / "doubling.py").write_text(program)

    server = serve("--handlers", "doubling:handlers", cwd=str(tmp_path))

    with Client(server.address) as client:
        assert client.execute("double", {"n": 21}) == {"n": 42}


def test_the_typed_handler_of_the_page_about_handlers_checks_what_it_is_sent(
    serve: Serve, tmp_path: Path
) -> None:
    _, program = pages.blocks(pages.DOCS / "handlers.md", "python")
    (tmp_path / "ordering.py").write_text(program)

    server = serve("--handlers", "ordering:handlers", cwd=str(tmp_path))

    with Client(server.address) as client:
        assert client.execute("total", {"items": [{"name": "nail", "count": 2}]}) == {"count": 2}
        with pytest.raises(InvalidPayload) as refusal:
            client.register("total", {"items": [{"name": "nail", "count": "2"}]})
        assert [violation.field for violation in refusal.value.violations] == [
            "task.payload.json.items[0].count"
        ]


def test_the_interceptor_of_the_page_about_operations_refuses(serve: Serve, tmp_path: Path) -> None:
    [program] = pages.blocks(pages.DOCS / "operations.md", "python")
    (tmp_path / "doorman.py").write_text(program)

    server = serve("--interceptor", "doorman:keep_out", cwd=str(tmp_path))

    with Client(server.address) as client:
        with pytest.raises(PermissionDenied) as refusal:
            client.shutdown()
        assert refusal.value.code is grpc.StatusCode.PERMISSION_DENIED
        assert client.execute("echo", 1) == 1
