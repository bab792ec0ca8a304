"""A tree of class folders gives the pixels as they are, and what is wrong with it is named."""

import io
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from errors import refused
from made_files import PNG, SMALL_CIFAR, encoded, same
from PIL import Image

from replication.data.sources import Place
from replication.data.sources.decode import Source
from replication.data.sources.folder import list_class_folders, read_folder
from replication.data.store import Split

MakeSplit = Callable[..., Split]


@pytest.fixture
def root(tmp_path: Path, small: tuple[Split, Split]) -> Path:
    root = tmp_path / "folder"
    for name, split in zip(("train", "test"), small, strict=True):
        for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            file = root / name / ("cat", "dog")[label] / f"{number:04}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encoded(image))
    return root


def read(root: Path) -> Source:
    return read_folder(Place("folder", root), SMALL_CIFAR)


def by_class(split: Split) -> Split:
    order = np.argsort(split.labels, kind="stable")
    return Split(split.images[order], split.labels[order])


def test_a_tree_of_png_gives_the_very_pixels_with_labels_by_class_folder(
    root: Path, small: tuple[Split, Split]
) -> None:
    found = read(root)
    assert same(found, (by_class(small[0]), by_class(small[1])))
    assert found.classes == ["cat", "dog"]
    assert found.pixels == "pixels or labels differ from the official ones (png)"


def test_class_folders_with_numbers_for_names_are_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    """Sorted as text, class 10 would follow class 1, and no label be what its name says."""
    for number in range(12):
        (tmp_path / str(number)).mkdir()
    assert list_class_folders(tmp_path) == [str(number) for number in range(12)]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPEG"])
def test_a_tree_with_a_jpeg_is_a_recompressed_copy(root: Path, small: tuple[Split, Split], suffix: str) -> None:
    (root / "train/cat/0000.png").unlink()
    (root / f"train/cat/0000{suffix}").write_bytes(encoded(small[0].images[0], "JPEG"))
    assert read(root).pixels == "re-compressed as JPEG"


def test_a_jpeg_that_is_called_png_is_still_a_recompressed_copy(root: Path, small: tuple[Split, Split]) -> None:
    (root / "test/dog/0001.png").write_bytes(encoded(small[1].images[1], "JPEG"))
    assert read(root).pixels == "re-compressed as JPEG"


def test_files_that_are_no_images_are_passed_over(root: Path) -> None:
    (root / "train/cat/Thumbs.db").write_bytes(b"?")
    (root / "train/cat/._0000.png").write_bytes(b"?")
    (root / "train/.cache").mkdir()
    (root / "train/README.txt").write_text("?")
    assert len(read(root).train.labels) == 6


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_tree_without_a_split_is_refused(root: Path, split: str) -> None:
    shutil.rmtree(root / split)
    with refused("missing", "train/<class>/", "test/<class>/", key="data.cifar10.root", file=root):
        read(root)


def test_splits_with_other_class_folders_are_refused_and_the_difference_named(root: Path) -> None:
    (root / "test/dog").rename(root / "test/horse")
    with refused("damaged", "dog, horse", file=root):
        read(root)


def test_another_number_of_classes_is_refused(root: Path) -> None:
    for split in ("train", "test"):
        (root / split / "horse").mkdir()
    with refused("damaged", "3 classes", "2", file=root):
        read(root)


@pytest.mark.parametrize("content", [b"", b"not an image", PNG[:-100]], ids=["empty", "text", "truncated"])
def test_an_image_file_that_cannot_be_decoded_is_named(root: Path, content: bytes) -> None:
    (root / "train/dog/0003.png").write_bytes(content)
    with refused("damaged", "fetch", file=root / "train/dog/0003.png"):
        read(root)


def test_an_image_file_of_another_size_is_named(root: Path) -> None:
    (root / "test/cat/0002.png").write_bytes(encoded(np.zeros((3, 9, 8), np.uint8)))
    with refused("damaged", "8x9", "8x8", file=root / "test/cat/0002.png"):
        read(root)


def test_a_tree_with_an_image_too_few_is_refused(root: Path) -> None:
    (root / "test/cat/0002.png").unlink()
    with refused("damaged", "3 test images", "4", file=root):
        read(root)


def test_what_is_no_file_to_be_read_is_no_image(root: Path, small: tuple[Split, Split]) -> None:
    """A pipe would be waited for, a device read for ever; the others are what is found in folders."""
    folder = root / "train/cat"
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "dangling.png").symlink_to("nowhere.png")
    for itself in (folder / "itself.png", root / "train/itself"):
        itself.symlink_to(itself.name)
    (folder / "folder.png").mkdir()
    (folder / ".DS_Store").touch()
    (root / "train/.ipynb_checkpoints").mkdir()
    assert same(read(root), (by_class(small[0]), by_class(small[1])))


@pytest.mark.parametrize("kind", ["BMP", "WEBP"])
def test_other_lossless_files_give_the_very_pixels_too(root: Path, small: tuple[Split, Split], kind: str) -> None:
    (root / "train/cat/0000.png").unlink()
    content = io.BytesIO()
    Image.fromarray(small[0].images[0].transpose(1, 2, 0)).save(content, kind, lossless=True)
    (root / f"train/cat/0000.{kind}").write_bytes(content.getvalue())
    assert same(read(root), (by_class(small[0]), by_class(small[1])))


def test_a_name_that_is_not_text_is_told(root: Path) -> None:
    (Path(os.fsdecode(os.fsencode(root / "train/cat") + b"/\xff.png"))).write_bytes(b"")
    with refused("invalid", "rename", file=root / "train/cat") as error:
        read(root)
    str(error.value).encode()


def test_a_huge_image_is_refused_by_its_header(root: Path) -> None:
    content = io.BytesIO()
    Image.new("1", (13_000, 13_000)).save(content, "PNG")
    (root / "train/cat/0000.png").write_bytes(content.getvalue())
    tracemalloc.start()
    with refused("damaged", "13000x13000", file=root / "train/cat/0000.png"):
        read(root)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
