"""The tests of appendix C on images worked by hand, and against a recount in plain numpy."""

import numpy as np
import pytest
import torch
from locating import batches_of, made_up_store, recipe_of

from replication.nets.boxes import anchors, encoded
from replication.nets.by_name import build
from replication.nets.localization import WAYS, Maps
from replication.runs.outcome import rows_of, write_scores
from replication.tasks.localization.boxes import best_boxes, merged, misses, wrong_boxes
from replication.tasks.localization.evaluate import oracle_centre, oracle_dense, predicted_dense
from replication.tasks.localization.outcome import Located
from replication.tasks.outcome import Scores


class Told(torch.nn.Module):
    """A net that answers with the boxes that it is told, one a class and image, whatever it sees: the anchor nearest to
    each is the most probable one, and its offsets lead to the box.
    """

    stride = 8

    def __init__(self, boxes: torch.Tensor, recipe):
        super().__init__()
        self.boxes, self.recipe, self.shown = boxes, recipe, 0  # [images, classes, 4] in pixels of the view

    def forward(self, images: torch.Tensor) -> Maps:
        side = [-(-of // self.stride) for of in images.shape[2:]]
        numbers = torch.arange(self.shown, self.shown + len(images), dtype=torch.float)  # of the images, everywhere
        maps = numbers[:, None, None, None].expand(-1, 1, *side)
        self.shown = (self.shown + len(images)) % len(self.boxes)
        return Maps(maps, self)

    def __getattr__(self, name: str):
        if name not in WAYS:
            return super().__getattr__(name)

        def answers(maps: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            boxes = self.boxes[maps[:, 0, 0, 0].round().long()[:, None], classes]  # [B, n, 4]
            if "rpn" not in name:
                whole = torch.tensor([0.0, 0, self.recipe.input_size, self.recipe.input_size])
                return torch.zeros(*classes.shape, 1), encoded(boxes, whole)[:, :, None]
            of = anchors(*maps.shape[2:], self.stride, self.recipe.anchors.sides, self.recipe.anchors.ratios)
            logits = torch.full((*classes.shape, len(of)), -9.0)
            logits[:, :, 5] = 9.0
            return logits, encoded(boxes[:, :, None], of)

        return answers


def test_two_images_worked_on_paper() -> None:
    """The first: 40x40, its object in (10, 10, 30, 30). The second likewise (0, 0, 20, 40)."""
    store = made_up_store([[[10, 10, 30, 30]], [[0, 0, 20, 40]]], side=40)
    recipe = recipe_of(store, input_size=32, shorter_side=40, scales=[40])
    batches = batches_of(store, recipe)
    # In the centre crop, which begins at (4, 4): the first box is off by 5 pixels to the right, 15 x 20 of 25 x 20
    # shared, so 0.6; of the second the upper 24 of 40 rows, so 0.6 as well.
    told = torch.tensor([[[11.0, 6, 31, 26]] * 3, [[-4.0, -4, 16, 20]] * 3])
    found = oracle_centre(Told(told, recipe), batches)
    for way in WAYS:
        assert found.overlaps[way].tolist() == pytest.approx([0.6, 0.6], abs=1e-4)
    assert found.boxes["rpn"][0].tolist() == pytest.approx([15, 10, 35, 30], abs=1e-3), "in pixels of the image"
    assert found.value("per_class_rpn_error") == 0.0
    assert found.value("per_class_rpn_iou") == pytest.approx(60, abs=0.01)
    assert wrong_boxes(Told(told, recipe), batches, "test").item() == 0
    told[1] += torch.tensor([4.0, 0, 4, 0])  # 16 x 24 shared, of 20 x 24 + 20 x 40 - 16 x 24: 0.43
    found = oracle_centre(Told(told, recipe), batches)
    assert found.value("per_class_rpn_error") == 50.0
    assert found.overlaps["rpn"].tolist() == pytest.approx([0.6, 384 / 896], abs=1e-4)
    assert wrong_boxes(Told(told, recipe), batches, "test").item() == 1


def test_half_is_right() -> None:
    halves = torch.tensor([[[0.0, 0, 2, 1]], [[0, 0, 2.01, 1]]])
    assert misses(torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]), halves).tolist() == [False, True]


def test_dense_boxes_are_mapped_back_from_each_scale() -> None:
    store = made_up_store([[[10, 10, 30, 30]], [[0, 0, 20, 40]]], side=40)
    recipe = recipe_of(store, input_size=32, shorter_side=40, scales=[80])
    told = torch.tensor([[[20.0, 20, 60, 60]] * 3, [[0.0, 0, 40, 80]] * 3])  # twice as large
    found = oracle_dense(Told(told, recipe), batches_of(store, recipe))
    assert found.overlaps["per_class_rpn"].tolist() == pytest.approx([1, 1], abs=1e-4)


def test_a_guess_counts_where_class_and_box_are_right_together() -> None:
    """Of three classes the classifier guesses two; the class is right in two images, the box in two, both in one."""
    boxes = [[[10, 10, 30, 30]], [[10, 10, 30, 30]], [[10, 10, 30, 30]]]
    store = made_up_store(boxes, side=40, labels=[0, 1, 2], classes=8)
    recipe = recipe_of(store, input_size=32, shorter_side=40, scales=[40])
    batches = batches_of(store, recipe)
    right, wrong = [10.0, 10, 30, 30], [0.0, 0, 9, 9]
    told = torch.tensor([[right] * 8, [wrong] * 8, [right] * 8])

    class Classifier(torch.nn.Module):
        """Image 2's class is the least probable one of all."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            scores = torch.linspace(1, 0, 8).expand(len(images), -1).clone()
            scores[:, 2] = -9
            return scores

    batches.classifier = Classifier()
    found = predicted_dense(Told(told, recipe), batches)
    assert found.overlaps["per_class_rpn"].tolist() == pytest.approx([1, 0, 0], abs=1e-4)
    assert found.value("per_class_rpn_error") == pytest.approx(200 / 3)
    assert found.boxes["per_class_rpn"][2].isnan().all(), "no box of the true class was asked for"


def test_any_true_box_of_the_class_will_do() -> None:
    true = torch.tensor([[[0.0, 0, 10, 10], [20, 20, 30, 30]], [[0, 0, 10, 10], [float("nan")] * 4]])
    boxes = torch.tensor([[20.0, 20, 30, 30], [20, 20, 30, 30]])
    assert misses(boxes, true).tolist() == [False, True]


def test_boxes_are_merged_with_those_that_overlap_the_best() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 12], [50, 50, 60, 60]])
    assert merged(torch.tensor([0.75, 0.25, 0.7]), boxes, 0.5).tolist() == pytest.approx([0, 0, 10, 10.5])
    assert merged(torch.tensor([0.75, 0.25, 0.9]), boxes, 0.5).tolist() == [50, 50, 60, 60]
    assert merged(torch.tensor([0.75, 0.25, 0.7]), boxes, 0.99).tolist() == [0, 0, 10, 10]


def test_errors_are_those_of_a_recount_in_plain_numpy() -> None:
    random = np.random.default_rng(0)
    true = [[sorted_box(random) for _ in range(random.integers(1, 4))] for _ in range(24)]
    store = made_up_store(true, side=40, labels=random.integers(0, 3, 24).tolist())
    recipe = recipe_of(store, input_size=32, shorter_side=40, scales=[40])
    batches, net = batches_of(store, recipe), build("resnet-18-A", 3, **recipe.net_options).eval()
    torch.nn.init.normal_(net.per_class_rpn.weight)
    found = oracle_centre(net, batches)
    for way in WAYS:
        wrong = 0
        for number in range(24):
            image = torch.from_numpy(np.ascontiguousarray(store.test_images[number].numpy()[:, 4:36, 4:36]))
            with torch.no_grad():
                answers = net(batches.plain(image[None]))
                box = best_boxes(answers, way, store.test_labels[number][None, None], recipe)[0, 0].numpy() + 4
            best = 0.0
            for left, top, right, bottom in true[number]:
                across, down = min(right, box[2]) - max(left, box[0]), min(bottom, box[3]) - max(top, box[1])
                shared = max(across, 0) * max(down, 0)
                areas = (right - left) * (bottom - top) + (box[2] - box[0]) * (box[3] - box[1])
                best = max(best, shared / (areas - shared))
            assert found.overlaps[way][number].item() == pytest.approx(best, abs=1e-3)
            wrong += best < 0.5
        assert found.value(f"{way}_error") == pytest.approx(100 * wrong / 24)


def sorted_box(random: np.random.Generator) -> list[int]:
    left, top = random.integers(0, 28, 2)
    return [int(left), int(top), int(left + random.integers(3, 12)), int(top + random.integers(3, 12))]


def test_scores_of_the_arm_are_kept_a_row_a_number(tmp_path) -> None:
    from replication.tasks.localization import LOCALIZATION

    overlaps = {way: torch.tensor([0.2, 0.6, 0.7, 0.9]) for way in WAYS}
    found = Located(overlaps, {way: torch.zeros(4, 4) for way in WAYS})
    rows = rows_of({"oracle_centre": found}, LOCALIZATION)
    assert [(row["metric"], row["value"], row["images"]) for row in rows][::4] == [
        ("per_class_rpn_error", 25.0, 4), ("per_class_rpn_iou", 60.0, 4),
    ]  # fmt: skip
    write_scores(tmp_path / "scores", {"oracle_centre": found}, LOCALIZATION)
    assert found.images == 4 and Scores(torch.eye(2), torch.tensor([0, 0])).value("top1_error") == 50.0
