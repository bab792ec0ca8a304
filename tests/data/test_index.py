"""An index opens quickly, gives upright RGB images from wherever they lie, and names the image that is bad."""

import json
import pickle
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch
from errors import refused
from made_files import SMALL_IMAGENET, Photographs, below, picture, saved, write_parquet
from PIL import Image

from replication.data.annotations import ANNOTATIONS
from replication.data.decoding import BadImage, decode
from replication.data.index import (
    ENTRIES,
    STATISTICS,
    Files,
    Index,
    OpenFiles,
    load_entry,
    make_table,
    read_images,
    read_index,
    write_index,
)
from replication.data.meta import META, Meta
from replication.data.sources import Place, imagenet
from replication.data.sources.statistics import compute_statistics
from replication.files import SUMS
from replication.tasks.imagenet.feed import PhotographBatches
from replication.tasks.imagenet.recipe import ImagenetRecipe

Recipes = Callable[..., ImagenetRecipe]
Limit = Callable[[int], AbstractContextManager[None]]
LAYOUTS = ["archives", "folder", "parquet"]


@pytest.fixture(scope="module")
def photographs_found() -> Photographs:
    return Photographs.make()


@pytest.fixture
def roots(photographs_found: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The same photographs in three layouts."""
    return {
        "archives": photographs_found.archives(tmp_path / "archives", monkeypatch),
        "folder": photographs_found.tree(tmp_path / "folder"),
        "parquet": photographs_found.parquet(tmp_path / "parquet"),
    }


def write(folder: Path, root: Path, layout: str = "folder") -> tuple[Meta, Files]:
    files = getattr(imagenet, f"read_{layout}")(Place(layout, root), SMALL_IMAGENET)
    made = compute_statistics(lambda i: load_entry(root, files.train.entries, i, "imagenet"), 12, 36, 32)
    return write_index(folder, files, made, name="imagenet", source=f"ImageNet, {layout}"), files


def opened(tmp_path: Path, root: Path, layout: str = "folder") -> Index:
    write(tmp_path / "data/imagenet", root, layout)
    return read_index(tmp_path / "data/imagenet", root)


# --- what is read


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_pixels_that_pillow_sees_and_the_labels(
    roots: dict[str, Path], tmp_path: Path, photographs_found: Photographs, layout: str
) -> None:
    index = opened(tmp_path, roots[layout], layout)
    assert index.train_labels.tolist() == [0, 1, 2] * 4
    assert index.test_labels.tolist() == [0, 1, 2] * 2
    assert index.train_labels.dtype == torch.int64
    for split, images in (("train", photographs_found.train), ("test", photographs_found.val)):
        for number, (_, _, content) in enumerate(images):
            image = index.load(split, number)
            assert image.mode == "RGB"
            assert np.array_equal(np.asarray(image), np.asarray(decode(content, "?")))


def test_the_description_statistics_and_identity_come_back(roots: dict[str, Path], tmp_path: Path) -> None:
    meta, files = write(tmp_path / "data/imagenet", roots["folder"])
    index = read_images(tmp_path / "data/imagenet", roots["folder"])
    assert index.meta == meta
    assert not index.in_memory
    assert (meta.train_images, meta.test_images, meta.input_size, meta.is_official) == (12, 6, None, False)
    assert index.meta.identity.model_dump() == {
        "name": "imagenet",
        "pixels": "extracted tree, not verified",
        "fingerprint": files.fingerprint[:16],
    }
    made = compute_statistics(lambda i: index.load("train", i), 12, 36, 32)
    assert torch.equal(index.mean, made.mean)
    assert torch.equal(index.colour_covariance, made.colour_covariance)
    written = sorted(path.name for path in (tmp_path / "data/imagenet").iterdir())
    assert written == [SUMS, ANNOTATIONS, ENTRIES, META, STATISTICS]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["imagenet"]


def test_a_store_is_opened_by_the_same_call(photographs_folder: Path, tmp_path: Path) -> None:
    assert read_images(photographs_folder, tmp_path / "nowhere").in_memory


def test_the_images_may_have_moved_when_the_index_is_opened(roots: dict[str, Path], tmp_path: Path) -> None:
    write(tmp_path / "index", roots["folder"])
    assert str(tmp_path) not in (tmp_path / "index" / META).read_text()
    moved = roots["folder"].rename(tmp_path / "elsewhere")
    assert read_index(tmp_path / "index", moved).load("test", 5).size == (50, 40)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_is_written_to_the_users_folder(roots: dict[str, Path], tmp_path: Path, layout: str) -> None:
    root = roots[layout]
    before = below(root)
    for path in (root, *root.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    index = opened(tmp_path, root, layout)
    assert index.load("train", 11).mode == "RGB"
    assert below(root) == before
    for path in (root, *root.rglob("*")):  # so that pytest can remove it
        path.chmod(0o755)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_index_survives_pickling(roots: dict[str, Path], tmp_path: Path, layout: str) -> None:
    index = opened(tmp_path, roots[layout], layout)
    index.load("train", 0)
    again = pickle.loads(pickle.dumps(index))
    assert np.array_equal(np.asarray(again.load("test", 3)), np.asarray(index.load("test", 3)))


def test_open_parquet_files_stay_few_whatever_the_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ImageNet has 308 of them, and a process may open 1024 files, or 256."""
    monkeypatch.setattr("replication.data.index._open_files", pool := OpenFiles(most=5))
    opened_files: weakref.WeakSet[pyarrow.parquet.ParquetFile] = weakref.WeakSet()
    most = 0
    open_file = pyarrow.parquet.ParquetFile

    def count(*arguments: Any, **options: Any) -> pyarrow.parquet.ParquetFile:
        nonlocal most
        opened_files.add(file := open_file(*arguments, **options))
        most = max(most, sum(not other.closed for other in list(opened_files)))
        return file

    shades = [10 * number for number in range(20)]
    for shade in shades:
        image = Image.new("RGB", (4, 4), (shade,) * 3)
        write_parquet(tmp_path / f"{shade}.parquet", [{"image": {"bytes": saved(image, "PNG"), "path": "x"}}])
    entries = make_table([("x", f"{shade}.parquet", 0, 0) for shade in shades])
    monkeypatch.setattr(pyarrow.parquet, "ParquetFile", count)

    def load(step: int) -> bool:
        number = step * 7 % len(shades)
        return load_entry(tmp_path, entries, number, "imagenet").getpixel((0, 0))[0] == shades[number]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(load, range(400)))
    assert len(pool.idle) == 5
    assert most <= 5 + 8


