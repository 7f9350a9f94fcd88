"""The page about troubleshooting misses no reason that the engine gives, and no fault of a connection."""

import inspect

import pytest
from tests.architecture.docs import pages

from millhand import Unavailable
from millhand_server.cli.failures import sentence
from millhand_server.config.client import ClientOptions
from millhand_server.engine import explaining
from millhand_server.engine.answers import BlockReason

PAGE = pages.DOCS / "troubleshooting.md"


def test_every_reason_that_explain_gives_is_explained() -> None:
    listed = {row[0] for row in pages.rows(pages.section(PAGE, "Why is my task not running?"))}
    source = inspect.getsource(explaining)

    assert listed == {reason.name for reason in BlockReason if f"BlockReason.{reason.name}" in source}


@pytest.mark.parametrize(
    ("said", "tls_ca"),
    [
        ("Connection refused", None),
        ("Socket closed", None),
        ("Socket closed", "ca.pem"),
        ("WRONG_VERSION_NUMBER", "ca.pem"),
        ("CERTIFICATE_VERIFY_FAILED", "ca.pem"),
        ("Hostname Verification Check failed", "ca.pem"),
        ("Domain name not found", None),
    ],
)
def test_what_the_command_line_says_of_a_connection_is_explained(said: str, tls_ca: str | None) -> None:
    told = sentence(Unavailable(said, reason=""), ClientOptions("127.0.0.1:50051", tls_ca=tls_ca))
    shown = [row[0] for row in pages.rows(pages.section(PAGE, "No server answers"))]

    assert [text for text in shown if all(part in told for part in text.split("..."))] != []
