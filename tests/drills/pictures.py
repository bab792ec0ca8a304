"""One picture in many files: each with the pixels that a right decoder makes of it."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from made_files import encoded, saved
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]  # [H, W, 3]
# The file, and its pixels; none where it must be refused. A right decoder may refuse the others too.
Picture = Callable[[Pixels], tuple[bytes, Pixels | None]]


def png(pixels: Pixels) -> bytes:
    return encoded(pixels.transpose(2, 0, 1))


def chunks(width: int, height: int, bits: int, colour: int, data: bytes, *others: tuple[bytes, bytes]) -> bytes:
    """A PNG from its parts, with the right checksums."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *others, (b"IDAT", data), (b"IEND", b"")]
    written = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def _raw(pixels: Pixels, deep: bool = False) -> bytes:
    """What a PNG compresses: lines, each after a filter byte; of 16 bits, the lower ones 255."""
    values = pixels if not deep else np.stack([pixels, np.full_like(pixels, 255)], -1)
    return zlib.compress(b"".join(b"\0" + line.tobytes() for line in values))


def _grey(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[:, :, :1], 3, axis=2)


def _few_colours(pixels: Pixels) -> Pixels:
    return pixels // 64 * 64


def _palette(pixels: Pixels) -> Image.Image:
    colours, places = np.unique(_few_colours(pixels).reshape(-1, 3), axis=0, return_inverse=True)
    image = Image.fromarray(places.reshape(pixels.shape[:2]).astype(np.uint8), "P")
    image.putpalette(colours.astype(np.uint8).tobytes())
    return image


def _turned(pixels: Pixels) -> bytes:
    """Lying on its side, with the EXIF orientation that says so."""
    image = Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))
    exif = image.getexif()
    exif[0x0112] = 6
    return saved(image, "PNG", exif=exif)


def _with_alpha(pixels: Pixels) -> bytes:
    alpha = np.arange(pixels.shape[0] * pixels.shape[1], dtype=np.uint8).reshape(*pixels.shape[:2], 1)
    return saved(Image.fromarray(np.concatenate([pixels, alpha], 2)), "PNG")


def _shape(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


PICTURES: dict[str, Picture] = {
    "nothing": lambda p: (b"", None),
    "one byte": lambda p: (png(p)[:1], None),
    "a web page": lambda p: (b"<html>Please log in</html>", None),
    "SVG": lambda p: (b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>', None),
    "PostScript": lambda p: (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(sprung) (w) file\n", None),
    "half of it": lambda p: (png(p)[: len(png(p)) // 2], None),
    "more behind it": lambda p: (png(p) + bytes(1000), p),
    "grey": lambda p: (saved(Image.fromarray(p[:, :, 0]), "PNG"), _grey(p)),
    "grey of 16 bits": lambda p: (chunks(*_shape(p), 16, 0, _raw(p[:, :, :1], deep=True)), _grey(p)),
    "colours of 16 bits": lambda p: (chunks(*_shape(p), 16, 2, _raw(p, deep=True)), p),
    "32 bits": lambda p: (saved(Image.fromarray(p[:, :, 0].astype(np.int32) * 1000), "TIFF"), None),
    "floats": lambda p: (saved(Image.fromarray(p[:, :, 0].astype(np.float32) / 255), "TIFF"), None),
    "one bit": lambda p: (saved(Image.fromarray(p[:, :, 0] > 127), "PNG"), 255 * (_grey(p) > 127).astype(np.uint8)),
    "grey with alpha": lambda p: (saved(Image.fromarray(p[:, :, :2], "LA"), "PNG"), _grey(p)),
    "alpha": lambda p: (_with_alpha(p), p),
    "a palette": lambda p: (saved(_palette(p), "PNG"), _few_colours(p)),
    "a palette, animated": lambda p: (
        saved(_palette(p), "GIF", save_all=True, append_images=[_palette(255 - p)]),
        _few_colours(p),
    ),
    "EXIF": lambda p: (_turned(p), p),
    "BMP": lambda p: (saved(Image.fromarray(p), "BMP"), p),
    "WebP": lambda p: (saved(Image.fromarray(p), "WEBP", lossless=True, exact=True), p),
    "PPM": lambda p: (saved(Image.fromarray(p), "PPM"), p),
    "CMYK": lambda p: (saved(Image.fromarray(255 - p).convert("CMYK"), "TIFF"), 255 - p),
    "another size": lambda p: (png(np.ascontiguousarray(p[:-1])), np.ascontiguousarray(p[:-1])),
    "one pixel": lambda p: (png(p[:1, :1]), np.ascontiguousarray(p[:1, :1])),
    "no pixel": lambda p: (chunks(0, 0, 8, 2, b""), None),
    "169 million pixels": lambda p: (chunks(13_000, 13_000, 1, 0, zlib.compress(bytes(13_000 * 1626))), None),
    "a header of 2 million times 2 million": lambda p: (chunks(2**21, 2**21, 8, 2, _raw(p)), None),
    "a header of 2**31 pixels": lambda p: (chunks(2**31 - 1, 1, 8, 2, _raw(p)), None),
    "more pixels than its header says": lambda p: (
        chunks(*_shape(p), 8, 2, zlib.compress(zlib.decompress(_raw(p)) + bytes(300_000_000), 1)),
        p,
    ),
    "a text of 100 million bytes": lambda p: (
        chunks(*_shape(p), 8, 2, _raw(p), (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 1))),
        p,
    ),
}


def pixels_of(content: bytes) -> Pixels:
    """The pixels of a plain picture, in colours of 8 bits."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
