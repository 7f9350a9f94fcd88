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

ASYNC_PROGRAM = """
import asyncio, os, sys
from millhand import AsyncClient, ClientForked, MillhandError

client = AsyncClient("127.0.0.1:1", timeout=1)

async def begin():
    try:
        await client.info()
    except MillhandError:
        pass

async def use():
    try:
        {use}
    except ClientForked as error:
        await client.close()
        print(error, flush=True)
        os._exit(0)
    os._exit(1)

with asyncio.Runner() as runner:
    runner.run(begin())
    child = os.fork()
    if child == 0:
        asyncio.run(use())
    _, status = os.waitpid(child, 0)
    runner.run(client.close())
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize(
    ("program", "use"),
    [
        pytest.param(PROGRAM, "client.info()", id="a call"),
        pytest.param(PROGRAM, "client.results()", id="a stream"),
        pytest.param(PROGRAM, "client.session().register('echo')", id="a session"),
        pytest.param(ASYNC_PROGRAM, "await client.info()", id="an awaited call"),
        pytest.param(ASYNC_PROGRAM, "await client.results().begin()", id="an awaited stream"),
        pytest.param(ASYNC_PROGRAM, "await client.session().register('echo')", id="an awaited session"),
    ],
)
def test_a_client_used_after_a_fork_says_so(program: str, use: str) -> None:
    # Python 3.12 and newer warn about a fork beside threads, which is the point here and no fault.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program.format(use=use)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stderr
    assert "made before os.fork()" in done.stdout
