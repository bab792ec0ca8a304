"""A made-up devkit of PASCAL VOC: what is read of it, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from errors import refused
from PIL import ExifTags, Image

from replication.data.annotations import DIFFICULT
from replication.data.index import read_images
from replication.data.sources import BCCD, VOC, VOC07, Place
from replication.data.sources.prepare import Requirements, prepare
from replication.data.sources.voc import read_2007, read_devkit, read_folder, read_objects

SMALL = replace(VOC, train_images=4, test_images=3)
OBJECT = """<object><name>{}</name><difficult>{}</difficult>
<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"""


def annotate(*things: tuple[object, ...], size: tuple[int, int] = (60, 40)) -> str:
    objects = "".join(OBJECT.format(*thing) for thing in things)
    width, height = size
    return f"<annotation><size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"


@pytest.fixture
def devkit(tmp_path: Path) -> Path:
    """Two training and three test images of 2007, two training images of 2012."""
    root = tmp_path / "VOCdevkit"
    lists = {"2007": {"trainval": ["a", "b"], "test": ["c", "d", "e"]}, "2012": {"trainval": ["2012_f", "2012_g"]}}
    for year, parts in lists.items():
        folder = root / f"VOC{year}"
        for name in ("ImageSets/Main", "Annotations", "JPEGImages"):
            (folder / name).mkdir(parents=True)
        for part, names in parts.items():
            (folder / f"ImageSets/Main/{part}.txt").write_text("\n".join(names) + "\n")
            for name in names:
                Image.new("RGB", (60, 40), "#406080").save(folder / f"JPEGImages/{name}.jpg")
                text = annotate(("dog", 0, 1, 1, 20, 30), ("person", 1, 11, 5, 60, 40))
                (folder / f"Annotations/{name}.xml").write_text(text)
    return root


def test_both_years_are_read_in_the_order_of_their_lists(devkit: Path) -> None:
    files = read_devkit(Place("devkit", devkit), SMALL)
    names = [name.rpartition("/")[2] for name in files.train.entries["name"].to_pylist()]
    assert names == ["a.jpg", "b.jpg", "2012_f.jpg", "2012_g.jpg"] and len(files.test) == 3
    assert files.classes == list(VOC.class_names)


def test_boxes_are_counted_from_one_and_have_their_last_pixel(devkit: Path) -> None:
    classes, boxes, flags = read_objects(devkit / "VOC2007/Annotations/a.xml", VOC.class_names)
    assert [VOC.class_names[number] for number in classes] == ["dog", "person"]
    assert boxes.tolist() == [[0, 0, 20, 30], [10, 4, 60, 40]] and flags.tolist() == [0, DIFFICULT]


def test_an_image_without_objects_and_fractions_of_pixels_are_read(devkit: Path) -> None:
    file = devkit / "VOC2007/Annotations/a.xml"
    file.write_text(annotate())
    assert read_objects(file, VOC.class_names).boxes.shape == (0, 4)
    file.write_text(annotate(("cat", 0, 1.4, 1, "20.7", 62)))
    assert read_objects(file, VOC.class_names).boxes.tolist() == [[0, 0, 21, 40]], "cut at the edge of the image"


def test_an_index_of_it_is_prepared_without_labels(devkit: Path, tmp_path: Path) -> None:
    needs = Requirements(input_size=32, train_images=4, shorter_side=32, needs_boxes=True)
    meta = prepare(tmp_path / "index", SMALL, Place("devkit", devkit), needs)
    images = read_images(tmp_path / "index", devkit)
    assert (meta.train_images, meta.test_images, images.load("test", 2).size) == (4, 3, (60, 40))
    assert torch.equal(images.test_annotations[0].flags, torch.tensor([0, DIFFICULT], dtype=torch.uint8))


def test_half_of_the_test_images_can_be_trained_on_with_what_is_there_of_trainval(devkit: Path) -> None:
    (devkit / "VOC2007/JPEGImages/a.jpg").unlink()
    files = read_2007(Place("devkit", devkit), VOC07)
    train, test = (
        [Path(name).stem for name in split.entries["name"].to_pylist()] for split in (files.train, files.test)
    )
    assert (train, test) == (["b", "c", "e"], ["d"])


def test_what_is_missing_or_damaged_is_refused_by_its_file(devkit: Path) -> None:
    place, file = Place("devkit", devkit), devkit / "VOC2007/Annotations/a.xml"
    for text, words in (
        ("<annotation>", "a.xml"),
        (annotate(("unicorn", 0, 1, 1, 2, 2)), "unicorn"),
        (annotate(("dog", 0, 30, 1, 20, 2)), "swapped"),
        (annotate(("dog", 0, "", 1, 20, 2)), "number"),
    ):
        file.write_text(text)
        with refused("damaged", words, file=file):
            read_devkit(place, SMALL)
    file.write_text(annotate())
    with refused("damaged", "4", file=devkit):
        read_devkit(place, VOC)
    (devkit / "VOC2007/JPEGImages/a.jpg").unlink()
    with refused("missing", "a.jpg", file=devkit / "VOC2007/JPEGImages/a.jpg"):
        read_devkit(place, SMALL)
    with refused("missing", "VOC2007", key="data.voc.root"):
        read_devkit(Place("devkit", devkit.parent), SMALL)


CELLS = replace(BCCD, train_images=2, test_images=2)


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A folder in the form of the devkit, without years: a grey, a CMYK and a turned photograph, and an empty one."""
    root = tmp_path / "BCCD"
    for name in ("ImageSets/Main", "Annotations", "JPEGImages"):
        (root / name).mkdir(parents=True)
    for part, names in {"trainval": ["grey", "cmyk"], "test": ["turned", "empty"]}.items():
        (root / f"ImageSets/Main/{part}.txt").write_text("\n".join(names) + "\n")
    Image.new("L", (60, 40), 90).save(root / "JPEGImages/grey.jpg")
    Image.new("CMYK", (60, 40), (10, 20, 30, 40)).save(root / "JPEGImages/cmyk.jpg")
    save_turned(root / "JPEGImages/turned.jpg", (40, 60))
    Image.new("RGB", (60, 40)).save(root / "JPEGImages/empty.jpg")
    for name in ("grey", "cmyk", "turned"):
        # The second is a point, as two objects of BCCD are.
        text = annotate(("RBC", 0, 1, 1, 20, 30), ("Platelets", 0, 50, 33, 50, 33))
        (root / f"Annotations/{name}.xml").write_text(text)
    (root / "Annotations/empty.xml").write_text(annotate())
    return root


