"""The path jail: what opens, what is refused, and that a swap meanwhile does not lead out."""

import os
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from millhand.kit import Fatal
from millhand_server.handlers import files
from millhand_server.handlers.files import FilesRoot


@pytest.fixture
def jail(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "inside.txt").write_bytes(b"inside")
    (root / "sub" / "deep.txt").write_bytes(b"deep")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "file.txt").write_bytes(b"secret")
    return root


def _read(root: Path, path: str) -> bytes:
    with FilesRoot(root).open(path) as file:
        return file.read()


def _refusal(root: Path, path: str) -> Fatal:
    with pytest.raises(Fatal) as caught:
        _read(root, path)
    return caught.value


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("inside.txt", b"inside"),
        ("./inside.txt", b"inside"),
        ("sub/deep.txt", b"deep"),
        ("sub//./deep.txt", b"deep"),
    ],
)
def test_a_regular_file_below_the_root_opens(jail: Path, path: str, content: bytes) -> None:
    assert _read(jail, path) == content


def test_an_absolute_path_below_the_root_opens(jail: Path) -> None:
    assert _read(jail, str(jail / "sub" / "deep.txt")) == b"deep"


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "sub/../../secret.txt", "sub/../inside.txt", "..", "/etc/passwd", "", "in\0side.txt"],
)
def test_a_path_that_could_lead_out_is_refused(jail: Path, path: str) -> None:
    assert _refusal(jail, path).reason == "PATH_REFUSED"


def test_an_absolute_path_beside_the_root_is_refused(jail: Path) -> None:
    for path in (jail.parent / "secret.txt", jail.parent / "root-beside" / "file.txt"):
        assert _refusal(jail, str(path)).reason == "PATH_REFUSED"


@pytest.mark.parametrize("path", ["sub", ".", "/"])
def test_a_directory_is_refused(jail: Path, path: str) -> None:
    assert _refusal(jail, path).reason == "PATH_REFUSED"


@pytest.mark.parametrize("path", ["absent.txt", "absent/file.txt", "inside.txt/more"])
def test_a_file_that_is_not_there_is_not_found(jail: Path, path: str) -> None:
    assert _refusal(jail, path).reason == "FILE_NOT_FOUND"


def test_a_message_names_the_callers_path_and_not_the_root(jail: Path) -> None:
    for path in ("absent.txt", "sub", "../secret.txt"):
        message = _refusal(jail, path).message

        assert path in message
        assert str(jail) not in message


@pytest.mark.parametrize(
    ("link", "target", "content"),
    [("link.txt", "sub/deep.txt", b"deep"), ("sub/up.txt", "../inside.txt", b"inside"), ("dir", "sub", None)],
)
def test_a_symbolic_link_that_stays_inside_is_followed(
    jail: Path, link: str, target: str, content: bytes | None
) -> None:
    (jail / link).symlink_to(target)

    if content is None:
        assert _read(jail, f"{link}/deep.txt") == b"deep"
    else:
        assert _read(jail, link) == content


@pytest.mark.parametrize(
    "target",
    ["../secret.txt", "sub/../../secret.txt", "/etc/passwd", "loop.txt"],
    ids=["up", "down and up", "absolute", "to itself"],
)
def test_a_symbolic_link_that_leads_out_is_refused(jail: Path, target: str) -> None:
    (jail / "loop.txt").symlink_to(target)

    assert _refusal(jail, "loop.txt").reason == "PATH_REFUSED"


def test_a_linked_directory_that_leads_out_is_refused(jail: Path) -> None:
    (jail / "out").symlink_to("..")

    assert _refusal(jail, "out/secret.txt").reason == "PATH_REFUSED"


def test_a_fifo_is_refused_without_waiting_for_a_writer(jail: Path) -> None:
    os.mkfifo(jail / "pipe")

    assert _refusal(jail, "pipe").reason == "PATH_REFUSED"


