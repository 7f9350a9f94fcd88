from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millhand_server.core.cursor import OLDEST, Cursor, parse
from millhand_server.core.errors import CursorInvalid

EPOCHS = st.text("0123456789abcdef", min_size=16, max_size=16)


@given(epoch=EPOCHS, position=st.integers(0, 10**18))
def test_a_cursor_reads_back_as_it_was_written(epoch: str, position: int) -> None:
    cursor = Cursor(epoch, position)

    assert parse(str(cursor)) == cursor


def test_zero_stands_for_the_oldest_result() -> None:
    assert parse(OLDEST) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "00",
        "-5",
        "0123456789abcdef",
        "0123456789abcdef-",
        "0123456789abcdef-01",
        "0123456789abcdef--1",
        "0123456789abcdef-1\n",
        "0123456789ABCDEF-1",
        "0123456789abcde-1",
        "0123456789abcdef-99999999999999999999",
        "0123456789abcdef-\u0661",
        " 0123456789abcdef-1",
    ],
)
def test_anything_else_is_invalid_and_names_its_field(text: str) -> None:
    with pytest.raises(CursorInvalid) as raised:
        parse(text)

    assert [violation.field for violation in raised.value.violations] == ["after"]


@given(text=st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        cursor = parse(text)
    except CursorInvalid:
        return
    assert text == (OLDEST if cursor is None else str(cursor))
