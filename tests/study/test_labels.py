"""Studies beside a profile's own have folders named after what makes them another."""

from typing import Any

import pytest

from replication.arms.cifar import CIFAR
from replication.recipe import Data
from replication.study.labels import LONGEST, label, pixels_label, study_folder


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
