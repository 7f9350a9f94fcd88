import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from millhand_server.cli.printing import aligned, moment, print_fields, print_table, printable, span


def test_columns_are_as_wide_as_their_widest_cell_and_no_tab_is_used() -> None:
    lines = list(aligned([["ID", "HANDLER", "N"], ["a", "word_count", ""], ["long-id", "x", "3"]]))

    assert lines == [
        "ID       HANDLER     N",
        "a        word_count",
        "long-id  x           3",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain é", "plain é"), ("a\nb", "a\\nb"), ("\x1b[2J", "\\x1b[2J"), ("a\u202eb", "a\\u202eb")],
    ids=["plain", "newline", "escape", "direction"],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_piped_table_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("ID", "NOTE"), [("a", "[bold]x[/bold]")])

    assert capsys.readouterr().out == "ID  NOTE\na   [bold]x[/bold]\n"


def test_fields_without_a_value_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("id", "a"), ("worker", "")])

    assert capsys.readouterr().out == "id:  a\n"


def test_a_moment_that_is_not_set_is_empty() -> None:
    assert moment(Timestamp()) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "250ms"),
        (12.4, "12s"),
        (60, "1m"),
        (90, "1m30s"),
        (3600, "1h"),
        (5400, "1h30m"),
        (90061, "25h1m"),
    ],
)
def test_a_duration_is_written_as_options_take_it(seconds: float, text: str) -> None:
    assert span(seconds) == text
