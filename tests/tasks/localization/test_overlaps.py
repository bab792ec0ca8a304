"""The tests of appendix C on images worked by hand, and against a recount in plain numpy."""

import numpy as np
import pytest
import torch
from locating import batches_of, made_up_store, recipe_of, start_from_classifier

from replication.nets.boxes import anchors, encode_boxes
from replication.runs.outcome import Evaluation, read_scores, score_rows, write_evaluation
from replication.tasks.build import build_net
from replication.tasks.localization import LOCALIZATION
from replication.tasks.localization.boxes import best_boxes, is_missed, merge_boxes
from replication.tasks.localization.evaluate import oracle_centre, oracle_dense, predicted_dense
from replication.tasks.localization.loss import count_errors
from replication.tasks.localization.net import METHODS, Maps
from replication.tasks.localization.outcome import BoxOutcome
from replication.tasks.localization.recipe import LocalizationRecipe
from replication.tasks.outcome import ErrorCount


class FixedBoxes(torch.nn.Module):
    """A net that answers with given boxes, one a class and image, whatever it sees: the anchor nearest to each is the
    most probable one, and its offsets lead to the box.
    """

    stride = 8

    def __init__(self, boxes: torch.Tensor, recipe: LocalizationRecipe):
        super().__init__()
        self.boxes, self.recipe, self.shown = boxes, recipe, 0  # [images, classes, 4] in pixels of the view

    def forward(self, images: torch.Tensor) -> Maps:
        sides = [-(-side // self.stride) for side in images.shape[2:]]
        numbers = torch.arange(self.shown, self.shown + len(images), dtype=torch.float)  # of the images, everywhere
        maps = numbers[:, None, None, None].expand(-1, 1, *sides)
        self.shown = (self.shown + len(images)) % len(self.boxes)
        return Maps(maps, self)

    def __getattr__(self, name: str):
        if name not in METHODS:
            return super().__getattr__(name)

        def predict(maps: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            boxes = self.boxes[maps[:, 0, 0, 0].round().long()[:, None], classes]  # [B, n, 4]
            if "rpn" not in name:
                whole = torch.tensor([0.0, 0, self.recipe.input_size, self.recipe.input_size])
                return torch.zeros(*classes.shape, 1), encode_boxes(boxes, whole)[:, :, None]
            places = anchors(*maps.shape[2:], self.stride, self.recipe.anchors.sides, self.recipe.anchors.ratios)
            logits = torch.full((*classes.shape, len(places)), -9.0)
            logits[:, :, 5] = 9.0
            return logits, encode_boxes(boxes[:, :, None], places)

        return predict


def test_two_images_worked_on_paper() -> None:
    """The first: 40x40, its object in (10, 10, 30, 30). The second likewise (0, 0, 20, 40)."""
    store = made_up_store([[[10, 10, 30, 30]], [[0, 0, 20, 40]]], side=40)
    recipe = recipe_of(store, input_size=32, shorter_side=40, scales=[40])
    batches = batches_of(store, recipe)
    # In the centre crop, which begins at (4, 4): the first box is off by 5 pixels to the right, 15 x 20 of 25 x 20
    # shared, so 0.6; of the second the upper 24 of 40 rows, so 0.6 as well.
    output = torch.tensor([[[11.0, 6, 31, 26]] * 3, [[-4.0, -4, 16, 20]] * 3])
    outcome = oracle_centre(FixedBoxes(output, recipe), batches)
    for method in METHODS:
        assert outcome.overlaps[method].tolist() == pytest.approx([0.6, 0.6], abs=1e-4)
    assert outcome.boxes["rpn"][0].tolist() == pytest.approx([15, 10, 35, 30], abs=1e-3), "in pixels of the image"
    assert outcome.metrics()["per_class_rpn_error"] == 0.0
    assert outcome.metrics()["per_class_rpn_iou"] == pytest.approx(60, abs=0.01)
    name = LOCALIZATION.curve_metric.name
    assert count_errors(FixedBoxes(output, recipe), batches, "test") == ErrorCount(name, wrong=0, images=2)
    output[1] += torch.tensor([4.0, 0, 4, 0])  # 16 x 24 shared, of 20 x 24 + 20 x 40 - 16 x 24: 0.43
    outcome = oracle_centre(FixedBoxes(output, recipe), batches)
    assert outcome.metrics()["per_class_rpn_error"] == 50.0
    assert outcome.overlaps["rpn"].tolist() == pytest.approx([0.6, 384 / 896], abs=1e-4)
    assert count_errors(FixedBoxes(output, recipe), batches, "test") == ErrorCount(name, wrong=1, images=2)


def test_half_is_right() -> None:
    halves = torch.tensor([[[0.0, 0, 2, 1]], [[0, 0, 2.01, 1]]])
    assert is_missed(torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]), halves).tolist() == [False, True]


def test_dense_boxes_are_mapped_back_from_each_scale() -> None:
    store = made_up_store([[[10, 10, 30, 30]], [[0, 0, 20, 40]]], side=40)
    recipe = recipe_of(store, input_size=32, shorter_side=40, scales=[80])
    output = torch.tensor([[[20.0, 20, 60, 60]] * 3, [[0.0, 0, 40, 80]] * 3])  # twice as large
    outcome = oracle_dense(FixedBoxes(output, recipe), batches_of(store, recipe))
    assert outcome.overlaps["per_class_rpn"].tolist() == pytest.approx([1, 1], abs=1e-4)


def test_a_guess_counts_where_class_and_box_are_right_together() -> None:
    """Five of eight classes are guessed; the class is right in two images, the box in two, both in one."""
    boxes = [[[10, 10, 30, 30]], [[10, 10, 30, 30]], [[10, 10, 30, 30]]]
    store = made_up_store(boxes, side=40, labels=[0, 1, 2], classes=8)
    recipe = recipe_of(store, input_size=32, shorter_side=40, scales=[40])
    batches = batches_of(store, recipe)
    right, wrong = [10.0, 10, 30, 30], [0.0, 0, 9, 9]
    output = torch.tensor([[right] * 8, [wrong] * 8, [right] * 8])
    batches.started_from = {"backbone": start_from_classifier(store, 32, 40)}
    outcome = predicted_dense(FixedBoxes(output, recipe), batches)
    assert outcome.overlaps["per_class_rpn"].tolist() == pytest.approx([1, 0, 0], abs=1e-4)
    assert outcome.metrics()["per_class_rpn_error"] == pytest.approx(200 / 3)
    assert outcome.boxes["per_class_rpn"][2].isnan().all(), "no box of the true class was asked for"


def test_any_true_box_of_the_class_will_do() -> None:
    true = torch.tensor([[[0.0, 0, 10, 10], [20, 20, 30, 30]], [[0, 0, 10, 10], [float("nan")] * 4]])
    boxes = torch.tensor([[20.0, 20, 30, 30], [20, 20, 30, 30]])
    assert is_missed(boxes, true).tolist() == [False, True]


def test_boxes_are_merged_with_those_that_overlap_the_best() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 12], [50, 50, 60, 60]])
    assert merge_boxes(torch.tensor([0.75, 0.25, 0.7]), boxes, 0.5).tolist() == pytest.approx([0, 0, 10, 10.5])
    assert merge_boxes(torch.tensor([0.75, 0.25, 0.9]), boxes, 0.5).tolist() == [50, 50, 60, 60]
    assert merge_boxes(torch.tensor([0.75, 0.25, 0.7]), boxes, 0.99).tolist() == [0, 0, 10, 10]


