"""thumbnail: scales an image down. Needs Pillow (the extra `examples`)."""

import base64
import io
import struct
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageOps

from millhand.kit import Blob, Fatal, TaskContext, handler
from millhand_server.handlers.files import FilesRoot
from millhand_server.handlers.requests import invalid, read_fields, read_integer, read_text

_DEFAULT_SIDE = 128
_MAX_SIDE = 2048
_MAX_FILE_BYTES = 64 * 1024 * 1024
# Checked against the header, before any pixel is decoded: a small file can claim a huge image.
_MAX_PIXELS = 50_000_000
# Formats that Pillow decodes by itself; some of the others start external programs.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")

_EXAMPLE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAFElEQVR42mM8oaHBAANMDEgANwcAOFQBIPQ7nVAAAAAASUVORK5CYII="
)


def make_thumbnail(files: FilesRoot) -> Callable[..., Blob]:
    """The `thumbnail` handler over blobs and over the files below `files`."""

    @handler("thumbnail", example=Blob(_EXAMPLE, "image/png"))
    def thumbnail(request: Blob | dict[str, Any], task: TaskContext) -> Blob:
        """Scales an image down to `width` by `height` (labels for a blob, fields with a `path`), as PNG."""
        if isinstance(request, Blob):
            data, size = request.data, (_label(task, "width"), _label(task, "height"))
        else:
            fields = read_fields(request, "path", "width", "height")
            size = (_side(fields, "width"), _side(fields, "height"))
            data = _read(files, read_text(fields, "path"))
        task.raise_if_cancelled()
        return Blob(_scale(data, size), "image/png")

    return thumbnail


def _label(task: TaskContext, name: str) -> int:
    text = task.labels.get(name)
    if text is None:
        return _DEFAULT_SIDE
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise invalid(f"The label {name!r} is an integer from 1 to {_MAX_SIDE}.")
    return _side({name: int(text)}, name)


def _side(fields: dict[str, Any], name: str) -> int:
    return read_integer(fields, name, low=1, high=_MAX_SIDE, default=_DEFAULT_SIDE)


def _read(files: FilesRoot, path: str) -> bytes:
    with files.open(path) as file:
        data = file.read(_MAX_FILE_BYTES + 1)
    if len(data) > _MAX_FILE_BYTES:
        raise Fatal("IMAGE_TOO_LARGE", f"{path!r} is larger than {_MAX_FILE_BYTES} bytes.")
    return data


def _scale(data: bytes, size: tuple[int, int]) -> bytes:
    try:
        return _scaled_png(data, size)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error):
        # What Pillow's decoders raise for broken bytes; nothing here does any other input or output.
        raise Fatal(
            "NOT_AN_IMAGE", f"Not an image, or a broken one; known are {', '.join(_FORMATS)}."
        ) from None


def _scaled_png(data: bytes, size: tuple[int, int]) -> bytes:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        if opened.width * opened.height > _MAX_PIXELS:
            raise _too_many_pixels()
        # Lets the JPEG decoder skip detail; square, since the picture may be turned by its EXIF data.
        opened.draft(None, (max(size), max(size)))
        image = ImageOps.exif_transpose(opened)
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail(size)
    png = io.BytesIO()
    image.save(png, "PNG", exif=b"")
    return png.getvalue()


def _too_many_pixels() -> Fatal:
    return Fatal("IMAGE_TOO_LARGE", f"The image has more than {_MAX_PIXELS} pixels.")
