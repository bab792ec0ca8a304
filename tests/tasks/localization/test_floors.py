"""Baselines, pairs and the picture of appendix C, on images worked by hand."""

import io

import pytest
import torch
from locating import batches_of, made_up_store, recipe_of
from PIL import Image

from replication.nets.boxes import overlap
from replication.runs.outcome import PICTURE, Evaluation, write_evaluation
from replication.tasks.localization import BASELINES, LOCALIZATION, PAIRS
from replication.tasks.localization.evaluate import COMPARED, pairs
from replication.tasks.localization.examples import COLUMNS, GAP, PREDICTED, ROWS, TILE, TRUE, draw_examples
from replication.tasks.localization.floors import best_constant, measure_floors
from replication.tasks.localization.outcome import BoxOutcome


def test_floors_of_four_images() -> None:
    """On 40x40 pixels; images are trained and tested on. Class 0: three boxes, of which the median side by side is
    (0, 0, 20, 20); class 1: one; class 2 has none, and takes the median of all.
    """
    boxes = [[[0, 0, 20, 20]], [[0, 0, 22, 20]], [[0, 0, 10, 18]], [[0, 0, 40, 40]]]
    store = made_up_store(boxes, side=40, labels=[0, 0, 0, 1])
    outcome = measure_floors(None, batches_of(store, recipe_of(store, input_size=32, shorter_side=40, scales=[40])))
    assert outcome.overlaps.keys() == BASELINES.keys()
    assert outcome.overlaps["class_median"].tolist() == pytest.approx([1, 20 / 22, 180 / 400, 1], abs=1e-4)
    assert outcome.overlaps["whole_image"].tolist() == pytest.approx([400 / 1600, 440 / 1600, 180 / 1600, 1], abs=1e-4)
    values = outcome.metrics()
    assert (values["whole_image_error"], values["class_median_error"]) == (75.0, 25.0)
    assert values["constant_box_error"] == 25.0, "one box can be right for the three of class 0"
    assert outcome.boxes["class_median"][3].tolist() == [0, 0, 40, 40], "in pixels of the image"


def test_the_constant_box_is_better_than_the_median_where_it_can_be() -> None:
    """Half of the boxes lie left, half right: their median, side by side, is a sliver that is right for few."""
    random = torch.Generator().manual_seed(0)
    jitter = 0.02 * torch.rand(200, 4, generator=random)
    boxes = torch.tensor([[0.0, 0.2, 0.4, 0.8], [0.6, 0.2, 1.0, 0.8]]).repeat(100, 1) + jitter
    right = [(overlap(box[None], boxes) >= 0.5).float().mean().item() for box in (boxes.median(0).values,)]
    assert (overlap(best_constant(boxes)[None], boxes) >= 0.5).float().mean().item() >= max(*right, 0.5)


def outcome_with(*overlaps: float) -> BoxOutcome:
    values = torch.tensor(overlaps)
    return BoxOutcome({"per_class_rpn": values}, {"per_class_rpn": torch.zeros(len(values), 4)})


def test_pairs_count_the_images_on_which_one_alone_is_wrong() -> None:
    centre = outcome_with(0.9, 0.2, 0.2, 0.5, 0.1)
    others = {method: torch.tensor([0.9, 0.9, 0.2, 0.1, 0.1]) for method in ("scr", "pcr", "rpn")}
    centre = BoxOutcome(centre.overlaps | others, centre.boxes)
    outcome = pairs({"oracle_centre": centre, "oracle_dense": outcome_with(0.1, 0.9, 0.9, 0.9, 0.0)})
    assert outcome.images == 5 and outcome.tensors() == {}
    values = outcome.metrics()
    alone = {key: [values[f"{key}_{place}_alone_wrong"] for place in ("first", "second")] for key in PAIRS}
    assert alone["pcr_or_per_class_rpn"] == [20.0, 20.0]
    assert alone["centre_or_dense"] == [40.0, 20.0]
    assert alone["scr_or_pcr"] == [0.0, 0.0]


def test_the_task_has_a_metric_for_each_pair_and_compares_what_was_tested_before() -> None:
    names = [protocol.name for protocol in LOCALIZATION.protocols]
    compared = {protocol for pair in PAIRS.values() for protocol, _ in pair}
    assert list(COMPARED) == ["pairs"] and compared <= set(names[: names.index("pairs")])
    assert len(LOCALIZATION.protocol("pairs").metrics) == 2 * len(PAIRS)


def test_the_picture_shows_twelve_images_with_true_and_predicted_boxes(tmp_path) -> None:
    store = made_up_store([[[10, 10, 30, 30]]] * 24, side=40)
    boxes = torch.tensor([[0.0, 0, 16, 40]]).repeat(24, 1)
    picture = draw_examples(store, {"oracle_centre": BoxOutcome({}, {"per_class_rpn": boxes})})
    with Image.open(io.BytesIO(picture)) as image:
        assert image.size == (COLUMNS * (TILE + GAP) - GAP, ROWS * (TILE + GAP) - GAP)
        last = (image.size[0] - TILE, image.size[1] - TILE)  # its left top corner
        shown = {tuple(image.convert("RGB").getpixel((last[0] + x, last[1] + y))) for x, y in [(119, 80), (62, 80)]}
    assert shown == {tuple(bytes.fromhex(colour[1:])) for colour in (TRUE, PREDICTED)}
    outcome = BoxOutcome({"per_class_rpn": torch.ones(24)}, {})
    write_evaluation(tmp_path / "outcome", Evaluation({"predicted_dense": outcome}, picture=picture), LOCALIZATION)
    assert (tmp_path / "outcome" / PICTURE).read_bytes() == picture


def test_boxes_outside_the_image_are_drawn_at_its_edge() -> None:
    store = made_up_store([[[10, 10, 30, 30]]] * 12, side=40)
    boxes = torch.tensor([[-50.0, -50, -10, -10], [60, 60, 90, 90], [20, 20, 20, 20]]).repeat(4, 1)
    assert draw_examples(store, {"oracle_centre": BoxOutcome({}, {"per_class_rpn": boxes})})


def test_the_constant_box_needs_each_step_of_its_search() -> None:
    """Forty boxes, found so that the search ends at five or fewer if any one of its four steps is left out."""
    random = torch.Generator().manual_seed(430)
    near, side = (torch.randint(low, 33, (40, 2), generator=random) / 64 for low in (0, 4))
    boxes = torch.cat([near, near + side], 1)
    assert int((overlap(best_constant(boxes)[None], boxes) >= 0.5).sum()) == 6
