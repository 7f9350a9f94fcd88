"""The path jail: opens regular files below one directory, for handlers that are given paths by callers.

Every part of a path is opened relative to the directory before it, which is held open, and never through
a symbolic link; links are read and walked here. So a directory or a link that is swapped meanwhile cannot
lead out.
"""

import errno
import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from millhand.kit import Fatal

_MAX_PATH_BYTES = 4096
_MAX_DEPTH = 64
_MAX_LINKS = 8


class FilesRoot:
    """The directory below which files may be read; none until `configure` names one.

    Configure it before handlers run; `open` may then be called from any thread.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._root: Path | None = None
        self.configure(path)

    def configure(self, path: str | Path | None) -> None:
        """Allows the files below the directory `path`, or none at all.

        Raises:
            ValueError: `path` is not a directory, or this platform cannot keep callers inside it.
        """
        if path is None:
            self._root = None
            return
        if os.open not in os.supports_dir_fd:
            raise ValueError("A files root needs a platform that opens files relative to a directory.")
        root = Path(path).resolve()
        if not root.is_dir():
            raise ValueError(f"The files root {str(path)!r} is not a directory.")
        self._root = root

    def open(self, path: str) -> BinaryIO:
        """Opens the regular file at `path`, relative to the root or absolute below it.

        Raises:
            Fatal: FILES_ROOT_NOT_SET, PATH_REFUSED (it leads outside, or is no regular file),
                FILE_NOT_FOUND or FILE_NOT_READABLE.
            OSError: the disk failed, or the process is out of files: worth another attempt.
        """
        if self._root is None:
            raise Fatal("FILES_ROOT_NOT_SET", "Start the server with --files-root DIR.")
        names = _names_below(self._root, path)
        directories = [os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
        try:
            return os.fdopen(_walk(directories, names, path), "rb")
        except OSError as error:
            raise _translated(error, path) from None
        finally:
            for directory in directories:
                os.close(directory)


configured_root = FilesRoot()
"""The root of the handlers in `millhand_server.handlers:handlers`."""


def configure(path: str | Path | None) -> None:
    """Points the shipped handlers at a directory; the server calls it once, before any handler runs."""
    configured_root.configure(path)


def _names_below(root: Path, path: str) -> list[str]:
    if not path or "\0" in path or len(path.encode("utf-8", "replace")) > _MAX_PATH_BYTES:
        raise Fatal("PATH_REFUSED", f"A path is 1 to {_MAX_PATH_BYTES} bytes without NUL.")
    pure = PurePosixPath(path)
    if pure.is_absolute():
        if not pure.is_relative_to(root):
            raise _refused(path, "is outside the files root")
        pure = pure.relative_to(root)
    if ".." in pure.parts:
        raise _refused(path, "contains '..'")
    return list(pure.parts)


def _walk(directories: list[int], names: list[str], path: str) -> int:
    """Descends from the last of `directories`, appending what it opens, and returns the file's descriptor."""
    pending = names[::-1]
    links = 0
    while pending:
        name = pending.pop()
        if name == "..":
            _ascend(directories, path)
            continue
        mode = os.stat(name, dir_fd=directories[-1], follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            links += 1
            pending.extend(reversed(_target(name, directories[-1], links, path)))
        elif stat.S_ISDIR(mode):
            _descend(directories, name, path)
        elif pending:
            raise NotADirectoryError(errno.ENOTDIR, "not a directory")
        else:
            return _open_regular(name, mode, directories[-1], path)
    raise _refused(path, "is a directory")


def _descend(directories: list[int], name: str, path: str) -> None:
    if len(directories) > _MAX_DEPTH:
        raise _refused(path, f"is more than {_MAX_DEPTH} directories deep")
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    directories.append(os.open(name, flags, dir_fd=directories[-1]))


def _ascend(directories: list[int], path: str) -> None:
    if len(directories) == 1:
        raise _refused(path, "leads out of the files root by a symbolic link")
    os.close(directories.pop())


def _target(name: str, directory: int, links: int, path: str) -> list[str]:
    if links > _MAX_LINKS:
        raise _refused(path, f"goes through more than {_MAX_LINKS} symbolic links")
    target = PurePosixPath(os.readlink(name, dir_fd=directory))
    if target.is_absolute():
        raise _refused(path, "goes through an absolute symbolic link")
    return list(target.parts)


def _open_regular(name: str, mode: int, directory: int, path: str) -> int:
    # Looked at before it is opened: opening a device can already do something.
    if not stat.S_ISREG(mode):
        raise _refused(path, "is not a regular file")
    # Not blocking, in case a FIFO took the file's place; and looked at again, in case anything did.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(name, flags, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise _refused(path, "is not a regular file")
    return file


def _translated(error: OSError, path: str) -> Exception:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Fatal("FILE_NOT_FOUND", f"{path!r} does not exist below the files root.")
    if isinstance(error, PermissionError):
        return Fatal("FILE_NOT_READABLE", f"The server may not read {path!r}.")
    if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG):
        return _refused(path, "cannot be opened safely")
    return error


def _refused(path: str, why: str) -> Fatal:
    return Fatal("PATH_REFUSED", f"{path!r} {why}.")
