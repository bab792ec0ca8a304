"""Appendix B at test time: voting and scales by hand, refinement, ensembles of twins, and a net with context."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from detecting import CPU, batches_of, random_scenes, recipe_of, scene_store
from errors import refused
from pydantic import ValidationError
from torch import Tensor

from replication.evaluate import evaluate_ensemble, evaluate_net
from replication.runs.outcome import Evaluation, read_precision, read_scores, score_rows, write_evaluation
from replication.tasks.batches import WEIGHTS, derived_seed
from replication.tasks.build import build_net, count_net
from replication.tasks.detection import BASELINE, DETECTION, MULTI_SCALE, REFINED, STEPS, VOTED
from replication.tasks.detection.detect import choose, detect, detect_improved
from replication.tasks.detection.evaluate import detect_by_ensemble, measure_precision
from replication.tasks.detection.feed import DetectionBatches, list_scales, pad_images
from replication.tasks.detection.judge import Judge, Judged, Level, judge_again, judge_together
from replication.tasks.detection.net import DetectionNet
from replication.tasks.detection.outcome import DetectionOutcome, measure_step
from replication.training.run import train_run

STORE = scene_store(random_scenes(6, most=3))


def make_net(batches: DetectionBatches, seed: int = 0) -> DetectionNet:
    """With weights so large that there are detections."""
    net = build_net(batches.recipe, batches.classes, derived_seed(seed, WEIGHTS)).eval()
    with torch.no_grad():
        for layer in (net.rpn, net.cls):
            layer.weight *= 20
        net.reg.weight *= 50
    return net


def judges_of(batches: DetectionBatches, net: DetectionNet, image: int = 0) -> tuple[Judge, Judge]:
    """Of a test image: at its own scale, and at all scales."""
    views = list(batches.iterate_scales("test"))[image]
    own, *levels = (
        Level(net(pad_images([batches.normalise(pixels)])), (pixels.shape[2], pixels.shape[1]))
        for pixels in (views[1].pixels, *views[2])
    )
    return Judge(own, batches.recipe), Judge(own, batches.recipe, levels)


def judged_by(rows: list[tuple[float, list[float]]]) -> Judged:
    scores, boxes = zip(*rows, strict=True)
    return Judged(torch.tensor(scores)[:, None], torch.tensor(boxes)[:, None])


def test_boxes_vote_for_the_place_of_a_detection_by_their_scores() -> None:
    rows = [
        (0.6, [0.0, 0, 20, 20]),  # stays
        (0.3, [3.0, 0, 20, 20]),  # votes: 17/20
        (0.2, [0.0, 0, 9, 20]),  # overlaps too little: 9/20
        (0.04, [0.0, 0, 19, 20]),  # too improbable
    ]
    recipe = recipe_of(STORE)
    plain, voted = (choose(judged_by(rows), recipe, votes) for votes in (False, True))
    assert plain.boxes.tolist() == [[0, 0, 20, 20]]
    assert voted.boxes[0].tolist() == pytest.approx([0.3 * 3 / 0.9, 0, 20, 20])
    assert torch.equal(voted.scores, plain.scores)
    strict = recipe_of(STORE, improvements={"vote_from": 0.9})
    assert choose(judged_by(rows), strict, votes=True).boxes.tolist() == [[0, 0, 20, 20]]


def test_boxes_of_another_class_do_not_vote() -> None:
    scores = torch.tensor([[0.6, 0.0], [0.0, 0.3]])
    boxes = torch.tensor([[0.0, 0, 20, 20], [3, 0, 20, 20]])[:, None].expand(2, 2, 4)
    voted = choose(Judged(scores, boxes), recipe_of(STORE), votes=True)
    assert sorted(voted.boxes.tolist()) == [[0, 0, 20, 20], [3, 0, 20, 20]]


class FakeJudge:
    """Says the same of every region, and remembers which it was asked about."""

    def judge(self, regions: Tensor) -> Judged:
        self.asked = regions
        return Judged(torch.full((len(regions), 2), 0.5), torch.zeros(len(regions), 2, 4))


@pytest.mark.parametrize(("refine", "asked"), [("proposal", 2), ("class", 3)])
def test_the_box_of_the_best_class_or_of_each_probable_one_is_judged_again(refine: str, asked: int) -> None:
    recipe, judge = recipe_of(STORE, improvements={"refine": refine}), FakeJudge()
    scores = torch.tensor([[0.2, 0.7], [0.6, 0.01], [0.9, 0.02]])
    boxes = torch.arange(6.0).reshape(3, 2, 1) + torch.tensor([0.0, 0, 10, 10])
    boxes[2] = 0.0  # less than a pixel
    again = judge_again([judge], Judged(scores, boxes), recipe)
    assert len(judge.asked) == asked and torch.equal(judge.asked[-1], boxes[1, 0])
    assert torch.equal(judge.asked[0], boxes[0, 1 if refine == "proposal" else 0])
    if refine == "class":
        assert again.scores.tolist() == [[0.5, 0], [0, 0.5], [0.5, 0]], "each as its class alone"


def test_nothing_to_judge_again_is_no_error() -> None:
    none = Judged(torch.zeros(2, 3), torch.zeros(2, 3, 4))
    assert len(judge_again([FakeJudge()], none, recipe_of(STORE)).scores) == 0


def test_a_region_is_pooled_at_the_two_scales_around_its_best_size() -> None:
    recipe = recipe_of(STORE, test={"shorter_side": 600, "longer_side": 1000})
    judge = Judge(Level(None, (600, 600)), recipe)
    sides = torch.tensor([672.0, 224, 120, 20])
    regions = torch.stack([torch.zeros(4), torch.zeros(4), sides, sides], 1)
    factors = [(side / 600, side / 600) for side in recipe.improvements.scales]
    near, other = judge._choose_scales(regions, factors)
    # 672 px are 224 at the scale of 200; 224 fit exactly at 600; 120 are 200 px at 1000; 20 never reach 224.
    assert near.tolist() == [0, 2, 4, 4]
    assert other.tolist() == [1, 3, 3, 3]


def test_the_scales_are_in_proportion_to_that_of_the_test() -> None:
    recipe = recipe_of(STORE, test={"shorter_side": 240, "longer_side": 400})
    assert [scale.shorter_side for scale in list_scales(recipe)] == [80, 160, 240, 320, 400]
    assert [scale.longer_side for scale in list_scales(recipe)] == [133, 267, 400, 533, 667]


@torch.inference_mode()
@pytest.mark.parametrize("changes", [{}, {"context": True}, {"improvements": {"maxout": "before"}}])
def test_several_scales_that_are_all_the_own_one_change_nothing(changes: dict[str, Any]) -> None:
    batches = batches_of(STORE, **changes)
    net = make_net(batches)
    single, _ = judges_of(batches, net)
    scaled = Judge(single.own, batches.recipe, [single.own, single.own])
    regions = single.propose()
    for one, other in zip(single.judge(regions), scaled.judge(regions), strict=True):
        torch.testing.assert_close(one, other)


@torch.inference_mode()
def test_several_scales_see_other_features_of_the_same_regions() -> None:
    batches = batches_of(STORE)
    single, scaled = judges_of(batches, make_net(batches))
    regions = single.propose()
    assert torch.equal(scaled.propose(), regions), "proposals are of the own scale alone"
    assert (single.judge(regions).scores - scaled.judge(regions).scores).abs().max() > 0.01


@torch.inference_mode()
def test_an_ensemble_of_twins_is_one_net() -> None:
    batches = batches_of(STORE)
    net = make_net(batches)
    one, twins = (detect_by_ensemble(nets, batches) for nets in ([net], [net, net]))
    for step in (BASELINE, *STEPS):
        pair = [outcome if step == BASELINE else outcome.steps[step] for outcome in (one, twins)]
        assert torch.equal(pair[0].ends, pair[1].ends) and len(pair[0].scores) > 0
        torch.testing.assert_close(pair[0].boxes, pair[1].boxes)
        torch.testing.assert_close(pair[0].scores, pair[1].scores)


@torch.inference_mode()
def test_every_net_of_an_ensemble_judges_the_proposals_of_all() -> None:
    batches = batches_of(STORE)
    judges = [judges_of(batches, make_net(batches, seed))[0] for seed in (0, 1)]
    regions = torch.cat([judge.propose() for judge in judges])
    first, second = (judge.judge(regions) for judge in judges)
    both = judge_together(judges, regions)
    torch.testing.assert_close(both.scores, (first.scores + second.scores) / 2)
    torch.testing.assert_close(both.boxes, (first.boxes + second.boxes) / 2)
    steps = detect_improved(judges, judges, batches.recipe)
    torch.testing.assert_close(steps[BASELINE].scores, choose(both, batches.recipe).scores)


@torch.inference_mode()
def test_the_first_step_is_the_detector_without_improvements() -> None:
    batches = batches_of(STORE)
    net = make_net(batches)
    for number, (images, (target,)) in enumerate(batches.single_view("test")):
        expected = detect(net(images), 0, target.size, batches.recipe)
        single, scaled = judges_of(batches, net, number)
        steps = detect_improved([single], [scaled], batches.recipe)
        assert all(torch.equal(*pair) for pair in zip(expected, steps[BASELINE], strict=True))
        assert torch.equal(steps[VOTED].scores, steps[BASELINE].scores), "voting moves boxes alone"


def test_a_net_with_context_sees_the_whole_image() -> None:
    recipe = recipe_of(STORE, context=True)
    net, plain = make_net(batches_of(STORE, context=True)), build_net(recipe_of(STORE), 3)
    assert net.cls.in_features == 2 * plain.cls.in_features
    more, less = count_net(recipe, 3), count_net(recipe_of(STORE), 3)
    assert more.parameters > less.parameters and more.macs > less.macs
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    elsewhere = images.clone()
    elsewhere[..., 40:, 40:] = 0
    region = [torch.tensor([[0.0, 0, 16, 16]])]
    with torch.inference_mode():
        pools = [net(some).of_one(0) for some in (images, elsewhere)]
        scores = [maps.judge(region, [(64, 64)])[0] for maps in pools]
    assert (scores[0] - scores[1]).abs().max() > 1e-3


def test_options_at_their_defaults_stay_out_of_the_hash() -> None:
    plain, explicit = recipe_of(STORE), recipe_of(STORE, context=False, improvements={"vote_from": 0.5})
    assert plain.hash == explicit.hash and "improvements" not in plain.values
    assert recipe_of(STORE, improvements={"vote_from": 0.8}).hash != plain.hash


@pytest.mark.parametrize(
    ("options", "key"),
    [({"scales": [600, 400]}, "scales"), ({"scales": []}, "scales"), ({"vote_from": 0}, "vote_from")],
)
def test_options_without_meaning_are_refused(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        recipe_of(STORE, improvements=options)


def test_each_step_has_its_precision_and_the_error_of_its_gain() -> None:
    batches = batches_of(STORE)
    outcomes = evaluate_net(make_net(batches), batches)
    for step in STEPS:
        metrics = outcomes[step].metrics()
        assert set(metrics) == {metric.name for metric in DETECTION.protocol(step).metrics}
        assert all(0 <= value <= 100 for value in metrics.values())
    steps = outcomes["objects"].steps
    assert not torch.equal(steps[MULTI_SCALE].scores, steps[REFINED].scores)


def test_the_same_detections_gain_nothing_for_certain() -> None:
    batches = batches_of(STORE)
    outcome = detect_by_ensemble([make_net(batches)], batches)
    step = measure_step(outcome, outcome)
    assert isinstance(outcome, DetectionOutcome) and step.errors == (0.0, 0.0)


def test_the_runs_of_several_seeds_are_tested_together(tmp_path: Path) -> None:
    short = {"schedule": {"iterations": 1, "drops": []}}
    folders = [tmp_path / f"seed-{seed}" for seed in (0, 1)]
    for seed, folder in enumerate(folders):
        train_run(folder, recipe_of(STORE, seed=seed, **short), STORE, CPU, tmp_path / "work")
    together = evaluate_ensemble(folders, STORE, CPU).outcomes
    assert list(together) == [protocol.name for protocol in DETECTION.protocols]
    assert all(row["images"] == len(STORE.test_annotations) for row in score_rows(together, DETECTION))
    write_evaluation(tmp_path / "outcome", Evaluation(together), DETECTION)
    assert read_scores(tmp_path / "outcome") == score_rows(together, DETECTION)
    others = replace(STORE, meta=replace(STORE.meta, fingerprint="e" * 64))
    with refused("conflict", "other images", file=folders[0]):
        evaluate_ensemble(folders, others, CPU)


def test_precision_of_each_class_is_kept_with_an_evaluation(tmp_path: Path) -> None:
    batches = batches_of(STORE)
    outcomes = evaluate_net(make_net(batches), batches)
    points = measure_precision(STORE, outcomes)
    assert {point["category"] for point in points} <= set(STORE.meta.classes)
    recalls = [point["recall"] for point in points if point["category"] == points[0]["category"]]
    assert recalls == [5.0 * step for step in range(21)]
    write_evaluation(tmp_path / "outcome", Evaluation(outcomes, precision=points), DETECTION)
    kept = read_precision(tmp_path / "outcome")
    assert [(row["category"], float(row["precision"])) for row in kept] == [
        (row["category"], row["precision"]) for row in points
    ]
