"""Published weights are never tested against labels in another order without a word."""

import random

import pytest
from errors import refused

from replication.data.classes import find_outputs
from replication.data.sources import CIFAR10

OFFICIAL = CIFAR10.class_names


def test_each_class_is_found_by_its_name() -> None:
    names = random.Random(0).sample(OFFICIAL, 10)
    assert [OFFICIAL[output] for output in find_outputs(names, OFFICIAL, "cifar10")] == names
    wnids = ["n02084071", "n01440764", "n01443537"]
    assert find_outputs(wnids, (), "imagenet") == [2, 0, 1]


def test_numbers_are_the_official_labels() -> None:
    assert find_outputs([str(number) for number in range(10)], OFFICIAL, "cifar10") == list(range(10))
    assert find_outputs([str(number) for number in range(1000)], (), "imagenet") == list(range(1000))


@pytest.mark.parametrize(
    ("names", "official", "dataset"),
    [
        (sorted(["plane", "car", *OFFICIAL[2:]]), OFFICIAL, "cifar10"),
        (OFFICIAL[:9], OFFICIAL, "cifar10"),
        (sorted(str(number) for number in range(1000)), (), "imagenet"),  # 0, 1, 10, 100, …
        (["goldfish", "tench"], (), "imagenet"),
    ],
)
def test_other_names_are_refused(names: list[str], official: tuple[str, ...], dataset: str) -> None:
    with refused("conflict", "dvc repro prepare", key=f"data.{dataset}.source"):
        find_outputs(names, official, dataset)
