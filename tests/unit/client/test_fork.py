from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from millhand import Client, ClientForked

client = Client("127.0.0.1:1", timeout=1)
child = os.fork()
if child == 0:
    try:
        {use}
    except ClientForked as error:
        client.close()
        print(error, flush=True)
        os._exit(0)
    os._exit(1)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize(
    "use",
    [
        pytest.param("client.info()", id="a call"),
        pytest.param("client.results()", id="a stream"),
        pytest.param("client.session().register('echo')", id="a session"),
    ],
)
def test_a_client_used_after_a_fork_says_so(use: str) -> None:
    # Python 3.12 and newer warn about a fork beside threads, which is the point here and no fault.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM.format(use=use)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stderr
    assert "made before os.fork()" in done.stdout
