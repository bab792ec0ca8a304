"""Training a detector: what is sampled, what is frozen, what a curve counts, and a training that is stopped."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from detecting import CPU, batches_of, random_scenes, recipe_of, scene_store, without_boxes
from errors import refused
from locating import classifier_recipe_of, made_up_store
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import load_file
from torchvision import models
from torchvision.ops import roi_pool

from replication.data.annotations import CROWD, DIFFICULT
from replication.evaluate import evaluate_net, evaluate_run
from replication.nets.boxes import overlap
from replication.nets.by_name import build
from replication.runs.curve import last_value
from replication.runs.folder import NET, read_run
from replication.runs.outcome import score_rows
from replication.tasks.build import build_net, count_net
from replication.tasks.detection import DETECTION, MISSED
from replication.tasks.detection.detect import Detections, choose, find_missed
from replication.tasks.detection.feed import DetectionBatches, Target, fit_size, pad_images
from replication.tasks.detection.judge import Judged
from replication.tasks.detection.loss import count_errors, loss
from replication.tasks.detection.proposals import sample_anchors, sample_regions
from replication.tasks.detection.recipe import DetectionRecipe, Scale, check_detection
from replication.tracking.live import LiveRun
from replication.training.run import train, train_run
from replication.training.speed import images_per_second
from replication.training.state import State

STORE = scene_store(random_scenes(8, most=3))


class Killed(BaseException):
    """What kill -9 is to a process."""


class Interrupted(DetectionBatches):
    at = -1

    def training(self, iteration: int) -> Any:
        if iteration == self.at:
            raise Killed
        return super().training(iteration)


def train_here(batches: DetectionBatches, work: Path, **more: Any) -> State:
    return train(batches.recipe, batches, work, LiveRun(None, batches.recipe), **more)


def test_a_killed_training_ends_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    recipe = recipe_of(STORE, precision="bf16")
    whole = train_here(DetectionBatches(STORE, recipe, CPU), tmp_path / "whole")
    stopped = Interrupted(STORE, recipe, CPU)
    stopped.at = 4
    with pytest.raises(Killed):
        train_here(stopped, tmp_path / "work", save_seconds=0)
    resumed = train_here(DetectionBatches(STORE, recipe, CPU), tmp_path / "work")
    assert resumed.starts == 2 and resumed.curve == whole.curve
    weights = resumed.net.state_dict()
    assert all(torch.equal(weights[key], value) for key, value in whole.net.state_dict().items())


def test_a_batch_depends_on_seed_and_iteration_alone() -> None:
    one, other, third = batches_of(STORE), batches_of(STORE), batches_of(STORE, seed=1)
    other.training(0)
    (views, targets), (same_views, same_targets), (_, new) = (b.training(3) for b in (one, other, third))
    for left, right in zip([*views, *_flat(targets)], [*same_views, *_flat(same_targets)], strict=True):
        assert torch.equal(left, right)
    assert not torch.equal(targets[0].anchor_draws, new[0].anchor_draws)
    assert not torch.equal(targets[0].anchor_draws, targets[1].anchor_draws)
    draws = torch.cat([targets[0].region_draws, targets[0].anchor_draws])
    assert len(draws.unique()) > 0.99 * len(draws), "two streams"


def _flat(targets: list[Target]) -> list[torch.Tensor]:
    return [field for target in targets for field in target[1:]]


def test_a_group_is_the_same_in_whatever_process_it_is() -> None:
    whole_views, whole_targets = batches_of(STORE).training(2)
    parts = [batches_of(STORE, rank, 2).training(2) for rank in (0, 1)]
    groups = [group for views, _ in parts for group in views.split(2)]
    assert all(torch.equal(*pair) for pair in zip(groups, whole_views.split(2), strict=True))
    targets = [target for _, some in parts for target in some]
    assert all(torch.equal(*pair) for pair in zip(_flat(targets), _flat(whole_targets), strict=True))


def test_a_mirrored_image_has_mirrored_boxes() -> None:
    store = scene_store([[(2, [4, 8, 24, 40], 0)]] * 4)
    seen = set()
    for iteration in range(3):
        views, targets = batches_of(store, augmentation={"mirror": True}).training(iteration)
        for view, target in zip(views, targets, strict=True):
            left, top, right, bottom = (int(side) for side in target.boxes[0])
            assert (view[2, top:bottom, left:right] > 0.5).all(), "the bright box"
            seen.add(left)
    assert seen == {4, 40}


def test_images_are_rescaled_to_the_shorter_side_unless_the_longer_one_is_too_long() -> None:
    scale = Scale(shorter_side=600, longer_side=1000)
    assert [fit_size(size, scale) for size in ((500, 375), (375, 500), (1000, 250), (600, 600))] == [
        (800, 600), (600, 800), (1000, 250), (600, 600),
    ]  # fmt: skip


def test_places_of_the_padding_are_no_anchors() -> None:
    net = build_net(recipe_of(STORE), 3).eval()
    small, large = torch.rand(3, 40, 50), torch.rand(3, 64, 64)
    with torch.inference_mode():
        answers = net(pad_images([small, large]))
    logits, offsets, anchors = answers.of_image(0, (50, 40))
    assert len(logits) == len(offsets) == len(anchors) == net.shapes * 5 * 7
    assert anchors[:, :2].add(anchors[:, 2:]).div(2).max() < 50


def test_anchors_that_leave_the_image_are_sampled_only_if_the_recipe_says_so() -> None:
    options = recipe_of(STORE).sampling
    anchors = torch.tensor([[0.0, 0, 20, 20], [-4, 0, 20, 20], [30, 30, 50, 50]])
    true, draws = torch.tensor([[0.0, 0, 20, 20]]), torch.rand(3)
    chosen, positive, offsets = sample_anchors(anchors, true, draws, (64, 64), options)
    assert chosen.tolist() == [0, 2] and positive.tolist() == [True, False]
    assert torch.equal(offsets[0], torch.zeros(4))
    all_of_them = options.model_copy(update={"inside": False})
    assert sorted(sample_anchors(anchors, true, draws, (64, 64), all_of_them)[0].tolist()) == [0, 1, 2]


def test_the_best_anchor_of_an_object_is_positive_however_little_it_overlaps() -> None:
    anchors, true = torch.tensor([[0.0, 0, 20, 20], [40, 40, 60, 60]]), torch.tensor([[10.0, 10, 30, 30]])
    chosen, positive, _ = sample_anchors(anchors, true, torch.rand(2), (64, 64), recipe_of(STORE).sampling)
    assert dict(zip(chosen.tolist(), positive.tolist(), strict=True)) == {0: True, 1: False}


def test_regions_are_sampled_by_their_overlap_and_the_smallest_draws() -> None:
    options = recipe_of(STORE, regions={"regions": 4, "positive": 0.5}).regions
    true = torch.tensor([[0.0, 0, 20, 20]])
    proposals = torch.tensor([[0.0, 0, 20, 18], [0, 0, 20, 8], [40, 40, 60, 60], [1, 0, 20, 20]])
    sample = sample_regions(proposals, true, torch.tensor([2]), torch.tensor([0.9, 0.5, 0.1, 0.2, 0.3]), options)
    assert sample.classes.tolist() == [3, 3, 0], "two of three positive ones; 0.4 is background, and nothing is not"
    assert sample.boxes.tolist() == [[1, 0, 20, 20], [0, 0, 20, 20], [0, 0, 20, 8]]
    assert sample.offsets[0].tolist() == pytest.approx([-0.5 / 19 / 0.1, 0, 5 * torch.tensor(20 / 19).log().item(), 0])
    far = sample_regions(proposals[2:3], true, torch.tensor([2]), torch.rand(2), options)
    assert far.classes.tolist() == [3, 0], "where nothing lies in the band, any other region is background"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_image_without_objects_has_background_alone(precision: str) -> None:
    batches = batches_of(scene_store([[]] * 4), precision=precision)
    views, targets = batches.training(0)
    net = build_net(batches.recipe, 3).train()
    (group,), (truth,) = views.split(4), targets.split(4)
    total, wrong = loss(net(group), truth)
    total.backward()
    assert torch.isfinite(total) and net.reg.weight.grad.abs().sum() == 0
    assert 0 <= wrong <= 4


def test_a_net_that_calls_everything_background_has_an_error_of_all_images() -> None:
    batches = batches_of(scene_store([[(1, [4, 4, 30, 30], 0), (0, [32, 32, 60, 60], 0)]] * 4))
    net = build_net(batches.recipe, 3).train()
    views, targets = batches.training(0)
    with torch.no_grad():
        net.cls.bias[0] = 50.0
        assert loss(net(views.split(4)[0]), targets).wrong == 4


def test_difficult_objects_and_crowds_are_not_counted_and_trained_on_as_the_recipe_says() -> None:
    things = [(0, [0, 0, 20, 20], 0), (1, [30, 0, 60, 20], DIFFICULT), (2, [0, 30, 20, 60], CROWD)]
    store = scene_store([things] * 4)
    for difficult, classes in ((False, [0]), (True, [0, 1])):
        _, targets = batches_of(store, difficult=difficult).training(0)
        assert targets[0].classes.tolist() == classes
    _, (target,) = next(batches_of(store).single_view("test"))
    nothing = Detections(torch.empty(0, 4), torch.empty(0), torch.empty(0, dtype=torch.int64))
    assert find_missed(nothing, target).tolist() == [True]


def test_an_object_is_found_by_a_sure_detection_of_its_class_that_overlaps_it() -> None:
    _, (target,) = next(batches_of(scene_store([[(1, [10, 10, 30, 30], 0)]] * 4)).single_view("test"))

    def is_missed(box: list[float], score: float = 0.9, number: int = 1) -> bool:
        one = Detections(torch.tensor([box]), torch.tensor([score]), torch.tensor([number]))
        return bool(find_missed(one, target))

    assert not is_missed([10.0, 10, 30, 20]) and is_missed([10.0, 10, 30, 19])
    assert is_missed([10.0, 10, 30, 30], score=0.4) and is_missed([10.0, 10, 30, 30], number=0)


def test_detections_are_chosen_class_by_class() -> None:
    recipe = recipe_of(STORE, test={"most": 3})
    scores = torch.tensor([[0.9, 0.04], [0.8, 0.6], [0.3, 0.2]])
    boxes = torch.tensor([[0.0, 0, 20, 20], [0, 0, 20, 18], [40, 40, 60, 60]])[:, None].expand(3, 2, 4)
    found = choose(Judged(scores, boxes), recipe)
    kept = list(zip(found.scores.tolist(), found.classes.tolist(), strict=True))
    assert kept == [(pytest.approx(0.9), 0), (pytest.approx(0.6), 1), (pytest.approx(0.3), 0)]
    assert (overlap(found.boxes[:1], found.boxes[1:2]) > 0.3).all(), "of another class"


@pytest.mark.parametrize("changes", [{"frozen": "conv2"}, {"norm": "fixed", "starts": {"backbone": "imagenet"}}])
def test_frozen_layers_stay_as_they_are(changes: dict[str, Any], tmp_path: Path) -> None:
    batches = batches_of(STORE, **changes)
    before = {key: value.clone() for key, value in State.start(batches.recipe, 3, CPU).net.state_dict().items()}
    state = train_here(batches, tmp_path)
    changed = {key for key, value in state.net.state_dict().items() if not torch.equal(value, before[key])}
    frozen_convolutions = 5 if "frozen" in changes else 0
    if "frozen" in changes:
        assert not {key for key in changed if key.startswith(("conv1.", "bn1.", "conv2."))}
        assert "conv3.0.bn1.running_mean" in changed, "batch norm of trained layers is live"
    else:
        assert not {key for key in changed if "bn" in key} and "conv1.weight" in changed
    norms = state.gradient_norms[6]
    assert norms[:frozen_convolutions] == [0] * frozen_convolutions and all(norms[frozen_convolutions:])


def test_the_curve_ends_with_what_the_evaluation_measures(tmp_path: Path) -> None:
    batches = batches_of(STORE, precision="bf16", schedule={"iterations": 12})
    state = train_here(batches, tmp_path)
    outcomes = evaluate_net(state.net, batches)
    missed = outcomes["objects"].metrics()[MISSED]
    assert last_value(state.curve, "test", MISSED) == pytest.approx(missed, abs=1e-3)
    counted = count_errors(state.net, batches, "test")
    assert counted.images == len(STORE.test_annotations.classes), "objects, not images"
    rows = score_rows(outcomes, DETECTION)
    assert [row["metric"] for row in rows if row["protocol"] == "voc_area"] == ["map_error", "map_error_se"]
    assert {row["images"] for row in rows} == {len(STORE.test_annotations)}


def test_a_run_starts_from_a_classifier_that_its_test_does_not_load(tmp_path: Path) -> None:
    """The classifier was trained on images of one object each, which these are not."""
    labelled = made_up_store([[[4, 4, 22, 22]]] * 16, side=32)
    short = {"schedule": {"iterations": 1, "drops": []}}
    train_run(tmp_path / "backbone", classifier_recipe_of(labelled, 32, 32, **short), labelled, CPU, tmp_path / "work")
    recipe = recipe_of(STORE, starts={"backbone": "imagenet"}, **short)
    starts = {"backbone": tmp_path / "backbone"}
    train_run(tmp_path / "run", recipe, STORE, CPU, tmp_path / "work", starts=starts, checkpoints=[0])
    weights = [load_file(path) for path in (tmp_path / "run/net-0.safetensors", tmp_path / "backbone" / NET)]
    for name in ("conv3.1.conv2.weight", "conv4.0.conv1.weight"):
        assert torch.equal(*(tensors[name] for tensors in weights)), "of shared layers, and of those for a region"
    evaluation = evaluate_run(tmp_path / "run", STORE, CPU, starts)
    assert list(evaluation.outcomes) == [protocol.name for protocol in DETECTION.protocols]
    assert Image.open(io.BytesIO(evaluation.picture)).size[0] > 900
    assert read_run(tmp_path / "run").gradient_norms[1], "the first iteration is the last"


def test_a_run_starts_from_weights_that_torchvision_publishes(tmp_path: Path) -> None:
    published = models.resnet18(num_classes=7)
    torch.save(published.state_dict(), tmp_path / "resnet-18-B.pth")
    options = {"starts": {"backbone": "published"}, "bottleneck_stride": "3x3", "norm": "fixed"}
    recipe = recipe_of(STORE, net="resnet-18-B", **options, schedule={"iterations": 1, "drops": []})
    starts = {"backbone": tmp_path / "resnet-18-B.pth"}
    train_run(tmp_path / "run", recipe, STORE, CPU, tmp_path / "work", starts=starts, checkpoints=[0])
    weights, original = load_file(tmp_path / "run/net-0.safetensors"), published.state_dict()
    assert torch.equal(weights["conv3.1.conv2.weight"], original["layer2.1.conv2.weight"])
    assert torch.equal(weights["conv4.0.bn1.running_var"], original["layer3.0.bn1.running_var"])
    images = torch.rand(1, 3, 32, 32)
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    expected = torch.conv2d(images / deviation, original["conv1.weight"])
    torch.testing.assert_close(torch.conv2d(images, weights["conv1.weight"]), expected)


def test_the_time_of_a_step_can_be_measured() -> None:
    assert images_per_second(recipe_of(STORE), 3, CPU, "bf16", 0.05) > 0


def test_detections_lie_in_pixels_of_the_images(tmp_path: Path) -> None:
    """Of images that are tested at twice their size."""
    batches = batches_of(STORE, test={"shorter_side": 128, "longer_side": 128, "score_from": 0.0})
    outcome = evaluate_net(build_net(batches.recipe, 3), batches)["objects"]
    assert len(outcome.boxes) and outcome.boxes.max() <= 64 and outcome.boxes.min() >= 0
    assert outcome.of_image(3)[0].shape == (int(outcome.ends[3] - outcome.ends[2]), 4)


def test_regions_count_among_the_multiply_adds() -> None:
    few, many = (count_net(recipe_of(STORE, proposals={"test": {"after": count}}), 3) for count in (10, 20))
    assert many.parameters == few.parameters and many.macs > 1.2 * few.macs


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"bn_group": 3}, "bn_group"),
        ({"frozen": "conv4"}, "frozen"),
        ({"norm": "fixed"}, "norm"),
        ({"test": {"shorter_side": 31}}, "shorter_side"),
        ({"test": {"longer_side": 63}}, "shorter_side"),
        ({"regions": {"background_from": 0.5}}, "background_from"),
        ({"sampling": {"negative_below": 0.8}}, "negative_below"),
        ({"net": "vgg-16"}, "maps"),
        ({"starts": {"backbone": "published"}}, "starts"),
        ({"net": "resnet-50", "starts": {"backbone": "published"}}, "bottleneck_stride"),
        ({"net": "vgg-16", "maps": "conv4", "regions": {"size": 14}}, "maps"),
    ],
)
def test_options_that_do_not_fit_are_refused_by_their_key(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        recipe_of(STORE, **changes)
    assert [problem["ctx"]["error"].key for problem in error.value.errors()] == [key]


def test_earlier_systems_and_images_without_boxes_are_refused() -> None:
    with refused("unknown", "vgg-19", "vgg-16"):
        check_detection("vgg-19")
    check_detection("vgg-16")
    with refused("missing", "prepare@detection"):
        DetectionBatches(without_boxes(STORE), recipe_of(STORE), CPU)


@pytest.mark.slow  # 138 million weights
def test_a_detector_on_vgg_16_shares_conv1_to_conv5_and_judges_by_fc6_and_fc7() -> None:
    recipe = recipe_of(STORE, net="vgg-16", maps="conv4", frozen="conv2", bn_group=1)
    backbone, net = build("vgg-16", 7), build_net(recipe, 3)
    net.load_backbone(backbone.state_dict())
    frozen = [name for name, weight in net.named_parameters() if not weight.requires_grad]
    assert frozen == [f"features.{layer}.{part}" for layer in (0, 2, 5, 7) for part in ("weight", "bias")], "Fast R-CNN"
    net.eval()
    image = torch.rand(1, 3, 50, 70) - 0.5
    maps = net(image)
    assert maps.maps.shape == (1, 512, 4, 5) and len(maps.of_image(0, (70, 50))[2]) == 4 * 5 * 9
    whole = net(torch.nn.functional.pad(image, (0, 10, 0, 14)))
    assert torch.equal(whole.maps, maps.maps), "what is no whole place is filled with the mean colour"
    region = torch.tensor([[0.0, 0.0, 80.0, 64.0]])
    expected = backbone.eval().classifier[:-1](roi_pool(maps.maps, [region], 7, 1 / 16).flatten(1))
    assert torch.equal(maps.pool([region])[:, :, 0, 0], expected)


def test_the_input_size_is_that_of_a_test() -> None:
    recipe = recipe_of(STORE, test={"shorter_side": 128, "longer_side": 128})
    assert recipe.input_size == 128 and "input_size" not in recipe.values
    assert DetectionRecipe(**recipe.model_dump()).hash == recipe.hash


@pytest.mark.slow
def test_it_learns_to_find_bright_boxes(tmp_path: Path) -> None:
    store = scene_store(random_scenes(64))
    batches = batches_of(store, schedule={"iterations": 300, "drops": [200]}, logging={"evaluate_every": 300})
    state = train_here(batches, tmp_path)
    assert evaluate_net(state.net, batches)["voc_area"].metrics()["map_error"] < 20
