"""thumbnail: sizes, formats, and images that are not what they say."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millhand.kit import Blob, Fatal, TaskContext, handler_of
from millhand_server.handlers.files import FilesRoot

Image = pytest.importorskip("PIL.Image", reason="needs the extra `examples`")


@pytest.fixture
def thumbnail(tmp_path: Path) -> Callable[..., Blob]:
    from millhand_server.handlers.thumbnail import make_thumbnail

    return make_thumbnail(FilesRoot(tmp_path))


def _image(size: tuple[int, int], mode: str = "RGB", kind: str = "PNG", **options: Any) -> bytes:
    data = io.BytesIO()
    Image.new(mode, size).save(data, kind, **options)
    return data.getvalue()


def _opened(result: Blob) -> Any:
    assert result.content_type == "image/png"
    image = Image.open(io.BytesIO(result.data), formats=("PNG",))
    image.load()
    return image


def test_a_blob_is_scaled_to_128_keeping_its_shape(
    thumbnail: Callable[..., Blob], context: TaskContext
) -> None:
    result = thumbnail(Blob(_image((400, 200))), context)

    assert _opened(result).size == (128, 64)


def test_labels_say_the_size_of_a_blobs_thumbnail(
    thumbnail: Callable[..., Blob], make_context: Callable[..., TaskContext]
) -> None:
    context = make_context(labels={"width": "50", "height": "10"})

    assert _opened(thumbnail(Blob(_image((400, 200))), context)).size == (20, 10)


def test_a_file_is_scaled_to_the_size_in_its_request(
    thumbnail: Callable[..., Blob], context: TaskContext, tmp_path: Path
) -> None:
    (tmp_path / "image.png").write_bytes(_image((100, 100)))

    result = thumbnail({"path": "image.png", "width": 30, "height": 20}, context)

    assert _opened(result).size == (20, 20)


def test_a_small_image_is_not_enlarged(thumbnail: Callable[..., Blob], context: TaskContext) -> None:
    assert _opened(thumbnail(Blob(_image((10, 5))), context)).size == (10, 5)


def test_a_turned_photo_is_turned_back(thumbnail: Callable[..., Blob], context: TaskContext) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    photo = _image((400, 200), kind="JPEG", exif=exif)

    result = _opened(thumbnail(Blob(photo, "image/jpeg"), context))

    assert result.size == (64, 128)
    assert 0x0112 not in result.getexif()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "GIF"),
        ("I;16", "PNG"),
        ("CMYK", "JPEG"),
        ("RGBA", "WEBP"),
        ("RGB", "BMP"),
    ],
)
def test_every_mode_becomes_a_png(
    thumbnail: Callable[..., Blob], context: TaskContext, mode: str, kind: str
) -> None:
    result = _opened(thumbnail(Blob(_image((300, 300), mode, kind)), context))

    assert result.size == (128, 128)
    assert result.mode in ("L", "RGB", "RGBA")


@pytest.mark.parametrize(
    "size", [(8000, 8000), (12000, 10000), (65000, 65000)], ids=["our cap", "Pillow warns", "Pillow refuses"]
)
def test_an_image_that_claims_too_many_pixels_is_refused_unread(
    thumbnail: Callable[..., Blob], context: TaskContext, size: tuple[int, int]
) -> None:
    with pytest.raises(Fatal) as caught:
        thumbnail(Blob(_png_that_claims(*size)), context)

    assert caught.value.reason == "IMAGE_TOO_LARGE"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain text",
        _image((50, 50))[:60],
        _image((50, 50), kind="TIFF"),
    ],
    ids=["empty", "text", "cut off", "a format not listed"],
)
def test_bytes_that_are_no_image_are_refused(
    thumbnail: Callable[..., Blob], context: TaskContext, data: bytes
) -> None:
    with pytest.raises(Fatal) as caught:
        thumbnail(Blob(data), context)

    assert caught.value.reason == "NOT_AN_IMAGE"


def test_a_file_too_large_to_be_an_image_is_refused(
    thumbnail: Callable[..., Blob], context: TaskContext, tmp_path: Path
) -> None:
    with (tmp_path / "sparse.png").open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)

    with pytest.raises(Fatal) as caught:
        thumbnail({"path": "sparse.png"}, context)

    assert caught.value.reason == "IMAGE_TOO_LARGE"


@pytest.mark.parametrize("label", ["0", "-1", "x", "2049", "1.5", "", "9" * 5000], ids=lambda text: text[:5])
def test_a_bad_size_label_is_refused(
    thumbnail: Callable[..., Blob], make_context: Callable[..., TaskContext], label: str
) -> None:
    with pytest.raises(Fatal, match="width"):
        thumbnail(Blob(_image((5, 5))), make_context(labels={"width": label}))


@pytest.mark.parametrize(
    "request_",
    [None, {}, {"path": "image.png", "width": 0}, {"path": "image.png", "height": "9"}, {"size": 1}, "path"],
    ids=str,
)
def test_a_bad_request_is_fatal(
    thumbnail: Callable[..., Blob], context: TaskContext, request_: object
) -> None:
    with pytest.raises(Fatal) as caught:
        thumbnail(request_, context)

    assert caught.value.reason == "INVALID_REQUEST"


def test_the_example_in_the_catalogue_works(thumbnail: Callable[..., Blob], context: TaskContext) -> None:
    example = handler_of(thumbnail).example

    assert _opened(thumbnail(example, context)).size == (4, 4)


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
