"""Test protocols of appendix C: the true class or the five guessed ones, a box for each; centre crop, or dense."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from PIL import Image
from torch import Tensor, nn

from replication.data.boxes import in_image, mirrored, padded
from replication.data.crops import Frame, Pixels, whole_frame
from replication.nets.boxes import overlap
from replication.nets.localization import LocalizationNet
from replication.tasks.imagenet.evaluate import ten_crop
from replication.tasks.imagenet.views import whole
from replication.tasks.inference import autocast, folded
from replication.tasks.localization import WAYS
from replication.tasks.localization.boxes import best_boxes, candidates, merged
from replication.tasks.localization.feed import BoxBatches, BoxedBatches, Seen, centre
from replication.tasks.localization.outcome import Located

CANDIDATES = 20  # boxes of each image, class, scale and mirror image that the dense test merges
GUESSES = 5


@torch.inference_mode()
def oracle_centre(net: LocalizationNet, batches: BoxBatches) -> Located:
    """The true class is given, one crop from the middle (Table 13, "1-crop"), by all four ways."""
    net = folded(net)

    def locate(seen: Sequence[Seen], labels: Tensor) -> dict[str, Tensor]:
        images = batches.plain(_stacked(seen).to(batches.device))
        with autocast(batches):
            answers = net(images)
            own = labels[:, None].to(batches.device)
            return {way: best_boxes(answers, way, own, batches.recipe)[:, 0].cpu() for way in WAYS}

    found: list[dict[str, Tensor]] = []
    true: list[Tensor] = []
    for seen, labels in batches.seen("test", partial(centre, batches.recipe)):
        of_part = locate(seen, labels)
        found.append({way: in_images(boxes, seen) for way, boxes in of_part.items()})
        true += [of.boxes for of in seen]
    boxes = {way: torch.cat([part[way] for part in found]) for way in WAYS}
    return Located({way: overlaps_of(boxes[way], true) for way in WAYS}, boxes, padded(true))


def oracle_dense(net: LocalizationNet, batches: BoxBatches) -> Located:
    """The true class is given, the net slid over the whole image at several scales, the boxes merged (Table 13)."""
    labels = batches.images.test_labels[:, None]
    return _dense(net, batches, labels, ("per_class_rpn", "rpn"))


def predicted_dense(net: LocalizationNet, batches: BoxBatches) -> Located:
    """The five classes that the classifier finds most probable, a box for each, dense (Table 13, last column).

    The classifier is the net of section 4.1 that this one began as, tested by 10 crops.
    """
    return _dense(net, batches, guessed(batches), ("per_class_rpn",))


def guessed(batches: BoxedBatches) -> Tensor:
    """The five classes of each test image that the classifier finds most probable, [N, 5]."""
    if batches.classifier is None:
        raise ValueError("predicted classes need batches.classifier")
    guesses = ten_crop(batches.classifier, batches).probabilities
    return guesses.topk(min(GUESSES, guesses.shape[1])).indices


def _dense(net: LocalizationNet, batches: BoxBatches, classes: Tensor, ways: Sequence[str]) -> Located:
    """Locate the classes [N, n] of each test image; see `Located`."""
    found = dense_candidates(folded(net), batches, classes, ways, CANDIDATES)
    one = {way: merged(*of, batches.recipe.merged_from) for way, of in found.items()}  # [N, n, 4]
    return of_own_class(one, classes, batches)


def of_own_class(boxes: Mapping[str, Tensor], classes: Tensor, batches: BoxedBatches) -> Located:
    """Of a box for each of the classes [N, n] of each test image, [N, n, 4], that of the true class, if it is one."""
    is_own = classes == batches.images.test_labels[:, None]
    true = [batches.images.test_annotations[index].boxes for index in range(len(classes))]
    kept = {}
    for way, of in boxes.items():
        own = of[torch.arange(len(of)), is_own.float().argmax(1)]
        kept[way] = torch.where(is_own.any(1, keepdim=True), own, torch.nan)
    return Located({way: overlaps_of(of, true) for way, of in kept.items()}, kept, padded(true))


@torch.inference_mode()
def dense_candidates(
    net: nn.Module, batches: BoxBatches, classes: Tensor, ways: Sequence[str], count: int
) -> dict[str, tuple[Tensor, Tensor]]:
    """What a net slid over each whole test image finds of its classes [N, n], in pixels of the image: for each way the
    `count` most probable boxes of each scale and mirror image, probabilities [N, n, M] and boxes [N, n, M, 4].
    """
    found: dict[str, list[tuple[Tensor, Tensor]]] = {way: [] for way in ways}  # a scale each
    for side in batches.recipe.test.scales:
        seen_before = 0
        parts: dict[str, list[tuple[Tensor, Tensor]]] = {way: [] for way in ways}
        for seen, _ in batches.seen("test", partial(_whole, side)):
            asked = classes[seen_before : seen_before + len(seen)]
            seen_before += len(seen)
            for way, of_part in _slid(net, batches, seen, asked, ways, count).items():
                parts[way].append(of_part)
        for way in ways:
            found[way].append(tuple(torch.cat(of) for of in zip(*parts[way], strict=True)))
    return {way: tuple(torch.cat(of, 2) for of in zip(*scales, strict=True)) for way, scales in found.items()}


def _slid(
    net: nn.Module, batches: BoxBatches, seen: Sequence[Seen], classes: Tensor, ways: Sequence[str], count: int
) -> dict[str, tuple[Tensor, Tensor]]:
    """Candidates of each way for images of any sizes, in pixels of the images: [B, n, M] and [B, n, M, 4]."""
    found: dict[str, dict[int, tuple[Tensor, Tensor]]] = {way: {} for way in ways}
    shapes = [of.pixels.shape for of in seen]
    for shape in dict.fromkeys(shapes):  # images of one size go together
        members = [index for index, own in enumerate(shapes) if own == shape]
        images = batches.plain(_stacked([seen[index] for index in members]).to(batches.device))
        asked = classes[members].to(batches.device)
        flips = [False, True] if batches.recipe.test.mirrored else [False]
        for way, (scores, boxes) in _candidates(net, batches, images, asked, ways, flips, count).items():
            for row, index in enumerate(members):
                found[way][index] = scores[row], in_image(boxes[row], seen[index].frame)
    return {
        way: tuple(torch.stack([of[index][kind] for index in range(len(seen))]) for kind in (0, 1))
        for way, of in found.items()
    }


def _candidates(
    net: nn.Module,
    batches: BoxBatches,
    images: Tensor,
    classes: Tensor,
    ways: Sequence[str],
    flips: Sequence[bool],
    count: int,
) -> dict[str, tuple[Tensor, Tensor]]:
    found: dict[str, list[tuple[Tensor, Tensor]]] = {way: [] for way in ways}
    for flip in flips:
        with autocast(batches):
            answers = net(images.flip(3) if flip else images)
            for way in ways:
                scores, boxes = candidates(answers, way, classes, batches.recipe, count)
                boxes = mirrored(boxes, images.shape[3]) if flip else boxes
                found[way].append((scores.cpu(), boxes.cpu()))
    return {way: (torch.cat([s for s, _ in of], 2), torch.cat([b for _, b in of], 2)) for way, of in found.items()}


def overlaps_of(boxes: Tensor, true: Sequence[Tensor]) -> Tensor:
    """The overlap of each box [N, 4] with the nearest of its image's true ones, lists of [K, 4]; of NaN 0."""
    return torch.stack([overlap(box[None], of).amax() for box, of in zip(boxes, true, strict=True)])


def in_images(boxes: Tensor, seen: Sequence[Seen]) -> Tensor:
    """Boxes [n, 4] of views, a view each, in pixels of their images."""
    return torch.stack([in_image(box, of.frame) for box, of in zip(boxes, seen, strict=True)])


def _stacked(seen: Sequence[Seen]) -> Tensor:
    return torch.stack([of.pixels for of in seen]).permute(0, 3, 1, 2)


def _whole(side: int, image: Image.Image) -> tuple[Pixels, Frame]:
    return whole(image, side), whole_frame(image.size, side)
