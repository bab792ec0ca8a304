"""Test protocols of section 4.3. One pass over the test images gives detections; all else follows from them."""

from collections.abc import Callable, Mapping
from functools import partial

import torch

from replication.data.store import Images
from replication.tasks.detection import RULES
from replication.tasks.detection.detect import detect, find_missed
from replication.tasks.detection.examples import draw_detections
from replication.tasks.detection.feed import DetectionBatches
from replication.tasks.detection.net import DetectionNet
from replication.tasks.detection.outcome import DetectionOutcome, MeanOutcome, measure_mean
from replication.tasks.inference import autocast, fold_batch_norm


@torch.inference_mode()
def detect_objects(net: DetectionNet, batches: DetectionBatches) -> DetectionOutcome:
    """All test images, one by one. The share of objects missed equals the last point of the curve."""
    net, recipe = fold_batch_norm(net), batches.recipe
    found, missed = [], []
    for size, view in batches.iterate_images("test"):
        with autocast(batches):
            answers = net(batches.plain(view.pixels)[None].contiguous(memory_format=torch.channels_last))
        target = view.target.to(batches.device)
        detections = detect(answers, 0, target.size, recipe)
        missed.append(find_missed(detections, target).cpu())
        boxes, scores, classes = detections.to_cpu()
        shrunk = torch.tensor([view.target.size[0] / size[0], view.target.size[1] / size[1]] * 2)
        found.append((boxes / shrunk, scores, classes))
    ends = torch.tensor([len(scores) for _, scores, _ in found]).cumsum(0)
    tensors = [torch.cat(parts) for parts in zip(*found, strict=True)]
    return DetectionOutcome(*tensors, ends, torch.cat(missed), batches.images.test_annotations, batches.classes)


def measure_rule(outcomes: Mapping[str, DetectionOutcome], protocol: str) -> MeanOutcome:
    """Mean average precision by one of the rules."""
    return measure_mean(outcomes["objects"], *RULES[protocol])


def draw_examples(images: Images, outcomes: Mapping[str, DetectionOutcome]) -> bytes:
    """Twelve test images with their detections."""
    return draw_detections(images, outcomes["objects"])


PROTOCOLS = {"objects": detect_objects}
COMPARED: dict[str, Callable[..., MeanOutcome]] = {name: partial(measure_rule, protocol=name) for name in RULES}
OUTCOME = DetectionOutcome
