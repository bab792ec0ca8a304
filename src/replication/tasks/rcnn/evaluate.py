"""Test protocols of R-CNN (appendix C), which scores and moves the proposals of a localization net.

The proposals themselves are tested on the same images: as many as R-CNN gets, clipped to the image. The most probable
is chosen, or they are merged, as in the localization net's own test.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from replication.data.boxes import clip_boxes
from replication.tasks.inference import autocast, fold_batch_norm
from replication.tasks.localization.boxes import merge_boxes
from replication.tasks.localization.evaluate import choose_true_class, dense_candidates, guess_classes
from replication.tasks.localization.outcome import BoxOutcome, PairOutcome, compare_pairs
from replication.tasks.rcnn import PAIRS, PAIRS_GUESSED
from replication.tasks.rcnn.feed import RegionBatches
from replication.tasks.rcnn.proposals import Proposals, choose_best, judge


def oracle_centre(net: nn.Module, batches: RegionBatches) -> BoxOutcome:
    """The true class, proposals from the centre crop: the most probable one by R-CNN, moved.

    The error equals the last point of the curve.
    """
    judged = list(_judge_all(net, batches, batches.propose("test")))
    best = {
        "per_class_rpn": torch.cat([choose_best(part.scores, part.boxes) for part, _, _ in judged]),
        "rcnn": torch.cat([choose_best(scores, boxes) for _, scores, boxes in judged]),
    }
    return choose_true_class(best, batches.images.test_labels[:, None], batches)


def predicted_dense(net: nn.Module, batches: RegionBatches) -> BoxOutcome:
    """The five most probable classes of the classifier, with dense proposals of the localization net for each. R-CNN's
    boxes are merged as in the dense test (Table 13, "RPN+RCNN").
    """
    classes, recipe = guess_classes(batches), batches.recipe
    method, count, proposing = "per_class_rpn", recipe.regions.proposals, batches.proposing_net
    scores, boxes = dense_candidates(*proposing, classes, [method], count)[method]
    scores, which = scores.topk(min(count, scores.shape[2]))
    boxes = boxes.gather(2, which[..., None].expand(-1, -1, -1, 4))
    images, indices = batches.images, range(len(classes))
    sizes = [images.load("test", index).size for index in indices]
    proposals = Proposals(
        [("test", index) for index in indices],
        [images.test_annotations[index].boxes for index in indices],
        classes,
        scores,
        torch.stack([clip_boxes(of_image, size) for of_image, size in zip(boxes, sizes, strict=True)]),
    )
    merged = [
        merge_boxes(scores, moved, recipe.merged_from)
        for _, scores, moved in _judge_all(net, batches, batches.parts(proposals))
    ]
    best = {"rcnn": torch.cat(merged), method: merge_boxes(proposals.scores, proposals.boxes, recipe.merged_from)}
    return choose_true_class(best, classes, batches)


@torch.inference_mode()
def _judge_all(
    net: nn.Module, batches: RegionBatches, parts: Iterator[Proposals]
) -> Iterator[tuple[Proposals, Tensor, Tensor]]:
    """Each part with R-CNN's scores and boxes; see `judge`."""
    net = fold_batch_norm(net)
    for part in parts:
        with autocast(batches):
            output = net(batches.regions(part))
        yield part, *judge(output, part)


def pairs(outcomes: Mapping[str, BoxOutcome]) -> PairOutcome:
    """R-CNN and its proposals compared image by image."""
    return compare_pairs(outcomes, PAIRS)


def pairs_guessed(outcomes: Mapping[str, BoxOutcome]) -> PairOutcome:
    """R-CNN and its proposals compared image by image, for the guessed classes."""
    return compare_pairs(outcomes, PAIRS_GUESSED)


PROTOCOLS = {"oracle_centre": oracle_centre, "predicted_dense": predicted_dense}
COMPARED = {"pairs": pairs, "pairs_guessed": pairs_guessed}
OUTCOME = BoxOutcome
