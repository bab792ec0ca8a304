"""Where a data set is not where params.yaml says, the remedy looks around: above, below, other suffixes, git."""

import subprocess
from pathlib import Path

import pytest
from errors import refused

from replication.data.sources import CIFAR10, IMAGENET, TINY_IMAGENET, VOC, Dataset, Place
from replication.data.sources.cifar10 import read_official
from replication.data.sources.folder import read_folder
from replication.data.sources.imagenet import read_archives
from replication.data.sources.imagenet import read_folder as read_tree
from replication.data.sources.parquet import list_files
from replication.data.sources.tiny_imagenet import read_folder as read_tiny_imagenet
from replication.data.sources.voc import read_devkit
from replication.errors import UserError
from replication.files import is_in_git
from replication.results.tables import suggest_restore


def list_train(place: Place, dataset: Dataset) -> object:
    return list_files(place, "train", dataset)


CASES = {  # what is in the right folder, the reader, and its data set
    "parquet": ("train-0.parquet", list_train, CIFAR10),
    "class folders": ("train/", read_folder, CIFAR10),
    "tiny-imagenet-200": ("wnids.txt", read_tiny_imagenet, TINY_IMAGENET),
    "tree of ImageNet": ("train/", read_tree, IMAGENET),
    "archives": ("ILSVRC2012_img_train.tar", read_archives, IMAGENET),
    "devkit": ("VOC2007/", read_devkit, VOC),
    "official": ("cifar-10-python.tar.gz", read_official, CIFAR10),
}


def put(path: Path, name: str) -> None:
    (path / name).mkdir(parents=True) if name.endswith("/") else (path.mkdir(), (path / name).write_text("x"))


@pytest.mark.parametrize("given", ["one level too high", "one level too low", "two levels too low"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_right_folder_is_named(tmp_path: Path, case: tuple, given: str) -> None:
    name, read, dataset = case
    right = tmp_path / "above/right"
    right.parent.mkdir()
    put(right, name)
    root = {"one level too high": right.parent, "one level too low": right / "more"}.get(given, right / "more/deep")
    root.mkdir(parents=True, exist_ok=True)
    with refused("missing", f"is in {right}", key=f"data.{dataset.key}.root"):
        read(Place("", root, "http://127.0.0.1:9/none"), dataset)


def test_a_file_with_another_suffix_is_named(tmp_path: Path) -> None:
    for name in ("ILSVRC2012_img_train.tar.gz", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz"):
        (tmp_path / name).write_text("x")
    with refused("missing", "ILSVRC2012_img_train.tar.gz is there"):
        read_archives(Place("archives", tmp_path), IMAGENET)
    (tmp_path / "cifar-10-python.tar").write_text("x")
    with refused("missing", "cifar-10-python.tar is there", key="data.cifar10.root"):
        read_official(Place("official", tmp_path, "http://127.0.0.1:9/none"), CIFAR10)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


def test_what_git_has_is_restored_from_git_alone(tmp_path: Path) -> None:
    put(tmp_path / "data", "train-0.parquet")
    put(tmp_path / "study", "runs.csv")
    git(tmp_path, "init")
    git(tmp_path, "add", "data", "study")
    git(tmp_path, "commit", "-m", "all")
    (tmp_path / "mine").mkdir()
    for path in (tmp_path / "data/train-0.parquet", tmp_path / "study/runs.csv"):
        path.unlink()
    with refused("missing", "git checkout HEAD -- "):
        list_train(Place("parquet", tmp_path / "data"), CIFAR10)
    assert is_in_git(tmp_path / "study") and not is_in_git(tmp_path / "mine")
    assert "git checkout" in suggest_restore(tmp_path / "study")
    assert "`git checkout" not in suggest_restore(tmp_path / "mine")


def test_a_flat_val_is_said_whatever_the_suffix(tmp_path: Path) -> None:
    (tmp_path / "train/n01440764").mkdir(parents=True)
    put(tmp_path / "val", "ILSVRC2012_val_00000001.jpg")
    with refused("invalid", "val/<wnid>/", key="data.imagenet.source", file=tmp_path / "val"):
        read_tree(Place("folder", tmp_path), IMAGENET)


def test_a_tiny_imagenet_whose_val_was_sorted_is_to_be_extracted_again(tmp_path: Path) -> None:
    (tmp_path / "wnids.txt").write_text("n1\n")
    (tmp_path / "val/n1/images").mkdir(parents=True)
    with pytest.raises(UserError, match="extract the archive again"):
        read_tiny_imagenet(Place("folder", tmp_path), TINY_IMAGENET)


def test_the_folder_of_the_batches_may_be_the_root(tmp_path: Path) -> None:
    """Nothing is fetched: what is missing in it is named."""
    folder = tmp_path / "cifar-10-batches-py"
    put(folder, "batches.meta")
    with refused("missing", file=folder / "data_batch_1"):
        read_official(Place("official", folder, "http://127.0.0.1:9/none"), CIFAR10)
