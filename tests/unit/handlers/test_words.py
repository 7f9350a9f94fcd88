"""word_count: what a line, a word and a character is, and that chunks do not show."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millhand.kit import Cancelled, Fatal, StopReason, TaskContext
from millhand_server.handlers.files import FilesRoot
from millhand_server.handlers.words import make_word_count

MIB = 1024 * 1024


@pytest.fixture
def word_count(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    return make_word_count(FilesRoot(tmp_path))


@pytest.mark.parametrize(
    ("text", "lines", "words", "characters"),
    [
        ("", 0, 0, 0),
        ("one", 1, 1, 3),
        ("one\n", 1, 1, 4),
        ("one\n\ntwo", 3, 2, 8),
        ("it's a dog-like Ä\n", 1, 5, 18),
        (" \n ", 2, 0, 3),
    ],
    ids=repr,
)
def test_lines_words_and_characters_are_counted(
    word_count: Callable[..., dict[str, Any]],
    context: TaskContext,
    text: str,
    lines: int,
    words: int,
    characters: int,
) -> None:
    result = word_count({"text": text}, context)

    assert (result["lines"], result["words"], result["characters"]) == (lines, words, characters)


def test_the_top_words_ignore_case_and_are_in_a_fixed_order(
    word_count: Callable[..., dict[str, Any]], context: TaskContext
) -> None:
    result = word_count({"text": "b A a c C c. " + " ".join("defghijklm")}, context)

    assert result["top"][:4] == [["c", 3], ["a", 2], ["b", 1], ["d", 1]]
    assert len(result["top"]) == 10


def test_a_file_counts_like_its_text_also_across_chunks(
    word_count: Callable[..., dict[str, Any]], context: TaskContext, tmp_path: Path
) -> None:
    text = "x" * (MIB - 3) + " müller'sche straße\nlast word"
    (tmp_path / "file.txt").write_text(text, encoding="utf-8")

    from_file = word_count({"path": "file.txt"}, context)

    assert from_file == word_count({"text": text}, context)
    assert (from_file["words"], from_file["lines"]) == (5, 2)
    assert ["müller'sche", 1] in from_file["top"]


def test_a_word_without_an_end_does_not_grow_in_memory(
    word_count: Callable[..., dict[str, Any]], context: TaskContext
) -> None:
    result = word_count({"text": "x" * (3 * MIB)}, context)

    assert result["words"] == 3
    assert max(len(word) for word, _ in result["top"]) == MIB


def test_a_cancelled_count_stops(
    word_count: Callable[..., dict[str, Any]], context: TaskContext, tmp_path: Path
) -> None:
    (tmp_path / "file.txt").write_text("text")
    context.signal(StopReason.CANCEL)

    with pytest.raises(Cancelled):
        word_count({"path": "file.txt"}, context)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"cut \xc3"], ids=["not UTF-8", "cut in a character"])
def test_a_file_that_is_no_text_is_an_invalid_request(
    word_count: Callable[..., dict[str, Any]], context: TaskContext, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "file.bin").write_bytes(data)

    with pytest.raises(Fatal, match="is not UTF-8 text"):
        word_count({"path": "file.bin"}, context)


@pytest.mark.parametrize(
    "request_",
    [None, {}, {"text": "a", "path": "b"}, {"text": 5}, {"path": None}, {"words": "a"}, "text"],
    ids=str,
)
def test_a_bad_request_is_fatal(
    word_count: Callable[..., dict[str, Any]], context: TaskContext, request_: object
) -> None:
    with pytest.raises(Fatal) as caught:
        word_count(request_, context)

    assert caught.value.reason == "INVALID_REQUEST"