def save_turned(file: Path, size: tuple[int, int]) -> None:
    """An image of this size whose EXIF orientation turns it by a quarter."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", size, "#406080").save(file, exif=exif)


def test_a_folder_without_years_is_read_with_classes_of_its_own(cells: Path, tmp_path: Path) -> None:
    needs = Requirements(input_size=32, train_images=2, shorter_side=32, needs_boxes=True)
    meta = prepare(tmp_path / "index", CELLS, Place("devkit", cells), needs)
    assert (meta.train_images, meta.test_images, meta.classes) == (2, 2, ["RBC", "WBC", "Platelets"])
    images = read_images(tmp_path / "index", cells)
    first, turned, empty = images.train_annotations[0], images.test_annotations[0], images.test_annotations[1]
    assert first.classes.tolist() == [0, 2] and first.boxes.tolist() == [[0, 0, 20, 30], [49, 32, 50, 33]]
    assert images.load("test", 0).size == (60, 40) and turned.boxes.tolist() == first.boxes.tolist()
    assert empty.boxes.shape == (0, 4)
    for split, index in (("train", 0), ("train", 1), ("test", 0)):
        assert images.load(split, index).mode == "RGB"


def test_boxes_of_a_photograph_that_is_turned_afterwards_are_refused(cells: Path) -> None:
    file = cells / "JPEGImages/turned.jpg"
    save_turned(file, (60, 40))
    with refused("damaged", "40x60", "60x40", file=file):
        read_folder(Place("devkit", cells), CELLS)


def test_a_folder_with_another_number_of_images_or_no_image_is_refused(cells: Path) -> None:
    with refused("damaged", "292", file=cells):
        read_folder(Place("devkit", cells), BCCD)
    (cells / "JPEGImages/grey.jpg").write_bytes(b"no image")
    with refused("damaged", "grey.jpg", file=cells / "JPEGImages/grey.jpg"):
        read_folder(Place("devkit", cells), CELLS)
    with refused("missing", "trainval", key="data.bccd.root"):
        read_folder(Place("devkit", cells.parent), CELLS)
