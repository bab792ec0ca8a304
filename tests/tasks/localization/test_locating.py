"""What a training of appendix C minimises: the anchors drawn, the losses of the four methods, and that it learns."""

import pytest
import torch
from locating import batches_of, made_up_store, recipe_of
from torch.nn.functional import softplus

from replication.data.annotations import label_images
from replication.data.meta import Meta
from replication.data.sources.digits import digits_on_canvas
from replication.data.store import Store
from replication.nets.boxes import overlap
from replication.runs.curve import last_value
from replication.tasks.build import build_net
from replication.tasks.localization.boxes import best_boxes
from replication.tasks.localization.evaluate import oracle_centre
from replication.tasks.localization.feed import Truth, make_recipe_anchors
from replication.tasks.localization.loss import largest_box, loss, sample_anchors
from replication.tasks.localization.net import METHODS, Maps
from replication.training.loop import iterate
from replication.training.state import State

NAN = [float("nan")] * 4
STORE = made_up_store([[[0, 0, 20, 20]]] * 16, side=32)
RECIPE = recipe_of(STORE, input_size=32, shorter_side=32, scales=[32])
ANCHORS = make_recipe_anchors(RECIPE, (4, 4), 8)


def truth_of(boxes: list[list[list[float]]], seed: int = 0) -> Truth:
    draws = torch.rand(len(boxes), len(ANCHORS), generator=torch.Generator().manual_seed(seed))
    return Truth(torch.zeros(len(boxes), dtype=torch.long), torch.tensor(boxes), draws, RECIPE)


def test_eight_anchors_are_drawn_half_of_them_positive_if_there_are() -> None:
    truth = truth_of([[[4.0, 4, 22, 22], NAN], [[4, 4, 12, 12], [20, 20, 30, 32]], [NAN, NAN]])
    chosen, positive, nearest_overlap = sample_anchors(ANCHORS, truth)
    overlaps = overlap(ANCHORS, truth.boxes[0, :1])[:, 0]
    assert torch.equal(positive[0], (overlaps >= 0.7) | (overlaps == overlaps.max()))
    assert (chosen & positive).sum(1).tolist() == [min(4, int(positive[0].sum())), 2, 0], (
        "of boxes that no anchor is near the nearest anchor is positive; without a box there is none"
    )
    assert chosen.sum(1).tolist() == [8, 8, 8]
    negative = chosen[0] & ~positive[0]
    assert (overlaps[negative] < 0.3).all()
    assert nearest_overlap[0].eq(truth.boxes[0, 0]).all()
    assert torch.equal(nearest_overlap[2], ANCHORS), "there is nothing to lead to"


def test_every_negative_anchor_is_drawn_equally_often() -> None:
    counts = torch.zeros(len(ANCHORS))
    for seed in range(200):
        chosen, positive, _ = sample_anchors(ANCHORS, truth_of([[[4.0, 4, 22, 22]]] * 8, seed))
        counts += (chosen & ~positive).sum(0)
    drawn = counts[counts > 0]
    expected = counts.sum() / len(drawn)
    chi2 = ((drawn - expected) ** 2 / expected).sum().item()
    degrees = len(drawn) - 1
    assert abs(chi2 - degrees) < 4 * (2 * degrees) ** 0.5


def test_the_largest_box_is_what_regressions_aim_at() -> None:
    boxes, has_box = largest_box(torch.tensor([[[0.0, 0, 2, 2], [1, 1, 9, 9]], [[0, 0, 2, 2], NAN], [NAN, NAN]]))
    assert boxes[:2].tolist() == [[1, 1, 9, 9], [0, 0, 2, 2]] and has_box.tolist() == [True, True, False]


def test_the_loss_worked_by_hand_of_a_net_that_always_answers_zero() -> None:
    net = build_net(RECIPE, 3)
    for method in (net.scr, net.rpn):
        torch.nn.init.zeros_(method.layer.weight)
    whole = [[0.0, 0, 32, 32]]
    output = Maps(torch.randn(1, 128, 4, 4), net)
    # Each logistic is log 2; the whole crop is the target of the regressions, so that their offsets are right; of the
    # RPNs those of the positive anchors lead to it.
    truth = truth_of([whole])
    chosen, positive, _ = sample_anchors(ANCHORS, truth)
    trained = ANCHORS[(chosen & positive)[0]]
    centre, side = (trained[:, :2] + trained[:, 2:]) / 2, trained[:, 2:] - trained[:, :2]
    missed = torch.cat([(16 - centre) / side, torch.log(32 / side)], 1).abs()
    missed = torch.where(missed < 1, missed**2 / 2, missed - 0.5).sum(1).mean()
    total, wrong = loss(output, truth)
    assert total.item() == pytest.approx(2 * (softplus(torch.zeros(())).item() + missed.item()), rel=1e-5)
    best = best_boxes(output, "per_class_rpn", torch.zeros(1, 1, dtype=torch.long), RECIPE)[:, 0]
    assert wrong.item() == int(overlap(best, truth.boxes[0]).item() < 0.5)
    # Without a box the logistics alone are trained.
    total, wrong = loss(output, truth_of([[NAN]]))
    assert (total.item(), wrong.item()) == (pytest.approx(2 * softplus(torch.zeros(())).item()), 1)


