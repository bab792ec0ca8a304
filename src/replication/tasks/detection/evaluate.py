"""Test protocols of section 4.3 and appendix B. One pass over the test images gives the detections of all steps of
Table 9; all else follows from them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from replication.data.store import Images
from replication.tasks.detection import BASELINE, RULES, STEPS
from replication.tasks.detection.average_precision import interpolate, trace_curve
from replication.tasks.detection.detect import Detections, detect_improved, find_missed
from replication.tasks.detection.examples import draw_detections
from replication.tasks.detection.feed import DetectionBatches
from replication.tasks.detection.judge import Judge, Level
from replication.tasks.detection.net import DetectionNet
from replication.tasks.detection.outcome import DetectionOutcome, MeanOutcome, StepOutcome, measure_mean, measure_step
from replication.tasks.inference import autocast, fold_batch_norm
from replication.tasks.outcome import Outcome

RECALLS = 21  # points of a precision-recall curve: those of the 11-point rule, and one between each two


def detect_objects(net: DetectionNet, batches: DetectionBatches) -> DetectionOutcome:
    """All test images, one by one. The share of objects missed equals the last point of the curve."""
    return detect_by_ensemble([net], batches)


@torch.inference_mode()
def detect_by_ensemble(nets: Sequence[DetectionNet], batches: DetectionBatches) -> DetectionOutcome:
    """The same with the proposals of several nets, which all nets judge (appendix B)."""
    nets, recipe = [fold_batch_norm(net) for net in nets], batches.recipe
    steps: dict[str, list[Detections]] = {BASELINE: [], **{step: [] for step in STEPS}}
    missed = []
    for size, view, scales in batches.iterate_scales("test"):
        target = view.target.to(batches.device)
        single, scaled = [], []
        for net in nets:
            own, *levels = (_view(net, batches, pixels) for pixels in (view.pixels, *scales))
            single.append(Judge(own, recipe))
            scaled.append(Judge(own, recipe, levels))
        detections = detect_improved(single, scaled, recipe)
        missed.append(find_missed(detections[BASELINE], target).cpu())
        shrunk = torch.tensor([view.target.size[0] / size[0], view.target.size[1] / size[1]] * 2)
        for step, of_step in detections.items():
            boxes, scores, classes = of_step.to_cpu()
            steps[step].append(Detections(boxes / shrunk, scores, classes))
    outcomes = {step: _gather(found, torch.cat(missed), batches) for step, found in steps.items()}
    first = outcomes.pop(BASELINE)
    return replace(first, steps=outcomes)


def _view(net: DetectionNet, batches: DetectionBatches, pixels: Tensor) -> Level:
    """An image [3, H, W] uint8 as a net sees it."""
    with autocast(batches):
        maps = net(batches.normalise(pixels)[None].contiguous(memory_format=torch.channels_last))
    return Level(maps, (pixels.shape[2], pixels.shape[1]))


def _gather(found: Sequence[Detections], missed: Tensor, batches: DetectionBatches) -> DetectionOutcome:
    ends = torch.tensor([len(detections.scores) for detections in found]).cumsum(0)
    tensors = [torch.cat(parts) for parts in zip(*found, strict=True)]
    return DetectionOutcome(*tensors, ends, missed, batches.images.test_annotations, batches.classes)


def measure_rule(outcomes: Mapping[str, DetectionOutcome], protocol: str) -> MeanOutcome:
    """Mean average precision by one of the rules."""
    return measure_mean(outcomes["objects"], *RULES[protocol])


def measure_improvement(outcomes: Mapping[str, DetectionOutcome], protocol: str) -> StepOutcome:
    """One of the steps of Table 9, against the one before it."""
    baseline = outcomes["objects"]
    steps = {BASELINE: baseline, **baseline.steps}
    before = steps[STEPS[protocol]] if protocol in STEPS else None
    return measure_step(steps[protocol], before)


def measure_precision(images: Images, outcomes: Mapping[str, DetectionOutcome]) -> list[dict[str, str | float]]:
    """Points of the precision-recall curve of each class that has objects, by VOC's rules at an overlap of 0.5."""
    points = np.linspace(0, 1, RECALLS)
    rows: list[dict[str, str | float]] = []
    for number, matched in outcomes["objects"].match(0.5).items():
        if (curve := trace_curve(matched)) is not None:
            for recall, precision in zip(points, interpolate(*curve, points), strict=True):
                row = {"recall": round(100 * recall, 4), "precision": round(100 * precision, 4)}
                rows.append({"category": images.meta.classes[number], **row})
    return rows


def draw_examples(images: Images, outcomes: Mapping[str, DetectionOutcome]) -> bytes:
    """Twelve test images with their detections."""
    return draw_detections(images, outcomes["objects"])


def evaluate_together(nets: Sequence[DetectionNet], batches: DetectionBatches) -> dict[str, Outcome]:
    """The ensemble of several nets by each protocol."""
    detected: dict[str, Outcome] = {"objects": detect_by_ensemble(nets, batches)}
    return detected | {name: measure(detected) for name, measure in COMPARED.items()}


PROTOCOLS = {"objects": detect_objects}
COMPARED: dict[str, Callable[..., Outcome]] = {
    **{name: partial(measure_rule, protocol=name) for name in RULES},
    **{name: partial(measure_improvement, protocol=name) for name in (BASELINE, *STEPS)},
}
OUTCOME = DetectionOutcome
