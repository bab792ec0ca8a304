"""R-CNN: which of the proposed boxes are trained on, what is cut out, and what it answers, worked by hand."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from locating import batches_of, made_up_store, rcnn_recipe_of, recipe_of, start_from_classifier
from pydantic import ValidationError
from torch import Tensor
from torch.nn.functional import softplus

from replication.data.store import Store
from replication.evaluate import evaluate_net
from replication.nets.boxes import decode_boxes, nearest_overlap, overlap
from replication.runs.curve import last_value
from replication.runs.outcome import Evaluation, make_seed_ensembles, score_rows, write_evaluation
from replication.tasks import get_task
from replication.tasks.batches import TrainedNet
from replication.tasks.build import build_net
from replication.tasks.inference import fold_batch_norm
from replication.tasks.localization import LOCALIZATION
from replication.tasks.localization.boxes import best_boxes
from replication.tasks.localization.feed import BoxedView
from replication.tasks.localization.outcome import BoxOutcome
from replication.tasks.rcnn import RCNN
from replication.tasks.rcnn.evaluate import oracle_centre, pairs, pairs_guessed, predicted_dense
from replication.tasks.rcnn.feed import RegionBatches, Regions
from replication.tasks.rcnn.loss import count_errors, loss
from replication.tasks.rcnn.net import Features, RegionNet
from replication.training.loop import iterate
from replication.training.state import State

CPU = torch.device("cpu")


def make_region_batches(store: Store, proposals: list[list[float]] | None = None, **fields: Any) -> RegionBatches:
    """Batches for which the same boxes are proposed for every image and class, `proposals` in pixels of the centre
    crop; or, without them, those of an untrained net. `fields` are put over the recipe.
    """
    side = store.train_images.shape[2]
    localization = recipe_of(store, 32, side, [side])
    net = fold_batch_norm(build_net(localization, len(store.meta.classes)))
    batches = RegionBatches(store, rcnn_recipe_of(store, **fields), CPU)
    batches.started_from = {"proposals": TrainedNet(net, batches_of(store, localization))}
    if proposals:
        boxes = torch.tensor(proposals)

        def propose_same(_: Sequence[BoxedView], classes: Tensor) -> tuple[Tensor, Tensor]:
            shape = (*classes.shape, len(boxes))
            return torch.linspace(0.9, 0.1, len(boxes)).expand(shape), boxes.expand(*shape, 4)

        batches.propose_in_views = propose_same
    return batches


class Judges(torch.nn.Module):
    """An R-CNN that finds a region the more probable the brighter it is, and moves every box by its whole width."""

    def forward(self, images: Tensor) -> Features:
        return Features(images.mean(dim=(1, 2, 3))[:, None], self)

    @property
    def cls(self) -> torch.nn.Linear:
        return _linear(torch.full((8, 1), 50.0))

    @property
    def reg(self) -> torch.nn.Linear:
        layer = _linear(torch.zeros(32, 1))
        layer.bias.data = torch.tensor([1.0, 0, 0, 0]).repeat(8)
        return layer


def _linear(weight: Tensor) -> torch.nn.Linear:
    layer = torch.nn.Linear(1, len(weight))
    layer.weight.data, layer.bias.data = weight, torch.zeros(len(weight))
    return layer


def black_with_white(*boxes: list[int], side: int = 32) -> Store:
    """Images that are black but for one white box each, which is the true one."""
    store = made_up_store([[box] for box in boxes], side=side)
    for image, (left, top, right, bottom) in zip(store.train_images, boxes, strict=True):
        image.zero_()
        image[:, top:bottom, left:right] = 255
    store.mean.zero_()
    return store


def test_a_quarter_of_what_is_drawn_is_positive_where_both_kinds_are_proposed() -> None:
    batches = make_region_batches(made_up_store([[[0, 0, 16, 16]]] * 16, side=32))
    boxes = torch.tensor([[0.0, 0, 16, 16], [0, 0, 16, 12], [16, 16, 32, 32], [8, 8, 24, 24]])
    true = torch.tensor([[0.0, 0, 16, 16]])
    draws = torch.rand(4000, 2, generator=torch.Generator().manual_seed(0)).tolist()
    drawn = [batches.draw(boxes, true, *draw) for draw in draws]
    share = np.mean([positive for _, positive, _ in drawn])
    assert share == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 4000) ** 0.5)
    counts = Counter(tuple(box.tolist()) for box, _, _ in drawn)
    for pair in (boxes[:2], boxes[2:]):
        first, second = (counts[tuple(box.tolist())] for box in pair)
        assert abs(first - second) < 4 * (first + second) ** 0.5, "all of a kind are drawn equally often"
    for box, positive, offsets in drawn[:50]:
        assert positive == bool(overlap(box[None], true) >= 0.5)
        assert torch.allclose(decode_boxes(offsets, box), true[0], atol=1e-4), "the offsets lead to the true box"


def test_where_one_kind_is_proposed_alone_it_is_drawn() -> None:
    batches = make_region_batches(made_up_store([[[0, 0, 16, 16]]] * 16, side=32))
    true = torch.tensor([[0.0, 0, 16, 16]])
    right, wrong = torch.tensor([[0.0, 0, 16, 16]]), torch.tensor([[16.0, 16, 32, 32]])
    assert [batches.draw(right, true, share, 0.5)[1] for share in (0.1, 0.9)] == [True, True]
    assert [batches.draw(wrong, true, share, 0.5)[1] for share in (0.1, 0.9)] == [False, False]


def test_a_batch_holds_the_proposed_boxes_warped_and_a_mirrored_one_leads_the_mirrored_way() -> None:
    """The proposed box is the white one, cut to a square of another shape: all that is seen is white."""
    boxes = [[int(x), 4, int(x) + 16, 28] for x in torch.arange(16)]
    batches = make_region_batches(black_with_white(*boxes), augmentation={"mirror": True})

    def propose_inside(seen: Sequence[BoxedView], _: Tensor) -> tuple[Tensor, Tensor]:
        inside = torch.stack([image.boxes + torch.tensor([1.0, 1, -3, -1]) for image in seen])
        return torch.ones(len(seen), 1, 1), inside[:, None]

    batches.propose_in_views = propose_inside
    images, truth = batches.training(3)
    assert images.shape == (16, 3, 32, 32) and images.min() > 0.95, "white from edge to edge"
    assert truth.positive.all()
    mirrored = torch.tensor([row["mirror"] for row in batches.contents(3)])
    assert 2 < mirrored.sum() < 14
    assert torch.allclose(truth.offsets[:, 0], torch.where(mirrored, -1 / 12, 1 / 12), atol=1e-4)
    assert torch.equal(truth.offsets[mirrored, 2], truth.offsets[~mirrored, 2][:1].expand(int(mirrored.sum())))


def test_a_batch_depends_on_seed_and_iteration_alone() -> None:
    store = made_up_store([[[4, 4, 22, 22]]] * 16, side=40)
    one, other = make_region_batches(store), make_region_batches(store)
    one.started_from = other.started_from = make_region_batches(store).started_from
    for iteration in range(3):
        one.training(iteration)
    (images, truth), (same_images, same_truth) = one.training(3), other.training(3)
    assert torch.equal(images, same_images)
    assert all(torch.equal(*pair) for pair in zip(truth, same_truth, strict=True))


def test_the_loss_worked_by_hand() -> None:
    net = build_net(rcnn_recipe_of(made_up_store([[[0, 0, 9, 9]]] * 16, side=32)), 3)
    for layer in (net.cls, net.reg):
        torch.nn.init.zeros_(layer.weight)
    net.cls.bias.data = torch.tensor([0.0, 2.0, -1.0])
    truth = Regions(torch.tensor([1, 2]), torch.tensor([True, False]), torch.tensor([[0.5, 0, 0, 2], [9.0, 9, 9, 9]]))
    total, wrong = loss(Features(torch.randn(2, 512), net), truth)
    logistic = softplus(torch.tensor(-2.0)) + softplus(torch.tensor(-1.0))
    assert total.item() == pytest.approx(logistic.item() + 0.5**2 / 2 + 1.5, rel=1e-5), "of the positive one's offsets"
    assert wrong.item() == 0
    swapped = truth._replace(classes=torch.tensor([2, 1]))
    assert loss(Features(torch.randn(2, 512), net), swapped).wrong.item() == 2


def test_two_images_worked_on_paper() -> None:
    """The brighter box is the most probable one, and is moved to the right by its width; the localization net's is the
    first that it proposes.
    """
    store = black_with_white([16, 0, 24, 16], [8, 16, 16, 32])
    # Of image 0 (8, 0, 16, 16) is black and (16, 0, 24, 16) white: R-CNN takes this, moved to (24, 0, 32, 16), wrong.
    # Of image 1 (8, 0, 16, 16) is black too, (0, 16, 16, 32) half white: moved to (16, 16, 32, 32), wrong.
    batches = make_region_batches(store, [[8.0, 0, 16, 16], [16, 0, 24, 16], [0, 16, 16, 32]])
    outcome = oracle_centre(Judges(), batches)
    assert outcome.boxes["rcnn"].tolist() == [[24, 0, 32, 16], [16, 16, 32, 32]]
    assert outcome.boxes["per_class_rpn"].tolist() == [[8, 0, 16, 16]] * 2
    values = outcome.metrics()
    assert (values["rcnn_error"], values["per_class_rpn_error"]) == (100.0, 100.0)
    # Proposed a width to the left of it, the object is what R-CNN moves to.
    batches = make_region_batches(
        black_with_white([8, 0, 24, 16], [8, 0, 24, 16]), [[0.0, 0, 16, 16], [16, 16, 32, 32]]
    )
    outcome = oracle_centre(Judges(), batches)
    assert outcome.boxes["rcnn"][0].tolist() == [16, 0, 32, 16]
    assert outcome.overlaps["rcnn"][0].item() == pytest.approx(1 / 3)
    assert outcome.overlaps["per_class_rpn"][0].item() == pytest.approx(1 / 3)


def test_the_error_of_the_curve_is_that_of_the_protocol() -> None:
    random = torch.Generator().manual_seed(0)
    corners = torch.randint(0, 16, (24, 2), generator=random)
    store = made_up_store([[[int(x), int(y), int(x) + 14, int(y) + 14]] for x, y in corners], side=40)
    batches = make_region_batches(store, [[0.0, 0, 14, 14], [8, 8, 20, 20], [0, 8, 12, 20], [2, 2, 24, 24]])
    net = build_net(batches.recipe, 3)
    torch.nn.init.normal_(net.cls.weight, generator=random)
    error = oracle_centre(net, batches).metrics()["rcnn_error"]
    assert 0 < error < 100
    count = count_errors(net, batches, "test")
    assert (count.metric, count.images) == (RCNN.curve_metric.name, 24)
    assert count.wrong == pytest.approx(error * 24 / 100)


def test_what_r_cnn_judges_has_the_localization_nets_own_best_box_but_for_what_lies_outside() -> None:
    store = made_up_store([[[4, 4, 22, 22]]] * 16, side=40)
    batches = make_region_batches(store)
    outcome, proposing = oracle_centre(build_net(batches.recipe, 3), batches), batches.proposing_net
    for number in range(3):
        pixels = store.test_images[number : number + 1, :, 4:36, 4:36]
        classes = torch.zeros(1, 1, dtype=torch.long)
        maps = proposing.net(proposing.batches.normalise(pixels))
        best = best_boxes(maps, "per_class_rpn", classes, proposing.batches.recipe)
        assert torch.allclose(outcome.boxes["per_class_rpn"][number], (best[0, 0] + 4).clamp(0, 40), atol=1e-3)


def test_a_guess_counts_where_class_and_box_are_right_together() -> None:
    store = made_up_store([[[8, 8, 24, 24]]] * 3, side=32, labels=[0, 1, 2], classes=8)
    batches = make_region_batches(store)
    batches.started_from |= {"backbone": start_from_classifier(store, 32, 32)}
    outcome = predicted_dense(build_net(batches.recipe, 8), batches)
    for method in ("rcnn", "per_class_rpn"):
        assert outcome.boxes[method][2].isnan().all() and not outcome.boxes[method][:2].isnan().any()
        assert outcome.overlaps[method][2] == 0


def test_pairs_count_where_r_cnn_or_its_proposals_alone_are_wrong() -> None:
    def outcome_with(rpn: list[float], rcnn: list[float]) -> BoxOutcome:
        overlaps = {"per_class_rpn": torch.tensor(rpn), "rcnn": torch.tensor(rcnn)}
        return BoxOutcome(overlaps, {method: torch.zeros(4, 4) for method in overlaps})

    centre = outcome_with([0.1, 0.2, 0.9, 0.9], [0.9, 0.1, 0.8, 0.2])
    guessed = outcome_with([0.1, 0.1, 0.1, 0.9], [0.9, 0.9, 0.1, 0.9])
    outcomes = {"oracle_centre": centre, "predicted_dense": guessed}
    values = pairs(outcomes).metrics() | pairs_guessed(outcomes).metrics()
    assert values == {
        "rpn_or_rcnn_first_alone_wrong": 25.0,
        "rpn_or_rcnn_second_alone_wrong": 25.0,
        "rpn_or_rcnn_guessed_first_alone_wrong": 50.0,
        "rpn_or_rcnn_guessed_second_alone_wrong": 0.0,
    }
    assert pairs({"oracle_centre": centre}).metrics() == pairs(outcomes).metrics(), "without guesses too"


def test_without_a_classifier_all_but_the_guesses_is_tested() -> None:
    """As of a net that is initialised from nothing."""
    store = made_up_store([[[0, 0, 9, 9]]] * 16, side=32)
    batches = make_region_batches(store, [[0.0, 0, 9, 9]], starts={"backbone": None})
    outcomes = evaluate_net(build_net(batches.recipe, 3), batches)
    assert list(outcomes) == ["oracle_centre", "pairs"]
    assert len(score_rows(outcomes, RCNN)) == 4 + 2


@pytest.mark.slow
def test_it_learns_to_tell_a_box_around_the_object_from_one_beside_it() -> None:
    """White squares, and two boxes proposed: one on the square but too large, one beside it. R-CNN takes the first, and
    makes it smaller."""
    corners = torch.randint(4, 16, (32, 2), generator=torch.Generator().manual_seed(1)).tolist()
    store = made_up_store([[[x, y, x + 12, y + 12]] for x, y in corners], side=32)
    for image, (x, y) in zip(store.train_images, corners, strict=True):
        image //= 4
        image[:, y : y + 12, x : x + 12] += 180

    def propose_two(seen: Sequence[BoxedView], classes: Tensor) -> tuple[Tensor, Tensor]:
        true = torch.cat([image.boxes for image in seen])
        large = true + torch.tensor([-2.0, -2, 2, 2])
        beside = torch.where(true[:, :1] > 10, torch.tensor([0.0, 0, 8, 8]), torch.tensor([24.0, 24, 32, 32]))
        two = torch.stack([beside, large], 1)[:, None]
        return torch.tensor([0.9, 0.1]).expand(*classes.shape, 2), two

    batches = make_region_batches(store, regions={"positive": 0.5}, schedule={"learning_rate": 0.002})
    batches.propose_in_views = propose_two
    state = State.start(batches.recipe, 3, CPU)
    for _ in iterate(state, batches.recipe, batches):
        pass
    values = oracle_centre(state.net, batches).metrics()
    assert values["per_class_rpn_error"] == 100.0 and values["rcnn_error"] == 0.0
    assert values["rcnn_iou"] > 100 * 144 / 256, "better than the box that was proposed"
    assert last_value(state.curve, "test", "rcnn_error") == 0.0


def test_r_cnn_is_a_task_on_the_images_of_localization_and_needs_a_net_of_it() -> None:
    store = made_up_store([[[0, 0, 9, 9]]] * 16, side=32)
    recipe = rcnn_recipe_of(store)
    assert get_task(recipe.task) is RCNN and RCNN.images_folder == LOCALIZATION.images_folder
    assert isinstance(build_net(recipe, 3), RegionNet)
    assert recipe.hash != rcnn_recipe_of(store, started_from={"proposals": "0" * 16}).hash, "another net, another run"
    with pytest.raises(ValidationError) as error:
        rcnn_recipe_of(store, starts={"proposals": None})
    assert [problem["ctx"]["error"].key for problem in error.value.errors()] == ["starts"]


def test_the_backbone_is_initialised_from_a_trained_net_and_the_two_layers_on_top_are_not() -> None:
    recipe = rcnn_recipe_of(made_up_store([[[0, 0, 9, 9]]] * 16, side=32))
    net, trained = build_net(recipe, 3, seed=1), build_net(recipe, 3, seed=2)
    before = net.cls.weight.clone()
    net.load_backbone(trained.backbone.state_dict() | {"fc.weight": torch.zeros(7, 512), "fc.bias": torch.zeros(7)})
    assert all(
        torch.equal(*pair) for pair in zip(net.backbone.parameters(), trained.backbone.parameters(), strict=True)
    )
    assert torch.equal(net.cls.weight, before) and not torch.equal(before, trained.cls.weight)


def test_a_box_of_an_ensemble_needs_the_class_guessed_by_more_than_half_of_its_nets() -> None:
    box, other, none = [0.0, 0.0, 4.0, 4.0], [2.0, 0.0, 6.0, 4.0], [float("nan")] * 4
    true = torch.tensor([[box], [box], [box]])
    by_net = [[box, box, box], [other, box, none], [box, none, none]]  # of three images each
    members = [
        BoxOutcome({"rpn": nearest_overlap(boxes, true)}, {"rpn": boxes}, true) for boxes in map(torch.tensor, by_net)
    ]
    average = BoxOutcome.average(members)
    expected = torch.tensor([[2 / 3, 0.0, 14 / 3, 4.0], box, none])
    assert torch.allclose(average.boxes["rpn"], expected, equal_nan=True)
    assert average.is_wrong("rpn").tolist() == [False, False, True]


def test_an_ensemble_is_the_mean_of_the_boxes_of_its_seeds(tmp_path) -> None:
    true = torch.tensor([[[0.0, 0, 10, 10]], [[0, 0, 10, 10]], [[0, 0, 10, 10]]])
    nan = [float("nan")] * 4

    def outcome_with(*corners: list[float]) -> BoxOutcome:
        boxes = {method: torch.tensor(corners) for method in ("rcnn", "per_class_rpn")}
        return BoxOutcome({method: torch.zeros(3) for method in boxes}, boxes, true)

    # Apart by 8 pixels to either side both are wrong, and their mean is right; no seed was given the class of the last.
    members = [
        outcome_with([8.0, 0, 18, 10], [20, 20, 30, 30], nan), outcome_with([-8.0, 0, 2, 10], [20, 20, 30, 30], nan),
    ]  # fmt: skip
    mean = BoxOutcome.average(members)
    assert mean.overlaps["rcnn"].tolist() == pytest.approx([1, 0, 0])
    assert mean.metrics()["rcnn_error"] == pytest.approx(200 / 3)
    with pytest.raises(ValueError, match="objects"):
        BoxOutcome.average([members[0], BoxOutcome(members[1].overlaps, members[1].boxes, true + 1)])

    folders = {}
    for seed, member in enumerate(members):
        folders[seed] = tmp_path / str(seed)
        write_evaluation(folders[seed], Evaluation({"predicted_dense": member}), RCNN)
    rows = {row["metric"]: row for row in make_seed_ensembles({("resnet-18-A", "bf16"): folders}, RCNN)}
    assert rows["rcnn_error"]["value"] == pytest.approx(200 / 3, abs=1e-4)
    name = {"net": "resnet-18-A + resnet-18-A", "variant": "bf16", "seed": 0, "protocol": "predicted_dense"}
    assert rows["rcnn_error"].items() >= name.items()
    assert list(make_seed_ensembles({("resnet-18-A", "bf16"): {0: folders[0]}}, RCNN)) == [], "one seed is none"
