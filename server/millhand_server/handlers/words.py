"""word_count: lines, words and characters of a text or a text file."""

import codecs
import heapq
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from millhand.kit import TaskContext, handler
from millhand_server.handlers.files import FilesRoot
from millhand_server.handlers.requests import invalid, read_fields, read_text

_CHUNK = 1024 * 1024
_MAX_WORD = 64 * 1024
_TOP = 10
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


def make_word_count(files: FilesRoot) -> Callable[..., dict[str, Any]]:
    """The `word_count` handler over the files below `files`."""

    @handler("word_count", example={"text": "the quick brown fox jumps over the lazy dog"})
    def word_count(request: dict[str, Any], task: TaskContext) -> dict[str, Any]:
        """Counts lines, words and characters of `text` or the UTF-8 file at `path`; lists the top words."""
        fields = read_fields(request, "text", "path")
        if ("text" in fields) == ("path" in fields):
            raise invalid("The request has either 'text' or 'path'.")
        tally = _Tally()
        for chunk in _chunks(fields, files):
            task.raise_if_cancelled()
            tally.add(chunk)
        return tally.result()

    return word_count


class _Tally:
    """Counts a text that comes in pieces. Holds the distinct words, not the text."""

    def __init__(self) -> None:
        self._newlines = 0
        self._characters = 0
        self._last = "\n"
        self._counts: Counter[str] = Counter()
        self._words = 0
        self._unfinished = ""

    def add(self, chunk: str) -> None:
        if not chunk:
            return
        self._newlines += chunk.count("\n")
        self._characters += len(chunk)
        self._last = chunk[-1]
        text = self._unfinished + chunk
        # The last word may go on in the next chunk; one without an end is cut, to bound memory.
        self._unfinished = "" if self._last.isspace() else text.rsplit(None, 1)[-1]
        if len(self._unfinished) > _MAX_WORD:
            self._unfinished = ""
        self._count_words(text[: len(text) - len(self._unfinished)])

    def result(self) -> dict[str, Any]:
        self._count_words(self._unfinished)
        self._unfinished = ""
        top = heapq.nsmallest(_TOP, self._counts.items(), key=lambda item: (-item[1], item[0]))
        return {
            "lines": self._newlines + (self._last != "\n"),
            "words": self._words,
            "characters": self._characters,
            "top": [[word, count] for word, count in top],
        }

    def _count_words(self, text: str) -> None:
        words = _WORD.findall(text)
        self._words += len(words)
        self._counts.update(word.casefold() for word in words)


def _chunks(fields: dict[str, Any], files: FilesRoot) -> Iterator[str]:
    if "text" in fields:
        text = read_text(fields, "text")
        for start in range(0, len(text), _CHUNK):
            yield text[start : start + _CHUNK]
        return
    path = read_text(fields, "path")
    decoder = codecs.getincrementaldecoder("utf-8")()
    with files.open(path) as file:
        try:
            while data := file.read(_CHUNK):
                yield decoder.decode(data)
            yield decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise invalid(f"{path!r} is not UTF-8 text.") from None
