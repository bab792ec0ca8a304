"""Test protocols of R-CNN (appendix C): it scores the boxes that the first step proposes anew, and moves them.

Beside it stand, on the same images, the boxes that it begins with: as many as R-CNN is given, clipped to the image, and
the most probable of them taken, or merged, as the first step does.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from replication.data.boxes import clipped
from replication.tasks.inference import autocast, folded
from replication.tasks.localization.boxes import merged
from replication.tasks.localization.evaluate import dense_candidates, guessed, of_own_class
from replication.tasks.localization.outcome import Located
from replication.tasks.rcnn.feed import Proposed, RegionBatches
from replication.tasks.rcnn.proposals import best_of, moved


def oracle_centre(net: nn.Module, batches: RegionBatches) -> Located:
    """The true class is given, boxes are proposed from the centre crop: the one that R-CNN finds most probable, moved.

    The error is that of the curve.
    """
    found = list(_judged(net, batches, batches.proposed("test")))
    best = {"per_class_rpn": torch.cat([best_of(of.scores, of.boxes) for of, _, _ in found])}
    best["rcnn"] = torch.cat([best_of(scores, boxes) for _, scores, boxes in found])
    return of_own_class(best, batches.images.test_labels[:, None], batches)


def predicted_dense(net: nn.Module, batches: RegionBatches) -> Located:
    """The five classes that the classifier finds most probable, and for each the boxes that the first step proposes,
    slid over the whole image; R-CNN's boxes are merged as those of the dense test are (Table 13, "RPN+RCNN").
    """
    classes, recipe = guessed(batches), batches.recipe
    way, count, first = "per_class_rpn", recipe.regions.proposals, batches.proposer
    scores, boxes = dense_candidates(first.net, first.batches, classes, [way], count)[way]
    scores, which = scores.topk(min(count, scores.shape[2]))
    boxes = boxes.gather(2, which[..., None].expand(-1, -1, -1, 4))
    images = batches.images
    sizes = [images.load("test", index).size for index in range(len(classes))]
    proposed = Proposed(
        [("test", index) for index in range(len(classes))],
        [images.test_annotations[index].boxes for index in range(len(classes))],
        classes,
        scores,
        torch.stack([clipped(of, size) for of, size in zip(boxes, sizes, strict=True)]),
    )
    judged = [
        merged(found, of_part, recipe.merged_from)
        for _, found, of_part in _judged(net, batches, batches.parts(proposed))
    ]
    of_rpn = merged(proposed.scores, proposed.boxes, recipe.merged_from)
    return of_own_class({"rcnn": torch.cat(judged), "per_class_rpn": of_rpn}, classes, batches)


@torch.inference_mode()
def _judged(
    net: nn.Module, batches: RegionBatches, parts: Iterator[Proposed]
) -> Iterator[tuple[Proposed, Tensor, Tensor]]:
    """Each part with what R-CNN makes of it; see `moved`."""
    net = folded(net)
    for part in parts:
        with autocast(batches):
            answers = net(batches.regions(part))
        yield part, *moved(answers, part)
