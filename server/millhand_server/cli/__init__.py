"""The `millhand` command: `serve` starts a server, every other command is a client of one."""

from __future__ import annotations

import sys
from importlib.util import find_spec

#: What click gives a program that is used wrongly.
_WRONG_USAGE = 2


def main() -> None:
    """Runs the command that the program's arguments say, and ends the program."""
    if find_spec("click") is None:
        # What is installed without an extra is for programs: it has neither click nor a server.
        sys.stderr.write(
            "the command `millhand` needs an extra: pip install 'millhand[cli]' to call servers, "
            "'millhand[server,cli]' to serve\n"
        )
        raise SystemExit(_WRONG_USAGE)
    from millhand_server.cli.program import main as program

    program(prog_name="millhand")
