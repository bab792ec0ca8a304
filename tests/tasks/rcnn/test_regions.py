"""R-CNN: which of the proposed boxes are trained on, what is cut out, and what it answers, worked by hand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from locating import batches_of, made_up_store, recipe_of
from replication.nets.regions import Features
from replication.tasks.localization.pairs import pairs_of_guesses, pairs_of_regions
from torch import Tensor
from torch.nn.functional import softplus

from replication.data.store import Store
from replication.nets.boxes import decoded, overlap
from replication.nets.by_name import build
from replication.runs.outcome import rows_of, write_scores
from replication.tasks import found as found_by_name
from replication.tasks import step_of
from replication.tasks.inference import folded
from replication.tasks.localization import LOCALIZATION
from replication.tasks.localization.boxes import best_boxes
from replication.tasks.localization.feed import Seen
from replication.tasks.localization.outcome import Located, average_boxes, rows_of_seeds
from replication.tasks.localization.recipe import LocalizationRecipe
from replication.tasks.rcnn.evaluate import oracle_centre, predicted_dense
from replication.tasks.rcnn.feed import Drawn, RegionBatches
from replication.tasks.rcnn.loss import regions
from replication.tasks.rcnn.proposals import Proposer, wrong_regions
from replication.training.loop import iterate
from replication.training.state import State

CPU = torch.device("cpu")
REGIONS = {"proposals": 4, "positive": 0.25, "positive_from": 0.5}


@dataclass
class Proposes:
    """A first step that proposes the same boxes for every image and class."""

    recipe: LocalizationRecipe
    found: Tensor  # [P, 4]
    asked: list[int] = field(default_factory=list)

    def __call__(self, seen: Sequence[Seen], classes: Tensor, count: int) -> tuple[Tensor, Tensor]:
        self.asked.append(count)
        shape = (*classes.shape, len(self.found))
        return torch.linspace(0.9, 0.1, len(self.found)).expand(shape), self.found.expand(*shape, 4)


def of_second_step(store: Store, found: list[list[float]] | None = None, **options: float) -> RegionBatches:
    """Batches whose first step proposes `found`, in pixels of the centre crop; or, without it, an untrained one."""
    side = store.train_images.shape[2]
    first = recipe_of(store, 32, side, [side])
    second = recipe_of(store, 32, side, [side], regions=REGIONS | options, variant="rcnn")
    batches = RegionBatches(store, second, CPU)
    untrained = Proposer(folded(build("resnet-18-A", 3, **first.net_options)), batches_of(store, first))
    batches.proposer = Proposes(first, torch.tensor(found)) if found else untrained
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
    """Images that are black but for one white box each; `true` is that box."""
    store = made_up_store([[box] for box in boxes], side=side)
    for image, (left, top, right, bottom) in zip(store.train_images, boxes, strict=True):
        image.zero_()
        image[:, top:bottom, left:right] = 255
    store.mean.zero_()
    return store


def test_a_quarter_of_what_is_drawn_is_positive_where_both_kinds_are_proposed() -> None:
    batches = of_second_step(made_up_store([[[0, 0, 16, 16]]] * 16, side=32))
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
        assert torch.allclose(decoded(offsets, box), true[0], atol=1e-4), "the offsets lead to the true box"


def test_where_one_kind_is_proposed_alone_it_is_drawn() -> None:
    batches, true = of_second_step(made_up_store([[[0, 0, 16, 16]]] * 16, side=32)), torch.tensor([[0.0, 0, 16, 16]])
    right, wrong = torch.tensor([[0.0, 0, 16, 16]]), torch.tensor([[16.0, 16, 32, 32]])
    assert [batches.draw(right, true, share, 0.5)[1] for share in (0.1, 0.9)] == [True, True]
    assert [batches.draw(wrong, true, share, 0.5)[1] for share in (0.1, 0.9)] == [False, False]


def test_a_batch_holds_the_proposed_boxes_warped_and_a_mirrored_one_leads_the_mirrored_way() -> None:
    """The proposed box is the white one, cut to a square of another shape: all that is seen is white."""
    boxes = [[int(x), 4, int(x) + 16, 28] for x in torch.arange(16)]
    store = black_with_white(*boxes)
    augmentation = {"shorter_side": [32, 32], "mirror": True, "colour": 0.0}
    batches = of_second_step(store)
    batches.recipe = batches.recipe.model_copy(
        update={"augmentation": type(batches.recipe.augmentation)(**augmentation)}
    )

    class Inside(Proposes):
        def __call__(self, seen: Sequence[Seen], classes: Tensor, count: int) -> tuple[Tensor, Tensor]:
            inside = torch.stack([of.boxes + torch.tensor([1.0, 1, -3, -1]) for of in seen])
            return torch.ones(len(seen), 1, 1), inside[:, None]

    batches.proposer = Inside(batches.proposer.recipe, torch.empty(0))
    images, truth = batches.training(3)
    assert images.shape == (16, 3, 32, 32) and images.min() > 0.95, "white from edge to edge"
    assert truth.positive.all()
    mirrored = torch.tensor([row["mirror"] for row in batches.contents(3)])
    assert 2 < mirrored.sum() < 14
    assert torch.allclose(truth.offsets[:, 0], torch.where(mirrored, -1 / 12, 1 / 12), atol=1e-4)
    assert torch.equal(truth.offsets[mirrored, 2], truth.offsets[~mirrored, 2][:1].expand(int(mirrored.sum())))


def test_a_batch_depends_on_seed_and_iteration_alone() -> None:
    store = made_up_store([[[4, 4, 22, 22]]] * 16, side=40)
    net = of_second_step(store).proposer
    one, other = of_second_step(store), of_second_step(store)
    one.proposer = other.proposer = net
    for iteration in range(3):
        one.training(iteration)
    for found, again in zip(one.training(3), other.training(3), strict=True):
        assert all(torch.equal(*pair) for pair in zip(found, again, strict=True))


def test_the_loss_worked_by_hand() -> None:
    net = build("resnet-18-A", 3, **of_second_step(made_up_store([[[0, 0, 9, 9]]] * 16, side=32)).recipe.net_options)
    for layer in (net.cls, net.reg):
        torch.nn.init.zeros_(layer.weight)
    net.cls.bias.data = torch.tensor([0.0, 2.0, -1.0])
    truth = Drawn(torch.tensor([1, 2]), torch.tensor([True, False]), torch.tensor([[0.5, 0, 0, 2], [9.0, 9, 9, 9]]))
    loss, wrong = regions(Features(torch.randn(2, 512), net), truth)
    logistic = softplus(torch.tensor(-2.0)) + softplus(torch.tensor(-1.0))
    assert loss.item() == pytest.approx(logistic.item() + 0.5**2 / 2 + 1.5, rel=1e-5), "of the positive one's offsets"
    assert wrong.item() == 0
    assert regions(Features(torch.randn(2, 512), net), truth._replace(classes=torch.tensor([2, 1])))[1].item() == 2


def test_two_images_worked_on_paper() -> None:
    """The brighter box is the most probable one, and is moved to the right by its width; the first step's is the first
    that it proposes.
    """
    store = black_with_white([16, 0, 24, 16], [8, 16, 16, 32])
    # Of image 0 (8, 0, 16, 16) is black and (16, 0, 24, 16) white: R-CNN takes this, moved to (24, 0, 32, 16), wrong.
    # Of image 1 (8, 0, 16, 16) is black too, (0, 16, 16, 32) half white: moved to (16, 16, 32, 32), wrong.
    batches = of_second_step(store, [[8.0, 0, 16, 16], [16, 0, 24, 16], [0, 16, 16, 32]])
    found = oracle_centre(Judges(), batches)
    assert found.boxes["rcnn"].tolist() == [[24, 0, 32, 16], [16, 16, 32, 32]]
    assert found.boxes["per_class_rpn"].tolist() == [[8, 0, 16, 16]] * 2
    assert found.value("rcnn_error") == 100.0 and found.value("per_class_rpn_error") == 100.0
    # Proposed a width to the left of it, the object is what R-CNN moves to.
    moved = of_second_step(black_with_white([8, 0, 24, 16], [8, 0, 24, 16]), [[0.0, 0, 16, 16], [16, 16, 32, 32]])
    found = oracle_centre(Judges(), moved)
    assert found.boxes["rcnn"][0].tolist() == [16, 0, 32, 16] and found.overlaps["rcnn"][0].item() == pytest.approx(
        1 / 3
    )
    assert found.overlaps["per_class_rpn"][0].item() == pytest.approx(1 / 3)


def test_the_error_of_the_curve_is_that_of_the_protocol() -> None:
    random = torch.Generator().manual_seed(0)
    corners = torch.randint(0, 16, (24, 2), generator=random)
    store = made_up_store([[[int(x), int(y), int(x) + 14, int(y) + 14]] for x, y in corners], side=40)
    batches = of_second_step(store, [[0.0, 0, 14, 14], [8, 8, 20, 20], [0, 8, 12, 20], [2, 2, 24, 24]])
    net = build("resnet-18-A", 3, **batches.recipe.net_options)
    torch.nn.init.normal_(net.cls.weight, generator=random)
    found = oracle_centre(net, batches)
    assert 0 < found.value("rcnn_error") < 100
    assert wrong_regions(net, batches, "test").item() == pytest.approx(found.value("rcnn_error") * 24 / 100)


def test_what_r_cnn_begins_with_is_the_first_steps_own_best_box_but_for_what_lies_outside() -> None:
    store = made_up_store([[[4, 4, 22, 22]]] * 16, side=40)
    batches = of_second_step(store)
    found, first = oracle_centre(build("resnet-18-A", 3, **batches.recipe.net_options), batches), batches.proposer
    for number in range(3):
        pixels = store.test_images[number : number + 1, :, 4:36, 4:36]
        asked = torch.zeros(1, 1, dtype=torch.long)
        own = best_boxes(first.net(first.batches.plain(pixels)), "per_class_rpn", asked, first.recipe)
        assert torch.allclose(found.boxes["per_class_rpn"][number], (own[0, 0] + 4).clamp(0, 40), atol=1e-3)


def test_a_guess_counts_where_class_and_box_are_right_together() -> None:
    boxes = [[[8, 8, 24, 24]]] * 3
    store = made_up_store(boxes, side=32, labels=[0, 1, 2], classes=8)
    batches = of_second_step(store)

    class Classifier(torch.nn.Module):
        """Class 2 is the least probable one of all."""

        def forward(self, images: Tensor) -> Tensor:
            scores = torch.linspace(1, 0, 8).expand(len(images), -1).clone()
            scores[:, 2] = -9
            return scores

    batches.classifier = Classifier()
    first = recipe_of(store, 32, 32, [32])
    batches.proposer = Proposer(folded(build("resnet-18-A", 8, **first.net_options)), batches_of(store, first))
    found = predicted_dense(build("resnet-18-A", 8, **batches.recipe.net_options), batches)
    for way in ("rcnn", "per_class_rpn"):
        assert found.boxes[way][2].isnan().all() and not found.boxes[way][:2].isnan().any()
        assert found.overlaps[way][2] == 0


def test_pairs_count_where_r_cnn_or_what_it_begins_with_alone_is_wrong() -> None:
    def of(rpn: list[float], rcnn: list[float]) -> Located:
        found = {"per_class_rpn": torch.tensor(rpn), "rcnn": torch.tensor(rcnn)}
        return Located(found, {way: torch.zeros(4, 4) for way in found})

    centre, guessed = of([0.1, 0.2, 0.9, 0.9], [0.9, 0.1, 0.8, 0.2]), of([0.1, 0.1, 0.1, 0.9], [0.9, 0.9, 0.1, 0.9])
    found = pairs_of_regions({"oracle_centre": centre})
    assert [found.value(f"rpn_or_rcnn_{of}_alone_wrong") for of in ("first", "second")] == [25.0, 25.0]
    found = pairs_of_guesses({"oracle_centre": centre, "predicted_dense": guessed})
    assert [found.value(f"rpn_or_rcnn_guessed_{of}_alone_wrong") for of in ("first", "second")] == [50.0, 0.0]


def test_without_a_classifier_all_but_the_guesses_is_scored() -> None:
    """As of a net that begins with nothing."""
    scored = [protocol for protocol in LOCALIZATION.second.protocols if not protocol.guesses]
    assert [protocol.name for protocol in scored] == ["oracle_centre", "pairs"]
    batches = of_second_step(made_up_store([[[0, 0, 9, 9]]] * 16, side=32), [[0.0, 0, 9, 9]])
    net, scores = build("resnet-18-A", 3, **batches.recipe.net_options), {}
    for protocol in scored:
        score = found_by_name(protocol.score)
        scores[protocol.name] = score(scores) if protocol.of_scores else score(net, batches)
    assert len(rows_of(scores, LOCALIZATION.second)) == 4 + 2


@pytest.mark.slow
def test_it_learns_to_tell_a_box_around_the_object_from_one_beside_it() -> None:
    """White squares, and two boxes proposed: one on the square but too large, one beside it. R-CNN takes the first, and
    makes it smaller."""
    corners = torch.randint(4, 16, (32, 2), generator=torch.Generator().manual_seed(1)).tolist()
    store = made_up_store([[[x, y, x + 12, y + 12]] for x, y in corners], side=32)
    for image, (x, y) in zip(store.train_images, corners, strict=True):
        image //= 4
        image[:, y : y + 12, x : x + 12] += 180

    class Around(Proposes):
        def __call__(self, seen: Sequence[Seen], classes: Tensor, count: int) -> tuple[Tensor, Tensor]:
            true = torch.cat([of.boxes for of in seen])
            large = true + torch.tensor([-2.0, -2, 2, 2])
            beside = torch.where(true[:, :1] > 10, torch.tensor([0.0, 0, 8, 8]), torch.tensor([24.0, 24, 32, 32]))
            two = torch.stack([beside, large], 1)[:, None]
            return torch.tensor([0.9, 0.1]).expand(*classes.shape, 2), two

    batches = of_second_step(store, positive=0.5)
    schedule = batches.recipe.schedule.model_copy(update={"learning_rate": 0.002})
    batches.recipe = batches.recipe.model_copy(update={"schedule": schedule})
    batches.proposer = Around(batches.proposer.recipe, torch.empty(0))
    state = State.start(batches.recipe, 3, CPU)
    for _ in iterate(state, batches.recipe, batches):
        pass
    found = oracle_centre(state.net, batches)
    assert found.value("per_class_rpn_error") == 100.0 and found.value("rcnn_error") == 0.0
    assert found.value("rcnn_iou") > 100 * 144 / 256, "better than the box that was proposed"
    assert state.curve[-1]["oracle_centre_error"] == 0.0


def test_the_second_step_is_the_arms_with_parts_of_its_own() -> None:
    store = made_up_store([[[0, 0, 9, 9]]] * 16, side=32)
    recipe = of_second_step(store).recipe
    assert step_of(recipe) is LOCALIZATION.second and step_of(recipe_of(store, 32, 32, [32])) is LOCALIZATION
    assert LOCALIZATION.second.name == LOCALIZATION.name
    assert recipe.hash != recipe_of(store, 32, 32, [32], variant="rcnn").hash


def test_an_ensemble_is_the_mean_of_the_boxes_of_its_seeds(tmp_path) -> None:
    store = made_up_store([[[0, 0, 9, 9]]] * 16, side=32)
    true = torch.tensor([[[0.0, 0, 10, 10]], [[0, 0, 10, 10]], [[0, 0, 10, 10]]])
    nan = [float("nan")] * 4

    def of(*boxes: list[float]) -> Located:
        found = {way: torch.tensor(boxes) for way in ("rcnn", "per_class_rpn")}
        return Located({way: torch.zeros(3) for way in found}, found, true)

    # Apart by 8 pixels to either side both are wrong, and their mean is right; no seed was given the class of the last.
    members = [of([8.0, 0, 18, 10], [20, 20, 30, 30], nan), of([-8.0, 0, 2, 10], [20, 20, 30, 30], nan)]
    found = average_boxes(members)
    assert found.overlaps["rcnn"].tolist() == pytest.approx([1, 0, 0])
    assert found.value("rcnn_error") == pytest.approx(200 / 3)
    with pytest.raises(ValueError, match="objects"):
        average_boxes([members[0], Located(members[1].overlaps, members[1].boxes, true + 1)])

    runs = []
    for seed, member in enumerate(members):
        recipe = recipe_of(store, 32, 32, [32], regions=REGIONS, variant="rcnn").model_copy(update={"seed": seed})
        write_scores(tmp_path / str(seed), {"predicted_dense": member}, LOCALIZATION.second)
        runs.append((recipe, tmp_path / str(seed)))
    rows = {row["metric"]: row for row in rows_of_seeds(runs)}
    assert rows["rcnn_error"]["value"] == pytest.approx(200 / 3, abs=1e-4)
    assert (rows["rcnn_error"]["net"], rows["rcnn_error"]["seed"]) == ("resnet-18-A + resnet-18-A", 0)
    assert rows_of_seeds(runs[:1]) == [], "one seed is none"
