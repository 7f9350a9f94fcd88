"""What may be the name of a database."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from millhand_server.store.sqlite.faults import CannotOpen


def usable(path: Path) -> Path:
    """Returns the real name of a database, which the files beside it go by.

    Raises:
        CannotOpen: there is something else there, or nothing can be.
    """
    real = Path(os.path.realpath(path))
    try:
        found = real.stat()
    except FileNotFoundError:
        if not real.parent.is_dir():
            raise CannotOpen(
                f"the directory {real.parent} does not exist; make it first, or name another file"
            ) from None
        return real
    except (OSError, ValueError) as error:
        # A ValueError: a name that no file can have.
        raise CannotOpen(f"{real} cannot be looked at: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISDIR(found.st_mode):
        raise CannotOpen(f"{real} is a directory; name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise CannotOpen(f"{real} is no regular file; name another one")
    if found.st_nlink > 1:
        raise CannotOpen(
            f"{real} has another name (a hard link), under which another server would not be noticed; "
            "remove one of the names"
        )
    return real
