"""Test protocols of appendix C: a box for the true class or for five guessed ones; on the centre crop, or dense."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from PIL import Image
from torch import Tensor, nn

from replication.data.boxes import mirror_boxes, pad_boxes, to_image
from replication.data.crops import Frame, Pixels, whole_frame
from replication.tasks.imagenet.evaluate import ten_crop
from replication.tasks.imagenet.views import resize_whole
from replication.tasks.inference import autocast, fold_batch_norm
from replication.tasks.localization import METHODS, PAIRS
from replication.tasks.localization.boxes import best_boxes, candidates, merge_boxes
from replication.tasks.localization.examples import draw_examples
from replication.tasks.localization.feed import BoxBatches, BoxedBatches, BoxedView, stack_pixels, view_centre
from replication.tasks.localization.floors import measure_floors
from replication.tasks.localization.net import LocalizationNet
from replication.tasks.localization.outcome import BoxOutcome, PairOutcome, compare_pairs, measure_overlaps

CANDIDATES = 20  # boxes of each image, class, scale and mirror image that the dense test merges
GUESSES = 5


@torch.inference_mode()
def oracle_centre(net: LocalizationNet, batches: BoxBatches) -> BoxOutcome:
    """The true class, one crop from the middle (Table 13, "1-crop"), by all four methods."""
    net = fold_batch_norm(net)
    boxes: dict[str, list[Tensor]] = {method: [] for method in METHODS}
    true: list[Tensor] = []
    for views, labels in batches.iterate_views("test", partial(view_centre, batches.recipe)):
        images = batches.normalise(stack_pixels(views).to(batches.device))
        with autocast(batches):
            output, classes = net(images), labels[:, None].to(batches.device)
            for method in METHODS:
                best = best_boxes(output, method, classes, batches.recipe)[:, 0].cpu()
                boxes[method].append(to_images(best, views))
        true += [image.boxes for image in views]
    joined = {method: torch.cat(parts) for method, parts in boxes.items()}
    return BoxOutcome(
        {method: measure_overlaps(values, true) for method, values in joined.items()}, joined, pad_boxes(true)
    )


def oracle_dense(net: LocalizationNet, batches: BoxBatches) -> BoxOutcome:
    """The true class; the net slides over the whole image at several scales, and boxes are merged (Table 13)."""
    labels = batches.images.test_labels[:, None]
    return _dense(net, batches, labels, ("per_class_rpn", "rpn"))


def predicted_dense(net: LocalizationNet, batches: BoxBatches) -> BoxOutcome:
    """The five most probable classes of the classifier, a box for each, dense (Table 13, last column).

    The classifier is the net of section 4.1 that initialised the backbone, tested by 10 crops.
    """
    return _dense(net, batches, guess_classes(batches), ("per_class_rpn",))


def guess_classes(batches: BoxedBatches) -> Tensor:
    """The five most probable classes of each test image by the classifier, [N, 5]."""
    guesses = ten_crop(*batches.started_from["backbone"]).probabilities
    return guesses.topk(min(GUESSES, guesses.shape[1])).indices


def _dense(net: LocalizationNet, batches: BoxBatches, classes: Tensor, methods: Sequence[str]) -> BoxOutcome:
    """Locate the classes [N, n] of each test image."""
    by_method = dense_candidates(fold_batch_norm(net), batches, classes, methods, CANDIDATES)
    boxes = {key: merge_boxes(*candidates, batches.recipe.merged_from) for key, candidates in by_method.items()}
    return choose_true_class(boxes, classes, batches)


def choose_true_class(boxes: Mapping[str, Tensor], classes: Tensor, batches: BoxedBatches) -> BoxOutcome:
    """The box of the true class among boxes [N, n, 4] for the classes [N, n] of each test image; NaN if it has none."""
    is_true = classes == batches.images.test_labels[:, None]
    true = [batches.images.test_annotations[index].boxes for index in range(len(classes))]
    chosen = {}
    for method, of_classes in boxes.items():
        box = of_classes[torch.arange(len(of_classes)), is_true.float().argmax(1)]
        chosen[method] = torch.where(is_true.any(1, keepdim=True), box, torch.nan)
    return BoxOutcome({method: measure_overlaps(box, true) for method, box in chosen.items()}, chosen, pad_boxes(true))


Candidates = tuple[Tensor, Tensor]  # probabilities [N, n, M] and boxes [N, n, M, 4]


@torch.inference_mode()
def dense_candidates(
    net: nn.Module, batches: BoxBatches, classes: Tensor, methods: Sequence[str], count: int
) -> dict[str, Candidates]:
    """Candidates for the classes [N, n] of each test image, in pixels of the image: by each method the `count` most
    probable boxes of each scale and mirror image, with the net slid over the whole image.
    """
    scales: dict[str, list[Candidates]] = {method: [] for method in methods}
    for side in batches.recipe.test.scales:
        parts: dict[str, list[Candidates]] = {method: [] for method in methods}
        first = 0
        for views, _ in batches.iterate_views("test", partial(_view_whole, side)):
            part = _slide(net, batches, views, classes[first : first + len(views)], methods, count)
            first += len(views)
            for method in methods:
                parts[method].append(part[method])
        for method in methods:
            scales[method].append(_join(parts[method], 0))
    return {method: _join(by_scale, 2) for method, by_scale in scales.items()}


def _slide(
    net: nn.Module, batches: BoxBatches, views: Sequence[BoxedView], classes: Tensor, methods: Sequence[str], count: int
) -> dict[str, Candidates]:
    """Candidates by each method for images of any sizes, in pixels of the images: [B, n, M] and [B, n, M, 4]."""
    of_images: dict[str, dict[int, Candidates]] = {method: {} for method in methods}
    shapes = [image.pixels.shape for image in views]
    for shape in dict.fromkeys(shapes):  # images of one size are tested together
        members = [index for index, other in enumerate(shapes) if other == shape]
        images = batches.normalise(stack_pixels([views[index] for index in members]).to(batches.device))
        asked = classes[members].to(batches.device)
        for method, (scores, boxes) in _candidates(net, batches, images, asked, methods, count).items():
            for row, index in enumerate(members):
                of_images[method][index] = scores[row], to_image(boxes[row], views[index].frame)
    return {
        method: tuple(torch.stack([by_index[index][kind] for index in range(len(views))]) for kind in (0, 1))
        for method, by_index in of_images.items()
    }


def _candidates(
    net: nn.Module, batches: BoxBatches, images: Tensor, classes: Tensor, methods: Sequence[str], count: int
) -> dict[str, Candidates]:
    """Candidates by each method for images of one size, and for their mirror images if the recipe says so."""
    views: dict[str, list[Candidates]] = {method: [] for method in methods}
    for flip in [False, True] if batches.recipe.test.mirrored else [False]:
        with autocast(batches):
            output = net(images.flip(3) if flip else images)
            for method in methods:
                scores, boxes = candidates(output, method, classes, batches.recipe, count)
                boxes = mirror_boxes(boxes, images.shape[3]) if flip else boxes
                views[method].append((scores.cpu(), boxes.cpu()))
    return {method: _join(by_view, 2) for method, by_view in views.items()}


def _join(parts: Sequence[Candidates], dimension: int) -> Candidates:
    return tuple(torch.cat(tensors, dimension) for tensors in zip(*parts, strict=True))


def to_images(boxes: Tensor, views: Sequence[BoxedView]) -> Tensor:
    """Boxes [n, 4], one a view, converted to pixels of their images."""
    return torch.stack([to_image(box, image.frame) for box, image in zip(boxes, views, strict=True)])


def _view_whole(side: int, image: Image.Image) -> tuple[Pixels, Frame]:
    return resize_whole(image, side), whole_frame(image.size, side)


def pairs(outcomes: Mapping[str, BoxOutcome]) -> PairOutcome:
    """The four methods, and the two tests, compared image by image."""
    return compare_pairs(outcomes, PAIRS)


PROTOCOLS = {
    "oracle_centre": oracle_centre,
    "oracle_dense": oracle_dense,
    "predicted_dense": predicted_dense,
    "floors": measure_floors,
}
COMPARED = {"pairs": pairs}
OUTCOME = BoxOutcome
__all__ = ["COMPARED", "OUTCOME", "PROTOCOLS", "draw_examples"]
