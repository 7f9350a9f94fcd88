"""The kit stays light: it can be imported where neither grpc nor an event loop is wanted."""

import subprocess
import sys


def test_importing_the_kit_loads_neither_grpc_nor_protobuf_nor_asyncio() -> None:
    probe = (
        "import sys, millhand.kit;"
        "heavy = ('grpc', 'google', 'msgspec', 'asyncio', 'millhand.v1', 'millhand_server');"
        "print([name for name in heavy if name in sys.modules])"
    )

    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=30, check=True
    )

    assert run.stdout.strip() == "[]"
