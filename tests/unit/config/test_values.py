from collections.abc import Callable

import pytest

from millhand_server.config import values


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("0", 0),
        (0, 0),
        ("0s", 0),
        ("1us", 1),
        ("500ms", 500_000),
        ("30s", 30_000_000),
        ("1.5s", 1_500_000),
        ("5m", 300_000_000),
        ("1h30m", 5_400_000_000),
        ("7d", 604_800_000_000),
    ],
    ids=str,
)
def test_a_duration_is_read_as_microseconds(text: object, microseconds: int) -> None:
    assert values.duration_us(text) == microseconds


@pytest.mark.parametrize(
    "text", ["", "30", 30, 1.5, True, "-5s", "5 m", "5x", "s", "1e3s", "nan", None, "9999999999d"]
)
def test_what_is_no_duration_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match=r"must be (a duration such as 500ms|at most 10,000 years)"):
        values.duration_us(text)


@pytest.mark.parametrize(
    ("parse", "value", "expected"),
    [
        (values.integer(0, 9), "7", 7),
        (values.integer(0, 9), 7, 7),
        (values.rate, "0.5", 0.5),
        (values.rate, 2, 2.0),
        (values.switch, "yes", True),
        (values.switch, False, False),
        (values.choice("text", "json"), "JSON", "json"),
        (values.reference, "app.tasks:handlers", "app.tasks:handlers"),
        (values.text, " name ", "name"),
    ],
)
def test_a_value_is_read_from_text_or_from_toml(
    parse: Callable[[object], object], value: object, expected: object
) -> None:
    assert parse(value) == expected


@pytest.mark.parametrize(
    ("parse", "value", "sentence"),
    [
        (values.integer(0, 9), "10", "whole number from 0 to 9, not '10'"),
        (values.integer(0, 9), "x", "whole number from 0 to 9, not 'x'"),
        (values.integer(0, 9), True, "whole number from 0 to 9, not True"),
        (values.integer(0, 9), 1.0, "whole number from 0 to 9, not 1.0"),
        (values.rate, "nan", "number that is not negative, not 'nan'"),
        (values.rate, -1, "number that is not negative, not -1"),
        (values.rate, True, "number that is not negative, not True"),
        (values.rate, [], r"number that is not negative, not \[\]"),
        (values.switch, "perhaps", "true or false, not 'perhaps'"),
        (values.choice("text", "json"), "xml", "one of text, json, not 'xml'"),
        (values.reference, "app.tasks", "MODULE:ATTR, such as myapp.tasks:handlers, not 'app.tasks'"),
        (values.text, "", "printable text that is not empty"),
        (values.text, "a\nb", "printable text that is not empty"),
        (values.text, "x" * 257, "at most 256 bytes"),
        (values.path, "", "path, not"),
    ],
)
def test_a_bad_value_is_refused_in_half_a_sentence(
    parse: Callable[[object], object], value: object, sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^must be (a )?{sentence}"):
        parse(value)