def test_errors_are_those_of_a_recount_in_plain_numpy() -> None:
    random = np.random.default_rng(0)
    true = [[sorted_box(random) for _ in range(random.integers(1, 4))] for _ in range(24)]
    store = made_up_store(true, side=40, labels=random.integers(0, 3, 24).tolist())
    recipe = recipe_of(store, input_size=32, shorter_side=40, scales=[40])
    batches, net = batches_of(store, recipe), build_net(recipe, 3).eval()
    torch.nn.init.normal_(net.per_class_rpn.weight)
    outcome = oracle_centre(net, batches)
    for method in METHODS:
        wrong = 0
        for number in range(24):
            image = torch.from_numpy(np.ascontiguousarray(store.test_images[number].numpy()[:, 4:36, 4:36]))
            with torch.no_grad():
                output = net(batches.normalise(image[None]))
                box = best_boxes(output, method, store.test_labels[number][None, None], recipe)[0, 0].numpy() + 4
            best = 0.0
            for left, top, right, bottom in true[number]:
                across, down = min(right, box[2]) - max(left, box[0]), min(bottom, box[3]) - max(top, box[1])
                shared = max(across, 0) * max(down, 0)
                areas = (right - left) * (bottom - top) + (box[2] - box[0]) * (box[3] - box[1])
                best = max(best, shared / (areas - shared))
            assert outcome.overlaps[method][number].item() == pytest.approx(best, abs=1e-3)
            wrong += best < 0.5
        assert outcome.metrics()[f"{method}_error"] == pytest.approx(100 * wrong / 24)


def sorted_box(random: np.random.Generator) -> list[int]:
    left, top = random.integers(0, 28, 2)
    return [int(left), int(top), int(left + random.integers(3, 12)), int(top + random.integers(3, 12))]


def test_a_protocol_has_a_row_for_each_metric_of_the_task(tmp_path) -> None:
    overlaps = {method: torch.tensor([0.2, 0.6, 0.7, 0.9]) for method in METHODS}
    outcome = BoxOutcome(overlaps, {method: torch.zeros(4, 4) for method in METHODS})
    rows = score_rows({"oracle_centre": outcome}, LOCALIZATION)
    assert [(row["metric"], row["value"], row["images"]) for row in rows][::4] == [
        ("per_class_rpn_error", 25.0, 4), ("per_class_rpn_iou", 60.0, 4),
    ]  # fmt: skip
    write_evaluation(tmp_path / "outcome", Evaluation({"oracle_centre": outcome}), LOCALIZATION)
    assert read_scores(tmp_path / "outcome") == rows


def test_boxes_of_a_mirror_image_are_mirrored_back() -> None:
    """The net puts the box 4 pixels too far left in the image, and likewise in its mirror image: the mean is right."""
    store = made_up_store([[[8, 10, 28, 30]]], side=40)
    views = {"shorter_side": 40, "scales": [40], "mirrored": True}
    recipe = recipe_of(store, input_size=32, shorter_side=40, scales=[40], test=views)
    in_image, in_mirror_image = [4.0, 10, 24, 30], [8.0, 10, 28, 30]  # mirrored back (12, 10, 32, 30)
    output = torch.tensor([[in_image] * 3, [in_mirror_image] * 3])
    recipe = recipe.model_copy(update={"merged_from": 0.3})
    outcome = oracle_dense(FixedBoxes(output, recipe), batches_of(store, recipe))
    assert outcome.boxes["per_class_rpn"][0].tolist() == pytest.approx([8, 10, 28, 30], abs=0.2)
