"""Decode image files to upright RGB images, or refuse them by name.

Pillow decodes: 480 images/s a core with the random crop, on 64 photographs of 103 kB (`benchmarks/decoding.py`).
torchvision.io.decode_image gives the same pixels, CMYK, grey and EXIF rotation included, and is 1.3 times as fast. Most
of that gain is its crop of the tensor, and the views of photographs are defined on Pillow's images.
"""

import io
import struct
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from replication.errors import Kind, UserError

# A few photographs of ImageNet have a damaged EXIF block, which changes none of their pixels.
warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # MOST_PIXELS bounds the size


MOST_PIXELS = 100_000_000  # of an image; ImageNet's largest has 61 million, and decoding takes three bytes for each

TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


class BadImage(UserError):
    """An image that cannot be read or decoded. Its message is one line."""

    def __init__(self, message: str, *, kind: Kind = "damaged", key: str | None = None, file: Path | None = None):
        super().__init__(message, kind=kind, key=key, file=file)


def decode(encoded: bytes, where: str, file: Path | None = None) -> Image.Image:
    """An image file's bytes as RGB, turned as its EXIF orientation says; an alpha channel is dropped.

    Args:
        where: begins the message of an error: `file`, and the place in it.

    Raises:
        BadImage: the bytes are no image, or end too early.
    """
    return decode_with_format(encoded, where, file=file)[0]


def decode_with_format(
    encoded: bytes | None, where: str, most_pixels: int = MOST_PIXELS, file: Path | None = None
) -> tuple[Image.Image, str]:
    """As `decode`, with the format of the file as Pillow calls it, "JPEG".

    An image of more than `most_pixels` is a BadImage too, by its header alone: decoding it could take all memory.
    """
    try:
        image = Image.open(io.BytesIO(encoded))
        if image.width * image.height > most_pixels:
            message = f"{where}: the image is {image.width}x{image.height}, more than {most_pixels:,} pixels."
            raise BadImage(f"{message} Is this another data set?", file=file)
        image.load()
        kind = image.format or "unknown"
        with suppress(Exception):  # a damaged EXIF block makes Pillow raise anything; the pixels are sound
            image = ImageOps.exif_transpose(image)
        return _to_rgb(image, where, file), kind
    except (OSError, SyntaxError, TypeError, ValueError, struct.error, Image.DecompressionBombError) as error:
        message = f"{where}: the image cannot be decoded ({join_lines(error)}); fetch the file again."
        raise BadImage(message, file=file) from error


def read_size(file: Path) -> tuple[int, int]:
    """Width and height of an image as `decode` gives it, by its header alone.

    Raises:
        BadImage: it is no image.
    """
    try:
        with Image.open(file) as image:
            width, height = image.size
            with suppress(Exception):  # see above
                if image.getexif().get(ExifTags.Base.Orientation) in TURNED:
                    return height, width
            return width, height
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        message = f"{file}: the image cannot be read ({join_lines(error)}); fetch the file again."
        raise BadImage(message, file=file) from error


def _to_rgb(image: Image.Image, where: str, file: Path | None) -> Image.Image:
    """An image as RGB. Of 16 bits it takes the upper eight: Pillow's conversion clips at 255, which gives white."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        message = f"{where}: its pixels have 32 bits, whose range is not known; convert it to 8 bits a colour."
        raise BadImage(message, file=file)
    return image.convert("RGB")


def join_lines(error: Exception) -> str:
    """The message of an exception, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
