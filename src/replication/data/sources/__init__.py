"""The data sets of the study, and what reads each of their sources.

Declarations only, read without torch: a stage imports a reader by its name when it needs it.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """Where a data set lies: one of its sources, the folder, and the address of a download (None: the authors')."""

    source: str
    root: Path
    url: str | None = None


class Digest(NamedTuple):
    """What tells official pixels and labels, in any file format; `official.digest_split` makes it.

    `ordered` is that of the images in the official order, `unordered` that of the same images in any order.
    """

    ordered: str
    unordered: str


@dataclass(frozen=True)
class Dataset:
    """What a complete copy of a data set holds, and what reads it.

    A reader "package.module:function" takes `Place` and `Dataset` and gives a `decode.Source`; that of an indexed data
    set, whose images stay where they are, gives `index.Files`.
    """

    key: str  # as in params.yaml, profiles and records, "cifar10"
    name: str  # in messages and on the page, "CIFAR-10"
    train_images: int
    test_images: int
    classes: int
    input_size: int | None = None  # None where images have sizes of their own, or any
    test: str = "test"  # the name of its test split in file names
    readers: dict[str, str] = field(default_factory=dict)  # by the name of the source; none if it is embedded
    # What reads the boxes of its images, by the name of the source: (place, dataset) → the boxes of each image, for
    # both splits; of an indexed data set (place, dataset, files) → files with boxes, of the images that have some.
    box_readers: dict[str, str] = field(default_factory=dict)
    is_indexed: bool = False
    class_names: tuple[str, ...] = ()  # where a source gives labels as numbers alone
    is_shareable: bool = False  # anybody may pass its images on: a picture of some is committed with the results
    digests: tuple[Digest, Digest] | None = None  # of the training and the test images, where they are known
    scenes: str = ""  # what draws embedded images of several objects: size → training and test `digit_scenes.Scenes`
    smoke_test: str = ""  # on the page, the name of a study on it, if its images say nothing about the paper


HERE = "replication.data.sources"

DIGITS = Dataset(
    "digits", "handwritten digits", 1437, 360, classes=10, is_shareable=True, smoke_test="Digits smoke test"
)

DIGIT_SCENES = Dataset(
    "digit_scenes", "scenes of digits", 1000, 200, classes=10, is_shareable=True, smoke_test="Digits smoke test",
    class_names=tuple("0123456789"), scenes=f"{HERE}.digit_scenes:make_scenes",
)  # fmt: skip

CIFAR10 = Dataset(
    "cifar10", "CIFAR-10", 50_000, 10_000, classes=10, input_size=32,
    readers={
        "official": f"{HERE}.cifar10:read_official",
        "binary": f"{HERE}.cifar10:read_binary",
        "parquet": f"{HERE}.parquet:read_parquet",
        "folder": f"{HERE}.folder:read_folder",
    },
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    digests=(
        Digest(
            "973ef2abb5897efc795681a4d79a6f5f642fa2bcb1a828f7476017c89db53a57",
            "1195f442362167ebcd5a35e348aaaabb4065dcf0abe432f959be61d70d4968f2",
        ),
        Digest(
            "2c33b053d1cd726af8d86e174a96dd89d7000ba1412add026d68142375b89d51",
            "77607e1cd43d23381060104a0e869a7ff871ec37fee871f4e3b3ac800f4c3cfd",
        ),
    ),
)  # fmt: skip

TINY_IMAGENET = Dataset(
    "tiny_imagenet", "Tiny ImageNet", 100_000, 10_000, classes=200, input_size=64, test="valid",
    readers={"parquet": f"{HERE}.parquet:read_parquet", "folder": f"{HERE}.tiny_imagenet:read_folder"},
    box_readers={"parquet": f"{HERE}.boxes:read_parquet", "folder": f"{HERE}.boxes:read_tiny_imagenet"},
)  # fmt: skip

IMAGENET = Dataset(
    "imagenet", "ImageNet", 1_281_167, 50_000, classes=1000, test="val", is_indexed=True,
    readers={name: f"{HERE}.imagenet:read_{name}" for name in ("archives", "folder", "parquet")},
    box_readers=dict.fromkeys(("archives", "folder"), f"{HERE}.boxes:read_imagenet"),
)  # fmt: skip

VOC = Dataset(
    "voc", "PASCAL VOC 07+12", 16_551, 4952, classes=20, is_indexed=True,
    readers={"devkit": f"{HERE}.voc:read_devkit"},
    class_names=(
        "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
        "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
    ),
)  # fmt: skip

VOC07 = replace(
    VOC, key="voc07", name="PASCAL VOC 2007, another split", train_images=3258, test_images=2476,
    readers={"devkit": f"{HERE}.voc:read_2007"},
)  # fmt: skip

BCCD = Dataset(
    "bccd", "BCCD blood cells", 292, 72, classes=3, is_indexed=True, is_shareable=True,
    readers={"devkit": f"{HERE}.voc:read_folder"}, class_names=("RBC", "WBC", "Platelets"),
)  # fmt: skip

COCO = Dataset(
    "coco", "MS COCO", 82_783, 40_504, classes=80, test="val", is_indexed=True,
    readers={"folder": f"{HERE}.coco:read_folder"},
    class_names=(
        "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
        "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
        "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis",
        "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
        "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich",
        "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed",
        "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven",
        "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier",
        "toothbrush",
    ),
)  # fmt: skip

DATASETS: dict[str, Dataset] = {
    dataset.key: dataset for dataset in (DIGITS, DIGIT_SCENES, CIFAR10, TINY_IMAGENET, IMAGENET, VOC, VOC07, BCCD, COCO)
}
DATA_NAMES: dict[str, str] = {key: dataset.name for key, dataset in DATASETS.items()}
