import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from millhand_server.cli.program import main
from millhand_server.rpc import tokens
from millhand_server.rpc.scopes import Scope


def _made(*arguments: str) -> str:
    ended = CliRunner().invoke(main, ["token", *arguments])
    assert ended.exit_code == 0, ended.stderr
    return ended.stdout


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_token_and_its_line_go_into_files_that_are_their_owners_alone(tmp_path: Path) -> None:
    own, servers = tmp_path / "ci.token", tmp_path / "tokens"

    printed = _made("ci", "--scopes", "run", "--token-file", str(own), "--tokens", str(servers))

    secret = own.read_text().strip()
    assert tokens.parse(servers.read_bytes()).find(secret) == tokens.Token(
        "ci", Scope.RUN, tokens.digest_of(secret)
    )
    assert (_mode(own), _mode(servers)) == (0o600, 0o600)
    assert secret not in printed
    assert printed.split() == ["token:", "in", str(own), "line:", "in", str(servers)]


@pytest.mark.parametrize("ended", ["", "\n"], ids=["without an end", "with one"])
def test_a_line_is_added_below_those_that_are_there(tmp_path: Path, ended: str) -> None:
    servers = tmp_path / "tokens"
    first = json.loads(_made("ci", "--scopes", "run", "-o", "json"))
    servers.write_text(first["line"] + ended)
    servers.chmod(0o640)

    second = json.loads(_made("board", "--scopes", "read", "--tokens", str(servers), "-o", "json"))

    good = tokens.parse(servers.read_bytes())
    assert len(good) == 2
    assert good.find(first["token"])
    assert good.find(second["token"])
    assert _mode(servers) == 0o640


def test_a_token_is_not_written_over_another(tmp_path: Path) -> None:
    own, servers = tmp_path / "ci.token", tmp_path / "tokens"
    own.write_text("precious")
    servers.write_text("# mine\n")

    ended = CliRunner().invoke(
        main, ["token", "ci", "--scopes", "run", "--token-file", str(own), "--tokens", str(servers)]
    )

    assert ended.exit_code == 2
    assert "is there already" in ended.stderr
    assert (own.read_text(), servers.read_text()) == ("precious", "# mine\n")


def test_a_file_that_cannot_be_written_is_named_and_no_token_left_behind(tmp_path: Path) -> None:
    own = tmp_path / "ci.token"
    arguments = ["--token-file", str(own), "--tokens", str(tmp_path / "none" / "tokens")]

    ended = CliRunner().invoke(main, ["token", "ci", "--scopes", "run", *arguments])

    assert ended.exit_code == 2
    assert "tokens cannot be written: No such file or directory" in " ".join(ended.stderr.split())
    assert not own.exists()
