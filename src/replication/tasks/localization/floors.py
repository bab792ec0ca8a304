"""Image-independent baselines of tables 13 and 14. A net that is worse than the best of them is worse than ignoring the
image.
"""

import torch
from torch import Tensor

from replication.data.annotations import Annotations
from replication.data.store import Images
from replication.nets.boxes import RIGHT, overlap
from replication.tasks.localization import BASELINES
from replication.tasks.localization.feed import BoxBatches
from replication.tasks.localization.outcome import BoxOutcome, measure_overlaps

# The most training images that baselines use, evenly spread: in memory, and where each must be decoded for its size.
MAX_IMAGES, MAX_DECODED = 100_000, 20_000
WHOLE = torch.tensor([0.0, 0.0, 1.0, 1.0])


def measure_floors(_: object, batches: BoxBatches) -> BoxOutcome:
    """Three boxes for each test image: the whole image; the box, in shares of the sides, that is correct most often on
    the training images; and the median of each side over the training boxes of the image's class.
    """
    images, chosen = batches.images, batches.trained
    chosen = chosen[:: -(-len(chosen) // (MAX_IMAGES if images.in_memory else MAX_DECODED))].tolist()
    boxes, classes = _shares(images, "train", images.train_annotations, images.train_labels, chosen)
    medians = torch.stack([_median(boxes, classes == number) for number in range(len(images.meta.classes))])
    tested = range(len(images.test_labels))
    shares = {
        "whole_image": WHOLE.expand(len(tested), 4),
        "constant_box": best_constant(boxes).expand(len(tested), 4),
        "class_median": medians[images.test_labels],
    }
    sizes = _sizes(images, "test", tested)
    corners = {name: shares[name] * sizes for name in BASELINES}
    true = [images.test_annotations[index].boxes for index in tested]
    return BoxOutcome({name: measure_overlaps(values, true) for name, values in corners.items()}, corners)


def _median(boxes: Tensor, is_of_class: Tensor) -> Tensor:
    """The median of each side over the boxes of a class, or over all if it has none."""
    return boxes[is_of_class if is_of_class.any() else slice(None)].median(0).values


def best_constant(boxes: Tensor) -> Tensor:
    """The box, [4] in shares of the sides, that overlaps most of the boxes [M, 4] by half or more.

    A local search: it starts from the median of each side and moves one side at a time, by steps of an eighth to a
    sixty-fourth, as long as that helps. It need not find the best box of all.
    """
    best = boxes.median(0).values
    right = _count_right(best[None], boxes)[0]
    for step in (1 / 8, 1 / 16, 1 / 32, 1 / 64):
        moves = step * torch.cat([torch.eye(4), -torch.eye(4)])
        while True:
            tried = (best + moves).clamp(0, 1)
            counts = _count_right(tried, boxes)
            if counts.max() <= right:
                break
            best, right = tried[counts.argmax()], counts.max()
    return best


def _count_right(tried: Tensor, boxes: Tensor) -> Tensor:
    """The number of boxes [M, 4] that each of the tried ones [K, 4] overlaps by half or more, [K]."""
    return (overlap(tried, boxes) >= RIGHT).sum(1)


def _shares(
    images: Images, split: str, annotations: Annotations, labels: Tensor, chosen: list[int]
) -> tuple[Tensor, Tensor]:
    """The boxes of some images in shares of their sides, [M, 4], and the class of each, [M]."""
    by_image = [annotations[index].boxes for index in chosen]
    counts = torch.tensor([len(corners) for corners in by_image])
    sizes = _sizes(images, split, chosen).repeat_interleave(counts, 0)
    return torch.cat(by_image) / sizes, labels[chosen].repeat_interleave(counts)


def _sizes(images: Images, split: str, chosen: "list[int] | range") -> Tensor:
    """Width, height, width, height of some images, [N, 4]."""
    return torch.tensor([images.load(split, index).size * 2 for index in chosen], dtype=torch.float32)
