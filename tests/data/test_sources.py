"""Every source gives the pixels as they are, and names the file and row of what is wrong."""

import hashlib
import io
import os
import pickle
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torchvision
from PIL import Image

from replication.data import Split, sources
from replication.data.sources import Expected, cifar10_folder, cifar10_official, cifar10_parquet, digits
from replication.errors import UserError

MakeSplit = Callable[..., Split]
SMALL = Expected(train_images=6, test_images=4, classes=2, input_size=8)


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """[3, H, W] as an image file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(buffer, kind)
    return buffer.getvalue()


# --- digits


@pytest.fixture(scope="module")
def ten_digits() -> sources.Source:
    return digits(16)


def test_the_digits_are_1437_training_and_360_test_images_of_ten_classes(ten_digits: sources.Source) -> None:
    for split, count in ((ten_digits.train, 1437), (ten_digits.test, 360)):
        assert split.images.shape == (count, 3, 16, 16)
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert set(split.labels) == set(range(10))
    assert ten_digits.classes == [str(digit) for digit in range(10)]
    assert ten_digits.train.images.max() > 200
    assert ten_digits.train.images.min() == 0


def test_every_fifth_digit_is_a_test_image_and_no_other(ten_digits: sources.Source) -> None:
    from sklearn.datasets import load_digits

    target = load_digits().target
    assert ten_digits.test.labels.tolist() == target[::5].tolist()
    assert ten_digits.train.labels.tolist() == [t for i, t in enumerate(target) if i % 5]


def test_digits_are_grey_and_still_look_like_themselves(ten_digits: sources.Source) -> None:
    from sklearn.datasets import load_digits

    images = ten_digits.test.images
    assert np.array_equal(images[:, 0], images[:, 1])
    assert np.array_equal(images[:, 0], images[:, 2])
    halved = images[:, 0].reshape(-1, 8, 2, 8, 2).mean((2, 4))
    original = load_digits().images[::5] * 255 / 16
    assert np.corrcoef(halved.ravel(), original.ravel())[0, 1] > 0.95


def test_digits_are_a_variant_and_come_in_any_size(ten_digits: sources.Source) -> None:
    assert ten_digits.variant is not None
    assert "16x16" in ten_digits.variant
    assert digits(32).train.images.shape == (1437, 3, 32, 32)


# --- parquet


def rows_of(split: Split, kind: str = "PNG") -> list[dict[str, Any]]:
    pairs = zip(split.images, split.labels, strict=True)
    return [{"img": {"bytes": encoded(i, kind), "path": None}, "label": int(label)} for i, label in pairs]


def write_parquet(file: Path, rows: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)


@pytest.fixture
def small(make_split: MakeSplit) -> tuple[Split, Split]:
    return make_split(6, classes=2, seed=1), make_split(4, classes=2, seed=2)


@pytest.fixture
def parquet(tmp_path: Path, small: tuple[Split, Split]) -> Path:
    root = tmp_path / "parquet"
    write_parquet(root / "train-00000-of-00001.parquet", rows_of(small[0]))
    write_parquet(root / "test-00000-of-00001.parquet", rows_of(small[1]))
    return root


def same(found: sources.Source, small: tuple[Split, Split]) -> bool:
    return all(
        np.array_equal(left.images, right.images) and np.array_equal(left.labels, right.labels)
        for left, right in ((found.train, small[0]), (found.test, small[1]))
    )


def test_png_in_parquet_gives_the_very_pixels_but_never_official_ones(
    parquet: Path, small: tuple[Split, Split]
) -> None:
    found = cifar10_parquet(parquet, SMALL)
    assert same(found, small)
    assert found.train.images.dtype == np.uint8
    assert found.variant == "unverified copy (png)"


def test_the_image_column_may_be_called_image(parquet: Path, small: tuple[Split, Split]) -> None:
    rows = [{"image": row["img"], "label": row["label"]} for row in rows_of(small[0])]
    write_parquet(parquet / "train-00000-of-00001.parquet", rows)
    assert same(cifar10_parquet(parquet, SMALL), small)


def test_the_files_of_a_split_follow_each_other_by_name(parquet: Path, small: tuple[Split, Split]) -> None:
    (parquet / "train-00000-of-00001.parquet").unlink()
    rows = rows_of(small[0])
    for number, part in ((2, rows[4:]), (0, rows[:1]), (1, rows[1:4])):
        write_parquet(parquet / f"train-0000{number}-of-00003.parquet", part)
    assert same(cifar10_parquet(parquet, SMALL), small)


def test_jpeg_in_either_split_makes_the_data_set_a_recompressed_variant(
    parquet: Path, small: tuple[Split, Split]
) -> None:
    write_parquet(parquet / "test-00000-of-00001.parquet", rows_of(small[1], "JPEG"))
    found = cifar10_parquet(parquet, SMALL)
    assert found.variant == "re-compressed as JPEG"
    assert not same(found, small)


def test_ten_classes_get_the_names_of_cifar10(tmp_path: Path, make_split: MakeSplit) -> None:
    expected = Expected(train_images=10, test_images=10, classes=10, input_size=8)
    for name in ("train", "test"):
        write_parquet(tmp_path / f"{name}.parquet", rows_of(make_split(10, classes=10)))
    found = cifar10_parquet(tmp_path, expected)
    assert found.classes[:2] == ["airplane", "automobile"]
    assert found.classes[9] == "truck"


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_folder_without_the_files_of_a_split_is_refused(parquet: Path, split: str) -> None:
    (parquet / f"{split}-00000-of-00001.parquet").unlink()
    with pytest.raises(UserError, match=rf"{parquet} has no {split}\*\.parquet; check data.cifar10.root"):
        cifar10_parquet(parquet, SMALL)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no train\*\.parquet"):
        cifar10_parquet(tmp_path / "nowhere", SMALL)


@pytest.mark.parametrize("keep", [0, 3, 0.5, 0.99])
def test_a_truncated_parquet_file_is_named(parquet: Path, keep: float) -> None:
    file = parquet / "test-00000-of-00001.parquet"
    content = file.read_bytes()
    file.write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    with pytest.raises(UserError, match=r"test-00000-of-00001\.parquet cannot be read as parquet"):
        cifar10_parquet(parquet, SMALL)


@pytest.mark.parametrize(("old", "new"), [("img", "picture"), ("label", "coarse_label")])
def test_other_columns_are_named_with_those_that_are_needed(
    parquet: Path, small: tuple[Split, Split], old: str, new: str
) -> None:
    rows = [{new if key == old else key: value for key, value in row.items()} for row in rows_of(small[0])]
    write_parquet(parquet / "train-00000-of-00001.parquet", rows)
    with pytest.raises(UserError, match=rf"train-.*{new}.*it needs img \(or image\) and label"):
        cifar10_parquet(parquet, SMALL)


PNG = encoded(np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8))
DAMAGE: dict[str, tuple[dict[str, Any], str]] = {
    "not an image": ({"img": {"bytes": b"not an image", "path": None}}, "cannot be decoded"),
    "truncated image": ({"img": {"bytes": PNG[:-100], "path": None}}, "cannot be decoded"),
    "flipped bit": (
        {"img": {"bytes": PNG[:45] + bytes([PNG[45] ^ 1]) + PNG[46:], "path": None}},
        "cannot be decoded",
    ),
    "empty image": ({"img": {"bytes": b"", "path": None}}, "cannot be decoded"),
    "null image": ({"img": None}, "cannot be decoded"),
    "null bytes": ({"img": {"bytes": None, "path": "0.png"}}, "cannot be decoded"),
    "null label": ({"label": None}, r"label None is not in 0\.\.1"),
    "label too large": ({"label": 2}, r"label 2 is not in 0\.\.1"),
    "negative label": ({"label": -1}, r"label -1 is not in 0\.\.1"),
    "another size": (
        {"img": {"bytes": encoded(np.zeros((3, 8, 16), np.uint8)), "path": None}},
        "the image is 16x8, expected 8x8",
    ),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize(("split", "row"), [("train", 5), ("test", 2)])
def test_a_bad_row_is_named_with_its_file(
    parquet: Path, small: tuple[Split, Split], damage: dict[str, Any], told: str, split: str, row: int
) -> None:
    rows = rows_of(small[split == "test"])
    rows[row] |= damage
    write_parquet(parquet / f"{split}-00000-of-00001.parquet", rows)
    with pytest.raises(UserError, match=rf"{split}-00000-of-00001\.parquet, row {row}: .*{told}"):
        cifar10_parquet(parquet, SMALL)


@pytest.mark.parametrize("image", [PNG, "0.png", 7, {"bytes": "text"}, {"path": "0.png"}], ids=repr)
def test_images_in_another_form_than_bytes_and_path_are_refused(
    parquet: Path, small: tuple[Split, Split], image: Any
) -> None:
    write_parquet(parquet / "train-00000-of-00001.parquet", [row | {"img": image} for row in rows_of(small[0])])
    with pytest.raises(UserError, match=r"train-00000-of-00001\.parquet, row 0: the image cannot be decoded"):
        cifar10_parquet(parquet, SMALL)


def test_labels_that_are_words_are_refused(parquet: Path, small: tuple[Split, Split]) -> None:
    write_parquet(parquet / "train-00000-of-00001.parquet", [row | {"label": "cat"} for row in rows_of(small[0])])
    with pytest.raises(UserError, match=r"row 0: label 'cat' is not in 0\.\.1"):
        cifar10_parquet(parquet, SMALL)


@pytest.mark.parametrize(("split", "count", "wanted"), [("train", 5, 6), ("test", 3, 4)])
def test_a_split_with_too_few_images_is_refused(
    parquet: Path, small: tuple[Split, Split], split: str, count: int, wanted: int
) -> None:
    write_parquet(parquet / f"{split}-00000-of-00001.parquet", rows_of(small[split == "test"])[:count])
    with pytest.raises(UserError, match=f"{parquet}: {count} {split} images, expected {wanted}"):
        cifar10_parquet(parquet, SMALL)


def test_a_split_with_too_many_images_is_refused(parquet: Path, small: tuple[Split, Split]) -> None:
    write_parquet(parquet / "train-00001-of-00002.parquet", rows_of(small[0])[:1])
    with pytest.raises(UserError, match="7 train images, expected 6"):
        cifar10_parquet(parquet, SMALL)


def test_a_split_without_one_of_the_classes_is_refused(parquet: Path, small: tuple[Split, Split]) -> None:
    rows = [row | {"label": 0} for row in rows_of(small[1])]
    write_parquet(parquet / "test-00000-of-00001.parquet", rows)
    with pytest.raises(UserError, match="the test split has no image of label 1"):
        cifar10_parquet(parquet, SMALL)


@pytest.mark.skipif(
    os.environ.get("REPLICATION_CIFAR10_SOURCE") != "parquet" or not os.environ.get("REPLICATION_CIFAR10_ROOT"),
    reason="set REPLICATION_CIFAR10_SOURCE=parquet and REPLICATION_CIFAR10_ROOT to read the real files",
)
def test_a_real_copy_of_cifar10_is_complete_and_plausible() -> None:
    found = cifar10_parquet(Path(os.environ["REPLICATION_CIFAR10_ROOT"]))
    assert found.train.images.shape == (50_000, 3, 32, 32)
    assert found.test.images.shape == (10_000, 3, 32, 32)
    assert np.bincount(found.train.labels).tolist() == [5000] * 10
    assert np.bincount(found.test.labels).tolist() == [1000] * 10
    # The well-known means of the channels, in 0..1.
    means = found.train.images.mean((0, 2, 3)) / 255
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.002)
    assert found.variant is not None


# --- folders


@pytest.fixture
def folder(tmp_path: Path, small: tuple[Split, Split]) -> Path:
    root = tmp_path / "folder"
    for name, split in zip(("train", "test"), small, strict=True):
        for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            file = root / name / ("cat", "dog")[label] / f"{number:04}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encoded(image))
    return root


def by_class(split: Split) -> Split:
    order = np.argsort(split.labels, kind="stable")
    return Split(split.images[order], split.labels[order])


def test_a_tree_of_png_gives_the_very_pixels_with_labels_by_class_folder(
    folder: Path, small: tuple[Split, Split]
) -> None:
    found = cifar10_folder(folder, SMALL)
    assert same(found, (by_class(small[0]), by_class(small[1])))
    assert found.classes == ["cat", "dog"]
    assert found.variant == "unverified copy (png)"


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPEG"])
def test_a_tree_with_a_jpeg_is_a_recompressed_variant(folder: Path, small: tuple[Split, Split], suffix: str) -> None:
    (folder / "train/cat/0000.png").unlink()
    (folder / f"train/cat/0000{suffix}").write_bytes(encoded(small[0].images[0], "JPEG"))
    assert cifar10_folder(folder, SMALL).variant == "re-compressed as JPEG"


def test_a_jpeg_that_is_called_png_is_still_a_recompressed_variant(folder: Path, small: tuple[Split, Split]) -> None:
    (folder / "test/dog/0001.png").write_bytes(encoded(small[1].images[1], "JPEG"))
    assert cifar10_folder(folder, SMALL).variant == "re-compressed as JPEG"


def test_files_that_are_no_images_are_passed_over(folder: Path) -> None:
    (folder / "train/cat/Thumbs.db").write_bytes(b"?")
    (folder / "train/README.txt").write_text("?")
    assert len(cifar10_folder(folder, SMALL).train.labels) == 6


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_tree_without_a_split_is_refused(folder: Path, split: str) -> None:
    shutil.rmtree(folder / split)
    with pytest.raises(UserError, match=f"{folder} needs the folders train/<class>/ and test/<class>/"):
        cifar10_folder(folder, SMALL)


def test_splits_with_other_class_folders_are_refused_and_the_difference_named(folder: Path) -> None:
    (folder / "test/dog").rename(folder / "test/horse")
    with pytest.raises(UserError, match=r"differing: \['dog', 'horse'\]"):
        cifar10_folder(folder, SMALL)


def test_another_number_of_classes_is_refused(folder: Path) -> None:
    for split in ("train", "test"):
        (folder / split / "horse").mkdir()
    with pytest.raises(UserError, match="3 class folders in train and 3 in test, expected the same 2"):
        cifar10_folder(folder, SMALL)


@pytest.mark.parametrize("content", [b"", b"not an image", PNG[:-100]], ids=["empty", "text", "truncated"])
def test_an_image_file_that_cannot_be_decoded_is_named(folder: Path, content: bytes) -> None:
    (folder / "train/dog/0003.png").write_bytes(content)
    with pytest.raises(UserError, match=r"train/dog/0003\.png: the image cannot be decoded"):
        cifar10_folder(folder, SMALL)


def test_an_image_file_of_another_size_is_named(folder: Path) -> None:
    (folder / "test/cat/0002.png").write_bytes(encoded(np.zeros((3, 9, 8), np.uint8)))
    with pytest.raises(UserError, match=r"test/cat/0002\.png: the image is 8x9, expected 8x8"):
        cifar10_folder(folder, SMALL)


def test_a_tree_with_an_image_too_few_is_refused(folder: Path) -> None:
    (folder / "test/cat/0002.png").unlink()
    with pytest.raises(UserError, match="3 test images, expected 4"):
        cifar10_folder(folder, SMALL)


# --- the official archive


class Server(ThreadingHTTPServer):
    """Answers every request in one way, on 127.0.0.1."""

    daemon_threads = True

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.server.requests += 1  # type: ignore[attr-defined]
                answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.requests = 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/cifar-10-python.tar.gz"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> Server:
        servers.append(Server(answer))
        monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", servers[-1].url)
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def sends(body: bytes, *headers: tuple[str, str], status: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for header in headers or [("Content-Length", str(len(body)))]:
            request.send_header(*header)
        request.end_headers()
        request.wfile.write(body)

    return answer


def no_http(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"this is no HTTP at all\r\n\r\n")


@pytest.fixture
def archive(tmp_path: Path, make_split: MakeSplit, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, list[Split]]:
    """An archive in the form of the official one with 4 images a file, for which the md5 sums are set."""
    parts = [make_split(4, size=32, classes=10, seed=seed) for seed in range(6)]
    for number, part in enumerate(parts):
        part.labels[:] = (part.labels + 4 * number) % 10
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    contents = {
        name: pickle.dumps({"data": part.images.reshape(4, -1), "labels": part.labels.tolist()})
        for name, part in zip(names, parts, strict=True)
    }
    contents["batches.meta"] = pickle.dumps({"label_names": sources.CIFAR10_CLASSES})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    official = torchvision.datasets.CIFAR10
    monkeypatch.setattr(official, "tgz_md5", hashlib.md5(packed.getvalue()).hexdigest())
    monkeypatch.setattr(official, "train_list", [[name, md5[name]] for name in names[:5]])
    monkeypatch.setattr(official, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(official, "meta", official.meta | {"md5": md5["batches.meta"]})
    monkeypatch.setattr(sources, "CIFAR10", Expected(20, 4, classes=4, input_size=32))
    return packed.getvalue(), parts


def everything_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_only_the_archive_whose_md5_is_right_gives_official_pixels(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    content, parts = archive
    serve(sends(content))
    found = cifar10_official(tmp_path / "root")
    assert found.variant is None
    assert np.array_equal(found.train.images, np.concatenate([part.images for part in parts[:5]]))
    assert found.train.labels.tolist() == [label for part in parts[:5] for label in part.labels]
    assert found.train.labels.dtype == np.int64
    assert np.array_equal(found.test.images, parts[5].images)
    assert found.classes == sources.CIFAR10_CLASSES


def test_an_archive_that_is_already_there_needs_no_network(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    server = serve(sends(b"", status=503))
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(archive[0])
    assert cifar10_official(tmp_path).variant is None
    (tmp_path / "cifar-10-python.tar.gz").unlink()
    assert cifar10_official(tmp_path).variant is None  # from what was unpacked
    assert server.requests == 0


ANSWERS = {
    "garbage": sends(b"<html>Please log in to the hotel's network</html>"),
    "nothing": sends(b""),
    "not found": sends(b"gone", status=404),
    "server error": sends(b"busy", status=503),
    "shorter than announced": sends(b"\x1f\x8b" + bytes(5000), ("Content-Length", "170498071")),
    "a chunk cut off": sends(b"ffff\r\n\x1f\x8b" + bytes(5000), ("Transfer-Encoding", "chunked")),
    "no HTTP": no_http,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_failed_download_leaves_nothing_behind_and_names_the_other_ways(
    tmp_path: Path, serve: Callable[..., Server], answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server = serve(answer)
    with pytest.raises(UserError, match=r"could not be fetched from .* put cifar-10-python\.tar\.gz into") as told:
        cifar10_official(tmp_path)
    assert server.url in str(told.value)
    assert "parquet or folder" in str(told.value)
    assert server.requests > 0
    assert everything_below(tmp_path) == []


def test_a_truncated_archive_leaves_nothing_behind_and_the_next_try_succeeds(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    serve(sends(archive[0][:-200]))
    with pytest.raises(UserError, match="could not be fetched"):
        cifar10_official(tmp_path)
    assert everything_below(tmp_path) == []
    serve(sends(archive[0]))
    assert len(cifar10_official(tmp_path).train.labels) == 20


def test_a_server_that_is_gone_is_told_in_one_sentence(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve(no_http)
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match="run again when the network is up"):
        cifar10_official(tmp_path)
    assert everything_below(tmp_path) == []


def test_a_root_that_cannot_be_a_folder_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file")
    with pytest.raises(UserError, match="could not be fetched"):
        cifar10_official(tmp_path / "root")


def test_an_archive_with_another_number_of_images_is_refused(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(sends(archive[0]))
    monkeypatch.setattr(sources, "CIFAR10", Expected(50_000, 10_000, classes=10, input_size=32))
    with pytest.raises(UserError, match="20 train images, expected 50,000"):
        cifar10_official(tmp_path)
