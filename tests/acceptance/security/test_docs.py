"""The commands and the example file of the page about security do what it says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.acceptance.conftest import PATIENCE_S, Serve, run_millhand
from tests.acceptance.docs.commands import commands, link_grpcurl
from tests.architecture.docs import pages

from millhand_server.rpc import tokens
from millhand_server.rpc.scopes import Scope

_PAGE = pages.DOCS / "security.md"
_MAKING, _USING = (commands(block) for block in pages.blocks(_PAGE, "sh"))


def test_two_minutes_lead_to_a_server_with_tls_and_a_token(serve: Serve, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    link_grpcurl(tmp_path)
    certificate, make_token = _MAKING
    serving, executing, calling = _USING

    _run(certificate, tmp_path)
    _run(make_token, tmp_path)
    # On loopback, where no test is a danger to anybody, and on a free port.
    arguments = serving.replace("--host 0.0.0.0", "--host 127.0.0.1").split()[2:]
    address = serve(*arguments, cwd=str(tmp_path)).address.replace("127.0.0.1", "localhost")

    def here(command: str) -> str:
        return command.replace("localhost:50051", address)

    assert _run(here(executing), tmp_path).strip() == "1"
    assert '"node_id"' in _run(here(calling), tmp_path)
    # What `handlers` prints of such a server can be pasted, too.
    about = _run(here(executing).replace("exec echo 1", "handlers echo"), tmp_path)
    [example] = [line.partition(":")[2] for line in about.splitlines() if line.startswith("example:")]
    assert "COMPLETED" in _run(example, tmp_path)


def test_the_file_in_the_page_is_one() -> None:
    [block] = pages.blocks(_PAGE, "text")

    good = tokens.parse(block.encode())

    assert len(good) == 2
    assert good.find("test") == tokens.Token("ci", Scope.RUN, tokens.digest_of("test"))


def test_a_denied_call_says_what_is_missing(serve: Serve, tmp_path: Path) -> None:
    secret = tokens.new_secret()
    (tmp_path / "tokens").write_text(tokens.line_of("board", [Scope.READ], secret))
    server = serve("--tokens", "tokens", cwd=str(tmp_path))

    nobody = run_millhand("info", address=server.address)
    reader = run_millhand("info", "--token", secret, address=server.address)
    denied = run_millhand("exec", "echo", "1", "--token", secret, address=server.address)

    assert (nobody.returncode, reader.returncode, denied.returncode) == (1, 0, 1)
    assert "UNAUTHENTICATED: the call has no token" in nobody.stderr
    assert "give --token-file or --token, or set MILLHAND_TOKEN" in nobody.stderr
    assert (
        "PERMISSION_DENIED: this call needs the scope run, and the token of board has only read"
        in denied.stderr
    )
    assert "ask for a token with that scope" in denied.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--tokens", "tokens"), "tokens: line 2: it is not name:scopes:sha256"),
        (("--tokens", "none"), "none cannot be read: No such file or directory"),
        (("--tls-cert", "tokens", "--tls-key", "tokens"), "are no certificate and key in PEM"),
        (
            ("--host", "0.0.0.0", "--tokens", "tokens", "--insecure"),
            "without TLS the tokens would travel there in the clear",
        ),
    ],
    ids=["line", "missing", "certificate", "in the clear"],
)
@pytest.mark.parametrize("check", [True, False], ids=["check", "start"])
def test_files_that_are_not_good_stop_the_start(
    serve: Serve, tmp_path: Path, arguments: tuple[str, ...], sentence: str, check: bool
) -> None:
    (tmp_path / "tokens").write_text("# mine\nhunter2\n")

    server = serve(*arguments, *(["--check"] if check else []), cwd=str(tmp_path))

    assert server.ended() == 1
    said = server.stderr.rest()
    assert sentence in said
    assert "hunter2" not in said
    assert "Traceback" not in said


def _run(command: str, folder: Path) -> str:
    path = f"{folder}:{Path(sys.executable).parent}:/usr/bin:/bin"
    ended = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=folder,
        env={**os.environ, "PATH": path},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
