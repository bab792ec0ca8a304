"""Counts of several processes are added up; outcomes come back from their tensors."""

import torch

from replication.tasks.classification import ClassOutcome
from replication.tasks.localization.outcome import BoxOutcome
from replication.tasks.outcome import ErrorCount


def test_the_counts_of_all_processes_are_added_up() -> None:
    parts = [ErrorCount("top1_error", wrong, images) for wrong, images in ((1, 10), (2, 30), (0, 0))]
    whole = ErrorCount.merge(parts)
    assert whole == ErrorCount("top1_error", 3, 40)
    assert whole.metrics() == {"top1_error": 7.5}, "not the mean of the processes' errors"
    assert ErrorCount.merge(parts[:1]) == parts[0]
    assert whole.tensors() == {}


def test_boxes_come_back_from_their_tensors() -> None:
    nan, random = float("nan"), torch.Generator().manual_seed(0)
    boxes = {method: 30 * torch.rand(3, 4, generator=random) for method in ("rpn", "per_class_rpn")}
    boxes["rpn"][2] = nan  # no guessed class is true
    overlaps = {method: torch.rand(3, generator=random) for method in boxes}
    true = torch.rand(3, 2, 4, generator=random)
    true[1, 1] = nan  # one object only
    outcome = BoxOutcome(overlaps, boxes, true)
    again = BoxOutcome.from_tensors(outcome.tensors())
    assert again.metrics() == outcome.metrics()
    assert again.tensors().keys() == outcome.tensors().keys() and len(outcome.tensors()) == 5
    for key, values in outcome.tensors().items():
        torch.testing.assert_close(again.tensors()[key], values, rtol=0, atol=0, equal_nan=True)


def test_boxes_without_true_ones_are_no_members_of_an_ensemble() -> None:
    outcome = BoxOutcome({"rpn": torch.ones(2)}, {"rpn": torch.zeros(2, 4)})
    assert outcome.tensors().keys() == {"rpn.overlaps", "rpn.boxes"}
    assert BoxOutcome.from_tensors(outcome.tensors()) is None
    assert BoxOutcome.from_tensors({}) is None


def test_probabilities_come_back_to_half_precision() -> None:
    probabilities = torch.randn(60, 7, generator=torch.Generator().manual_seed(0)).softmax(1)
    outcome = ClassOutcome(probabilities, torch.arange(60) % 7)
    again = ClassOutcome.from_tensors(outcome.tensors())
    assert again.probabilities.dtype == torch.float32
    torch.testing.assert_close(again.probabilities, probabilities, rtol=1e-3, atol=1e-7)
    assert torch.equal(again.labels, outcome.labels) and again.metrics() == outcome.metrics()
    assert ClassOutcome.from_tensors({}) is None
