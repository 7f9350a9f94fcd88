"""The handlers we ship: examples to try, to test with, and to learn from.

They import the kit (and Pillow, for one of them) and never the engine. `faults.py` is loaded only by name.
"""

from importlib.util import find_spec

from millhand.kit import Handlers
from millhand_server.handlers.basic import echo, fail, sleep
from millhand_server.handlers.checksum import make_checksum
from millhand_server.handlers.files import FilesRoot, configured_root
from millhand_server.handlers.words import make_word_count

__all__ = ["handlers", "make_handlers"]


def make_handlers(files: FilesRoot) -> Handlers:
    """The shipped handlers, reading files below `files`; with `thumbnail` where Pillow is installed."""
    shipped = Handlers(echo, sleep, fail, make_word_count(files), make_checksum(files))
    if find_spec("PIL") is not None:
        from millhand_server.handlers.thumbnail import make_thumbnail

        shipped.add(make_thumbnail(files))
    return shipped


handlers = make_handlers(configured_root)
"""What `serve` offers by default; the server points its files root with `files.configure` when it starts."""
