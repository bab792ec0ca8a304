"""Every kind of image file becomes upright RGB, or is refused by name."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from errors import refused
from made_files import picture, rotated, saved
from PIL import Image

from replication.data.decoding import BadImage, decode


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "LA", "1"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    original = picture(0).convert("L").convert("RGB") if mode in ("L", "LA", "1") else picture(0)
    kind = "JPEG" if mode in ("L", "CMYK") else "PNG"
    found = decode(saved(original.convert(mode), kind), "?")
    assert (found.mode, found.size) == ("RGB", (50, 40))
    if mode not in ("P", "1"):
        assert np.abs(np.asarray(found, int) - np.asarray(original, int)).mean() < 4


def test_sixteen_bits_become_the_upper_eight() -> None:
    """Pillow's own conversion would make all but the darkest of them white."""
    grey = (np.arange(2000, dtype=np.uint16).reshape(40, 50) * 32).astype(np.uint16)
    found = np.asarray(decode(saved(Image.fromarray(grey), "PNG"), "?"))
    assert (found == (grey >> 8)[:, :, None]).all() and found.max() > 200 and len(np.unique(found)) > 200


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_an_unknown_range_are_refused(mode: str) -> None:
    with refused("damaged", "here", "32 bits", error=BadImage):
        decode(saved(picture(0).convert("L").convert(mode), "TIFF"), "here")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(orientation: int) -> None:
    upright = picture(0)
    lying = {
        1: lambda i: i, 2: lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda i: i.rotate(180), 4: lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda i: i.transpose(Image.Transpose.TRANSPOSE), 6: lambda i: i.rotate(90, expand=True),
        7: lambda i: i.transpose(Image.Transpose.TRANSVERSE), 8: lambda i: i.rotate(270, expand=True),
    }[orientation](upright)  # fmt: skip
    found = decode(saved(lying, quality=95, subsampling=0, **rotated(lying, orientation)), "?")
    assert found.size == upright.size
    assert np.abs(np.asarray(found, int) - np.asarray(upright, int)).mean() < 3


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(9)])
def test_a_damaged_exif_block_costs_nothing(exif: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert decode(saved(picture(0), exif=exif), "?").size == (50, 40)


def test_no_damage_to_a_file_escapes_as_another_error() -> None:
    random = np.random.default_rng(0)
    sound = [saved(picture(0)), saved(picture(1), "PNG"), saved(picture(2), **rotated(picture(2), 6))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(600):
            content = np.frombuffer(sound[number % 3], np.uint8).copy()
            content[random.integers(0, min(len(content), 300), 4)] = random.integers(0, 256, 4)
            try:
                assert decode(content.tobytes(), "here").mode == "RGB"
            except BadImage as error:
                assert error.kind == "damaged" and "here" in str(error) and "\n" not in str(error)


@pytest.mark.skipif(
    not os.environ.get("REPLICATION_IMAGENET_SAMPLE"),
    reason="set REPLICATION_IMAGENET_SAMPLE to a folder of real photographs, <wnid>/*.JPEG",
)
def test_real_photographs_are_rgb_and_upright() -> None:
    files = sorted(Path(os.environ["REPLICATION_IMAGENET_SAMPLE"]).rglob("*.JPEG"))
    assert len(files) >= 64
    turned, grey = 0, 0
    for file in files:
        found = decode(file.read_bytes(), str(file))
        with Image.open(file) as stored:
            lies = stored.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            assert found.mode == "RGB"
            assert found.size == (stored.size[::-1] if lies else stored.size)
            turned, grey = turned + lies, grey + (stored.mode == "L")
    assert turned >= 1
    assert grey >= 1
