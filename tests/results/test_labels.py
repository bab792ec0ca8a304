"""Studies beside a profile's own have folders named after what makes them another."""

from typing import Any

import pytest
from made_up import recipe_of

from replication.config.recipe import Data
from replication.results.labels import LONGEST, label, pixels_label, schedule_name, setup_name, study_folder
from replication.tasks.cifar import CIFAR


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ({}, ""),
        ({"train_images": 1400}, "train_images=1400"),
        ({"schedule": {"iterations": 24, "drops": [12, 18]}}, "schedule.drops=12+18,schedule.iterations=24"),
        ({"augmentation": {"mirror": False}, "precision": "fp32"}, "augmentation.mirror=False,precision=fp32"),
    ],
)
def test_an_override_names_its_folder(override: dict[str, Any], name: str) -> None:
    assert label(override) == name


def test_a_long_override_is_cut_and_stays_unlike_others() -> None:
    names = {label({f"schedule_{n}": 10**60, "last": n}) for n in range(20)}
    assert len(names) == 20 and all(len(name) <= LONGEST for name in names)
    assert label({"last": 1}) != label({"last": 2}) and "/" not in label({"../../etc": "/passwd"})


def test_other_pixels_than_the_official_ones_are_a_study_of_their_own() -> None:
    official, copy, digits = (
        pixels_label(CIFAR, Data(name=name, pixels=pixels, fingerprint="0"))
        for name, pixels in (
            ("cifar10", "official"), ("cifar10", "unverified copy (png)"), ("digits", "8x8 digits"),
        )
    )  # fmt: skip
    assert (official, copy, digits) == ("", "pixels=unverified-copy-png", "")
    assert study_folder("a=1", copy) == "a=1,pixels=unverified-copy-png" and study_folder("", "") == ""


@pytest.mark.parametrize(
    ("iterations", "name"),
    [(64_000, "full schedule"), (16_000, "1/4 schedule"), (4000, "1/16 schedule"), (48_000, "3/4 schedule"),
     (400, "1/160 schedule"), (6400, "1/10 schedule"), (7000, "1/9.14 schedule"), (128_000, "2 × schedule")],
)  # fmt: skip
def test_a_schedule_is_named_by_its_share_of_the_papers(iterations: int, name: str) -> None:
    assert schedule_name(iterations, 64_000) == name


QUARTER = {"schedule": {"iterations": 16_000, "drops": [8000, 12_000]}}


@pytest.mark.parametrize(
    ("options", "label_", "seeds", "name"),
    [
        ({}, "", [3, 3], "CIFAR-10, full schedule, 3 seeds"),
        ({"precision": "bf16"} | QUARTER, "precision=bf16", [3], "CIFAR-10, 1/4 schedule, bf16, 3 seeds"),
        ({"pixels": "JPEG"}, "pixels=JPEG", [1, 3], "CIFAR-10, JPEG, full schedule, 1 to 3 seeds"),
        ({"train_images": 45_000}, "train_images=45000", [1], "CIFAR-10, full schedule, train_images 45000, 1 seed"),
        ({"dataset": "digits"}, "", [3], "Digits smoke test"),
    ],
)
def test_a_setup_is_named_by_data_schedule_and_seeds(
    options: dict[str, Any], label_: str, seeds: list[int], name: str
) -> None:
    assert setup_name(recipe_of(**options), recipe_of(), label_, seeds) == name


def test_a_stand_in_is_named_by_its_data() -> None:
    recipe = recipe_of(
        task="imagenet", net="plain-18", dataset="tiny_imagenet", schedule={"iterations": 2000, "drops": [1000]}
    )
    found = setup_name(recipe, recipe_of(task="imagenet", net="plain-18"), "", [1])
    assert found == "Tiny ImageNet, 1/300 schedule, 1 seed"