def test_a_socket_is_refused(jail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The name of a socket is limited to about 100 bytes, so it is bound by its short relative name.
    monkeypatch.chdir(jail)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")

        assert _refusal(jail, "socket").reason == "PATH_REFUSED"


def test_a_path_may_not_be_endless(jail: Path) -> None:
    deep = jail.joinpath(*["d"] * 70)
    deep.mkdir(parents=True)
    (deep / "file.txt").touch()

    assert _refusal(jail, "d/" * 70 + "file.txt").reason == "PATH_REFUSED"
    assert _refusal(jail, "x" * 5000).reason == "PATH_REFUSED"
    assert _refusal(jail, "x" * 300).reason == "PATH_REFUSED"


def test_a_file_without_permission_is_not_readable() -> None:
    # Not below pytest's own folder, which nobody but its owner may enter.
    with tempfile.TemporaryDirectory() as folder:
        jail = Path(folder)
        jail.chmod(0o755)
        for name, mode in (("open.txt", 0o644), ("closed.txt", 0)):
            (jail / name).touch()
            (jail / name).chmod(mode)

        with _as_nobody():
            FilesRoot(jail).open("open.txt").close()
            assert _refusal(jail, "closed.txt").reason == "FILE_NOT_READABLE"


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Gives up what root may do, if that is who runs the tests: root may read every file."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("swapped", ["file", "directory"])
def test_swapping_a_path_for_a_link_outside_never_shows_what_is_outside(jail: Path, swapped: str) -> None:
    stop = threading.Event()
    outside = jail.parent / "outside"
    outside.mkdir()
    (outside / "file.txt").write_bytes(b"secret")
    (jail / "good").mkdir()
    (jail / "good" / "file.txt").write_bytes(b"inside")
    name, good, path = (
        ("now.txt", "good/file.txt", "now.txt") if swapped == "file" else ("now", "good", "now/file.txt")
    )
    evil = outside / "file.txt" if swapped == "file" else outside

    def swap() -> None:
        while not stop.is_set():
            os.rename(jail / good, jail / name)
            os.rename(jail / name, jail / good)
            os.symlink(evil, jail / name)
            os.unlink(jail / name)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        seen = _seen_until_both_were_met(jail, path)
    finally:
        stop.set()
        swapper.join()

    assert seen <= {"inside", "PATH_REFUSED", "FILE_NOT_FOUND"}


@pytest.mark.parametrize("intruder", ["link", "fifo", "directory"])
def test_what_took_a_files_place_after_it_was_looked_at_is_refused(jail: Path, intruder: str) -> None:
    if intruder == "link":
        (jail / "now").symlink_to("../secret.txt")
    elif intruder == "fifo":
        os.mkfifo(jail / "now")
    else:
        (jail / "now").mkdir()
    root = os.open(jail, os.O_RDONLY)

    try:
        with pytest.raises((Fatal, OSError)) as caught:
            files._open_regular("now", stat.S_IFREG, root, "now")
    finally:
        os.close(root)

    error = caught.value
    refused = files._translated(error, "now") if isinstance(error, OSError) else error
    assert isinstance(refused, Fatal)
    assert refused.reason == "PATH_REFUSED"


def test_a_link_that_took_a_directorys_place_is_not_entered(jail: Path) -> None:
    (jail / "now").symlink_to("..")
    directories = [os.open(jail, os.O_RDONLY)]

    try:
        with pytest.raises(NotADirectoryError):
            files._descend(directories, "now", "now/secret.txt")
    finally:
        for directory in directories:
            os.close(directory)


def test_opening_leaves_no_descriptor_behind(jail: Path) -> None:
    (jail / "link.txt").symlink_to("sub/deep.txt")
    (jail / "out.txt").symlink_to("../secret.txt")
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(5):
        _read(jail, "link.txt")
        _refusal(jail, "out.txt")
        _refusal(jail, "sub/absent.txt")
        _refusal(jail, "sub")

    assert len(os.listdir("/proc/self/fd")) == before


def test_without_a_root_nothing_opens() -> None:
    with pytest.raises(Fatal, match="Start the server with --files-root DIR") as caught:
        FilesRoot().open("inside.txt")

    assert caught.value.reason == "FILES_ROOT_NOT_SET"


def test_a_root_that_is_no_directory_is_refused_at_start(jail: Path) -> None:
    for path in (jail / "inside.txt", jail / "absent"):
        with pytest.raises(ValueError, match="is not a directory"):
            FilesRoot(path)


def test_a_root_may_itself_be_reached_through_a_link(jail: Path) -> None:
    link = jail.parent / "link"
    link.symlink_to(jail)

    assert _read(link, "inside.txt") == b"inside"
    assert _read(link, str(jail / "inside.txt")) == b"inside"


def test_the_shipped_handlers_read_below_the_configured_root(jail: Path) -> None:
    files.configure(jail)
    try:
        with files.configured_root.open("inside.txt") as file:
            assert file.read() == b"inside"
    finally:
        files.configure(None)

    with pytest.raises(Fatal):
        files.configured_root.open("inside.txt")


def _seen_until_both_were_met(root: Path, path: str) -> set[str]:
    """What opening `path` gave, over at least 1000 times and until file and link were both there."""
    seen: set[str] = set()
    deadline = time.monotonic() + 20
    rounds = 0
    while rounds < 1000 or not {"inside", "PATH_REFUSED"} <= seen:
        assert time.monotonic() < deadline, seen
        seen.add(_content_or_reason(root, path))
        rounds += 1
    return seen


def _content_or_reason(root: Path, path: str) -> str:
    try:
        return _read(root, path).decode()
    except Fatal as refused:
        return refused.reason