def test_a_batch_shows_boxes_where_the_objects_are_in_its_crops() -> None:
    """White squares on black: the box of each crop is around the white, mirrored or not."""
    sides = torch.randint(0, 20, (16, 2), generator=torch.Generator().manual_seed(1))
    boxes = [[[int(x), int(y), int(x) + 16, int(y) + 16]] for x, y in sides]
    store = made_up_store(boxes, side=40)
    store.train_images.zero_()
    store.mean.zero_()
    for image, ((left, top, right, bottom),) in zip(store.train_images, boxes, strict=True):
        image[:, top:bottom, left:right] = 255
    options = {"shorter_side": [36, 48], "mirror": True, "colour": 0.0}
    batches = batches_of(store, recipe_of(store, 32, 36, [36], augmentation=options, visible=0.1))
    mirrored = [row["mirror"] for row in batches.contents(3)]
    assert 2 < sum(mirrored) < 14
    images, truth = batches.training(3)
    for image, box in zip(images, truth.boxes[:, 0], strict=True):
        rows, columns = (torch.nonzero((image[0] > 0.5).any(axis)).flatten() for axis in (1, 0))
        white = torch.tensor([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        assert torch.allclose(white.float(), box, atol=1.0)
    again = batches_of(store, batches.recipe).training(3)[1]
    assert torch.equal(again.draws, truth.draws) and not torch.equal(batches.training(4)[1].draws, truth.draws)


@pytest.mark.slow
def test_it_learns_to_find_digits_on_a_canvas() -> None:
    source, train, test = digits_on_canvas(37)
    meta = Meta("digits", "made up", "made up", source.classes, len(train), len(test), 37, "f" * 64)
    mean = torch.from_numpy(source.train.images).float().mean(0)[:, 2:34, 2:34]
    store = Store(
        meta,
        *(torch.from_numpy(source.train.images), label_images(source.train.labels, train)),
        *(torch.from_numpy(source.test.images), label_images(source.test.labels, test)),
        mean,
        torch.eye(3) * 0.01,
    )
    options = {"shorter_side": [37, 45], "mirror": False, "colour": 0.1}
    batch = {"batch_size": 64, "iterations": 40, "learning_rate": 0.01, "drops": [20, 30], "drop_factor": 0.1}
    recipe = recipe_of(store, 32, 37, [37, 45], augmentation=options, schedule=batch, bn_group=32)
    batches, state = batches_of(store, recipe), State.start(recipe, 10, torch.device("cpu"))
    for _ in iterate(state, recipe, batches):
        pass
    values = oracle_centre(state.net, batches).metrics()
    centre = torch.tensor([[9.0, 9, 28, 28]])  # a box of the mean size in the middle, for those who do not look
    floor = 100 * sum(bool(overlap(centre, torch.from_numpy(box)) < 0.5) for box in test) / len(test)
    errors = {method: values[f"{method}_error"] for method in METHODS}
    assert floor > 60 and all(error < floor / 2 for error in errors.values()), errors
    end = last_value(state.curve, "test", "per_class_rpn_error")
    assert end == pytest.approx(errors["per_class_rpn"], abs=0.3)


def test_boxes_are_answered_in_fp32_whatever_the_maps_were_made_in() -> None:
    """In bf16 a box of ImageNet would be rounded to whole pixels."""
    net = build_net(RECIPE, 3)
    with torch.autocast("cpu", torch.bfloat16):
        output = net(torch.zeros(2, 3, 32, 32))
        inside = output.predict("per_class_rpn", torch.tensor([[0], [2]]))
    outside = output.predict("per_class_rpn", torch.tensor([[0], [2]]))
    assert output.maps.dtype == torch.bfloat16
    for one, other in zip(inside, outside, strict=True):
        assert one.dtype == torch.float32 and torch.equal(one, other)


def test_positive_anchors_are_drawn_up_to_their_share_and_never_as_negative_ones() -> None:
    """Of six positive anchors two are drawn, a quarter of eight; of three that are the best of a box one is."""
    quarter = recipe_of(STORE, 32, 32, [32], sampling={"positive": 0.25})
    eighth = recipe_of(STORE, 32, 32, [32], sampling={"positive": 0.125})
    far = torch.tensor([[200.0, 200, 210, 210]]).repeat(14, 1)
    box = [0.0, 0, 20, 20]
    on_it, beside_it = torch.tensor([box]).repeat(6, 1), torch.tensor([[15.0, 0, 35, 20]]).repeat(3, 1)
    for near, recipe, drawn in ((on_it, quarter, 2), (beside_it, eighth, 1)):
        anchors = torch.cat([near, far])
        draws = torch.linspace(0, 1, len(anchors))[None]  # those near the box come first
        truth = Truth(torch.zeros(1, dtype=torch.long), torch.tensor([[box]]), draws, recipe)
        chosen, positive, _ = sample_anchors(anchors, truth)
        assert positive[0].tolist() == [True] * len(near) + [False] * len(far)
        assert int((chosen & positive).sum()) == drawn and int(chosen.sum()) == 8
    assert 0 < overlap(beside_it, torch.tensor([box])).max() < quarter.sampling.negative_below