# --- bad images


JPEG = saved(picture(0))
BROKEN = {"empty": b"", "text": b"this is a text file", "truncated": JPEG[:-200], "header only": JPEG[:40]}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_image_is_named(roots: dict[str, Path], tmp_path: Path, content: bytes) -> None:
    index = opened(tmp_path, roots["folder"])
    (roots["folder"] / "train/n00000002/n00000002_1.JPEG").write_bytes(content)
    bad = roots["folder"] / "train/n00000002/n00000002_1.JPEG"
    with refused("damaged", "fetch", file=bad, error=BadImage):
        index.load("train", 4)
    assert index.load("train", 3).mode == "RGB"


@pytest.mark.parametrize("layout", ["archives", "parquet"])
def test_a_bad_image_inside_another_file_is_named_with_it(
    photographs_found: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    train = list(photographs_found.train)
    train[4] = (*train[4][:2], train[4][2][:-150])
    damaged = Photographs(train, photographs_found.val)
    options = (monkeypatch,) if layout == "archives" else ()
    root = getattr(damaged, layout)(tmp_path / layout, *options)
    files = getattr(imagenet, f"read_{layout}")(Place(layout, root), SMALL_IMAGENET)
    file, place = {
        "archives": ("ILSVRC2012_img_train.tar", "n00000002.tar/n00000002_1.JPEG"),
        "parquet": ("train-00000-of-00002.parquet", "row 4"),
    }[layout]
    with refused("damaged", place, "fetch", file=root / file, error=BadImage):
        load_entry(root, files.train.entries, 4, "imagenet")


def test_a_file_that_has_gone_is_named(roots: dict[str, Path], tmp_path: Path) -> None:
    index = opened(tmp_path, roots["folder"])
    gone = roots["folder"] / "val/n00000001/ILSVRC2012_val_00000004.JPEG"
    gone.unlink()
    with refused("missing", key="data.imagenet.root", file=gone, error=BadImage):
        index.load("test", 0)


# --- training


def batches_of(index: Index, recipe: ImagenetRecipe, workers: int) -> PhotographBatches:
    batches = PhotographBatches(index, recipe, torch.device("cpu"))
    batches.workers = workers
    return batches


def seen(batches: PhotographBatches) -> list[torch.Tensor]:
    parts = [batches.training(0), batches.training(1), *batches.single_view("test")]
    return [tensor for part in parts for tensor in part]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_batches_are_the_same_bit_for_bit_whoever_decodes(
    roots: dict[str, Path], tmp_path: Path, make_imagenet_recipe: Recipes, layout: str
) -> None:
    index = opened(tmp_path, roots[layout], layout)
    recipe = make_imagenet_recipe(train_images=10, schedule={"iterations": 3, "drops": []})
    alone, together = (seen(batches_of(index, recipe, workers)) for workers in (0, 2))
    assert len(alone) == 6
    assert alone[0].shape == (16, 3, 32, 32)
    for left, right in zip(alone, together, strict=True):
        assert torch.equal(left, right)


def test_archives_and_their_tree_train_alike(
    roots: dict[str, Path], tmp_path: Path, make_imagenet_recipe: Recipes
) -> None:
    recipe = make_imagenet_recipe(train_images=10)
    indices = [opened(tmp_path / layout, roots[layout], layout) for layout in ("archives", "folder")]
    found = [batches_of(index, recipe, workers=0).training(0) for index in indices]
    for left, right in zip(*found, strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("workers", [0, 2])
def test_training_tells_of_a_bad_image_in_the_same_sentence_and_goes_on_once_it_is_mended(
    roots: dict[str, Path], tmp_path: Path, make_imagenet_recipe: Recipes, workers: int
) -> None:
    index = opened(tmp_path, roots["folder"])
    bad = roots["folder"] / "train/n00000001/n00000001_0.JPEG"
    sound = bad.read_bytes()
    bad.write_text("no image")
    recipe = make_imagenet_recipe(train_images=12)
    with refused("damaged", "fetch", file=bad, error=BadImage):
        batches_of(index, recipe, workers).training(0)
    bad.write_bytes(sound)
    assert batches_of(index, recipe, workers).training(0)[0].shape[0] == 16


# --- the index itself


def test_the_fingerprint_is_that_of_names_lengths_and_labels(roots: dict[str, Path], tmp_path: Path) -> None:
    before = write(tmp_path / "index", roots["folder"])[0].fingerprint
    assert write(tmp_path / "again", roots["folder"])[0].fingerprint == before
    file = roots["folder"] / "train/n00000003/n00000003_3.JPEG"
    file.write_bytes(file.read_bytes() + b"\0")
    assert write(tmp_path / "longer", roots["folder"])[0].fingerprint != before
    file.write_bytes(file.read_bytes()[:-1])
    file.rename(file.with_name("n00000003_4.JPEG"))
    assert write(tmp_path / "renamed", roots["folder"])[0].fingerprint != before
    assert len({write(tmp_path / name, roots[name], name)[0].fingerprint for name in LAYOUTS}) == 3


def test_an_index_is_replaced_by_a_new_one_and_kept_if_that_fails(
    roots: dict[str, Path], tmp_path: Path, files_of_at_most: Limit
) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index/stray").touch()
    meta, files = write(tmp_path / "index", roots["folder"])
    assert not (tmp_path / "index/stray").exists()
    made = compute_statistics(lambda i: load_entry(roots["folder"], files.train.entries, i, "imagenet"), 12, 36, 32)
    with files_of_at_most(1000), refused("unwritable", "ulimit", file=tmp_path / "index"):
        write_index(tmp_path / "index", files, made, name="another", source="?")
    assert read_index(tmp_path / "index", roots["folder"]).meta == meta
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_root_without_the_images_names_the_key(roots: dict[str, Path], tmp_path: Path, layout: str) -> None:
    write(tmp_path / "index", roots[layout], layout)
    with refused("missing", str(tmp_path / "nowhere"), "params.yaml", key="data.imagenet.root"):
        read_images(tmp_path / "index", tmp_path / "nowhere")


@pytest.mark.parametrize("file", [ENTRIES, ANNOTATIONS, META, STATISTICS])
def test_half_an_index_counts_as_missing(roots: dict[str, Path], tmp_path: Path, file: str) -> None:
    write(tmp_path / "index", roots["folder"])
    (tmp_path / "index" / file).unlink()
    with refused("missing", "dvc repro prepare", file=tmp_path / "index" / file):
        read_index(tmp_path / "index", roots["folder"])


@pytest.mark.parametrize("content", [b"", bytes(400)])
@pytest.mark.parametrize("file", [ENTRIES, ANNOTATIONS, META, STATISTICS])
def test_a_damaged_index_is_to_be_made_again(roots: dict[str, Path], tmp_path: Path, file: str, content: bytes) -> None:
    write(tmp_path / "index", roots["folder"])
    (tmp_path / "index" / file).write_bytes(content)
    with refused("damaged", "dvc repro prepare", file=tmp_path / "index" / file):
        read_images(tmp_path / "index", roots["folder"])


def test_the_index_is_plain_json_beside_two_small_files(roots: dict[str, Path], tmp_path: Path) -> None:
    write(tmp_path / "index", roots["folder"])
    written = json.loads((tmp_path / "index" / META).read_text())
    assert written["input_size"] is None
    assert written["classes"] == ["n00000001", "n00000002", "n00000003"]
