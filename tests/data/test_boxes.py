"""Boxes: in views of their images and back, and as sources give them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from errors import refused

from replication.data.boxes import mirror_boxes, pad_boxes, to_frame, to_image, to_view
from replication.data.crops import Frame, centre_crop, crop, frame_of, whole_frame
from replication.data.sources import DATASETS, Place
from replication.data.sources.boxes import check_box, read_localization_boxes, read_parquet, read_tiny_imagenet
from replication.data.sources.digits import digits_on_canvas

WHOLE = torch.tensor([[0.0, 0, 64, 48]])


def test_a_box_in_a_crop_worked_by_hand() -> None:
    # An image of 64x48, twice as large, the 100 pixels from (10, -) on.
    frame = Frame((2.0, 2.0), (10, 0), (100, 90))
    box = torch.tensor([[5.0, 10, 25, 30]])  # as large: 10..50 and 20..60
    assert to_view(box, frame, mirror=False, visible=0.5).tolist() == [[0, 20, 40, 60]]
    assert to_view(box, frame, mirror=True, visible=0.5).tolist() == [[60, 20, 100, 60]]
    half = torch.tensor([[0.0, 0, 10, 10]])  # 0..20 across, of which 10..20 are shown
    assert to_view(half, frame, False, visible=0.5).tolist() == [[0, 0, 10, 20]]
    assert to_view(half, frame, False, visible=0.51).shape == (0, 4), "too little of it is seen"
    assert to_frame(half, frame).tolist() == [[-10, 0, 10, 20]], "for a test also what lies outside counts"
    assert to_image(to_frame(box, frame), frame).tolist() == box.tolist()
    assert mirror_boxes(mirror_boxes(box, 64), 64).tolist() == box.tolist()


@pytest.mark.parametrize("size", [(64, 64), (75, 50), (50, 83)])
@pytest.mark.parametrize("place", [(0, 0), (0.5, 0.5), (1, 1), (0.3, 0.8)])
def test_a_frame_is_what_a_crop_shows(size: tuple[int, int], place: tuple[float, float]) -> None:
    """A bright rectangle, cropped, lies where its box says."""
    from PIL import Image

    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    box = torch.tensor([[8.0, 12, 40, 44]])
    pixels[12:44, 8:40] = 255
    image = Image.fromarray(pixels)
    shown = crop(image, 64, 56, *place)[:, :, 0] > 127
    (left, top, right, bottom) = to_view(box, frame_of(image.size, 64, 56, *place), False, 0.1)[0].tolist()
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    assert np.allclose(found, [left, top, right, bottom], atol=1.0)
    assert centre_crop(image, 64, 56).shape == (56, 56, 3)
    assert to_frame(WHOLE, whole_frame((64, 48), 96))[0].tolist() == [0, 0, 128, 96]


def test_lists_of_boxes_are_padded_with_nan() -> None:
    rows = pad_boxes([torch.ones(2, 4), torch.empty(0, 4), torch.tensor([[1.0, 1, 3, 3]])])
    assert rows.shape == (3, 2, 4) and rows[1].isnan().all() and rows[2, 0].tolist() == [1, 1, 3, 3]


def test_digits_on_a_canvas_lie_in_their_boxes() -> None:
    source, train, test = digits_on_canvas(37)
    assert (len(train), len(test)) == (1437, 360) == (len(source.train.labels), len(source.test.labels))
    for images, boxes in ((source.train.images, train), (source.test.images, test)):
        for image, box in zip(images, boxes, strict=True):
            left, top, right, bottom = box[0].astype(int)
            inside = image[0, top:bottom, left:right].sum(dtype=int)
            assert inside == image[0].sum(dtype=int) > 0, "nothing of the digit lies outside"
            assert 12 <= right - left <= 34 and 12 <= bottom - top <= 34


def test_the_pixels_of_a_source_become_corners() -> None:
    assert check_box([0, 0, 63, 63], (64, 64), "here") == [0, 0, 64, 64], "the last pixel is part of the object"
    assert check_box([5, 5, 5, 5], (64, 64), "here") == [5, 5, 6, 6], "one without width or height is a pixel wide"
    assert check_box(["-3", "2", "70", "9"], (64, 64), "here") == [0, 2, 64, 10], "what reaches over the image is cut"


@pytest.mark.parametrize(
    "numbers", [[9, 0, 3, 5], [64, 0, 70, 5], [-9, 0, -1, 5], [1, 2, 3], ["a", 2, 3, 4], None], ids=str
)
def test_a_bad_box_is_refused_with_its_file_and_row(numbers: Any) -> None:
    with refused("damaged", "row 7", "fetch", file="train.parquet"):
        check_box(numbers, (64, 64), "train.parquet, row 7", Path("train.parquet"))


def test_parquet_with_boxes(tmp_path: Path) -> None:
    for split, boxes in (("train", [[0, 0, 63, 63], [1, 2, 3, 4]]), ("valid", [[5, 5, 6, 6]])):
        pyarrow.parquet.write_table(pyarrow.table({"bbox": boxes}), tmp_path / f"{split}-0.parquet")
    place = Place("parquet", tmp_path)
    train, test = read_parquet(place, DATASETS["tiny_imagenet"])
    assert [box.tolist() for box in (*train, *test)] == [[[0, 0, 64, 64]], [[1, 2, 4, 5]], [[5, 5, 7, 7]]]
    pyarrow.parquet.write_table(pyarrow.table({"label": [1]}), tmp_path / "valid-0.parquet")
    with refused("missing", key="bbox", file=tmp_path / "valid-0.parquet"):
        read_parquet(place, DATASETS["tiny_imagenet"])


def test_the_folder_of_tiny_imagenet_gives_boxes_in_the_order_of_its_images(tmp_path: Path) -> None:
    for number, wnid in enumerate(("n1", "n2")):
        images = tmp_path / "train" / wnid / "images"
        images.mkdir(parents=True)
        lines = []
        for image in range(2):
            (images / f"{wnid}_{image}.JPEG").touch()
            lines.append(f"{wnid}_{image}.JPEG\t{number}\t{image}\t10\t20")
        (images.parent / f"{wnid}_boxes.txt").write_text("\n".join(lines[::-1]) + "\n")
    (tmp_path / "val").mkdir()
    (tmp_path / "val/val_annotations.txt").write_text("v0.JPEG\tn2\t1\t2\t3\t4\nv1.JPEG\tn1\t0\t0\t63\t63\n")
    place = Place("folder", tmp_path)
    train, test = read_tiny_imagenet(place, DATASETS["tiny_imagenet"])
    assert [box[0, :2].tolist() for box in train] == [[0, 0], [1, 0], [0, 1], [1, 1]], "one of each class in turn"
    assert [box.tolist() for box in test] == [[[1, 2, 4, 5]], [[0, 0, 64, 64]]]
    (tmp_path / "train/n1/n1_boxes.txt").write_text("n1_0.JPEG\t0\t0\t1\t1\n")
    with refused("damaged", "n1_1.JPEG", file="n1/n1_boxes.txt"):
        read_tiny_imagenet(place, DATASETS["tiny_imagenet"])


NAMES, WNIDS = ["train/n01/n01_7.JPEG", "n02_8.JPEG"], ["n01", "n02"]


def test_boxes_of_imagenet_as_kaggle_gives_them(tmp_path: Path) -> None:
    table = tmp_path / "LOC_train_solution.csv"
    table.write_text("ImageId,PredictionString\nn01_7,n01 1 2 3 4 n01 5 6 7 8 n02 0 0 9 9 \n")
    first, second = read_localization_boxes(tmp_path, "train", NAMES, WNIDS)
    assert first.tolist() == [[1, 2, 4, 5], [5, 6, 8, 9]], "several of its class, none of another"
    assert second.shape == (0, 4), "an image without boxes"
    table.write_text("ImageId,PredictionString\nn01_7,n01 1 2 3\n")
    with refused("damaged", "line 2", file=table):
        read_localization_boxes(tmp_path, "train", NAMES, WNIDS)


def test_boxes_of_imagenet_in_xml(tmp_path: Path) -> None:
    folder = tmp_path / "Annotations/CLS-LOC/train/n01"
    folder.mkdir(parents=True)
    corners = "<xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>4</ymax>"
    size = "<size><width>20</width><height>10</height></size>"
    thing = f"<object><name>n01</name><bndbox>{corners}</bndbox></object>"
    (folder / "n01_7.xml").write_text(f"<annotation>{size}{thing}</annotation>")
    first, second = read_localization_boxes(tmp_path, "train", NAMES, WNIDS)
    assert first.tolist() == [[1, 2, 20, 5]] and second.shape == (0, 4)
    (folder / "n01_7.xml").write_text("<annotation>")
    with refused("damaged", file=folder / "n01_7.xml"):
        read_localization_boxes(tmp_path, "train", NAMES, WNIDS)
    with refused("missing", "LOC_val_solution.csv", "Annotations/CLS-LOC/val", file=tmp_path):
        read_localization_boxes(tmp_path, "val", NAMES, WNIDS)
