"""The learning rate of section 4.2, iteration by iteration."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replication.recipe import CifarRecipe
from replication.training import learning_rate, warms_up

PAPER = Path(__file__).parents[2] / "pipeline/profiles/paper.yaml"


def paper(net: str) -> CifarRecipe:
    """The recipe of the paper for a net."""
    values = YAML(typ="safe").load(PAPER.read_text())["cifar"]
    del values["dataset"]
    data = {"name": "cifar10", "variant": None, "fingerprint": "0"}
    return CifarRecipe.model_validate(values | {"arm": "cifar", "net": net, "seed": 0, "data": data})


@pytest.mark.parametrize("net", ["plain-20", "resnet-56"])
@pytest.mark.parametrize(
    ("iteration", "rate"),
    [(0, 0.1), (31_999, 0.1), (32_000, 0.01), (47_999, 0.01), (48_000, 0.001), (63_999, 0.001)],
)
def test_the_rate_is_divided_by_ten_at_32k_and_48k(net: str, iteration: int, rate: float) -> None:
    assert learning_rate(iteration, paper(net)) == pytest.approx(rate, rel=1e-12)


def test_the_paper_trains_64k_iterations_of_128_images() -> None:
    schedule = paper("resnet-20").schedule
    assert (schedule.iterations, schedule.batch_size) == (64_000, 128)


@pytest.mark.parametrize(("net", "warms"), [("resnet-56", False), ("resnet-110", True), ("plain-110", True)])
def test_only_110_layers_and_more_warm_up(net: str, warms: bool) -> None:
    recipe = paper(net)
    assert warms_up(recipe) is warms
    assert learning_rate(0, recipe) == pytest.approx(0.01 if warms else 0.1)


@pytest.mark.parametrize(
    ("iteration", "rate"),
    [(0, 0.01), (399, 0.01), (400, 0.1), (31_999, 0.1), (32_000, 0.01), (48_000, 0.001), (63_999, 0.001)],
)
def test_resnet_110_starts_at_a_tenth_until_its_warmup_ends_and_drops_where_the_others_do(
    iteration: int, rate: float
) -> None:
    assert learning_rate(iteration, paper("resnet-110"), warmup_ended_at=400) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("iteration", "rate"), [(0, 0.01), (5_000, 0.01), (32_000, 0.01), (47_999, 0.01), (48_000, 0.001)]
)
def test_a_warmup_that_never_ends_keeps_its_rate_but_never_lifts_a_dropped_one(iteration: int, rate: float) -> None:
    assert learning_rate(iteration, paper("resnet-110"), warmup_ended_at=None) == pytest.approx(rate)


def test_a_net_without_warmup_ignores_when_one_ended() -> None:
    assert learning_rate(10, paper("resnet-56"), warmup_ended_at=400) == pytest.approx(0.1)


def test_the_rate_depends_on_its_arguments_alone(make_recipe: Callable[..., CifarRecipe]) -> None:
    recipe = make_recipe(warmup={"from_depth": 8})
    forwards = [learning_rate(i, recipe, 10) for i in range(64)]
    backwards = [learning_rate(i, recipe, 10) for i in reversed(range(64))]
    assert forwards == backwards[::-1]
    assert forwards == pytest.approx([0.005] * 10 + [0.05] * 22 + [0.005] * 16 + [0.0005] * 16)


def test_a_schedule_without_drops_is_constant(make_recipe: Callable[..., CifarRecipe]) -> None:
    recipe = make_recipe(schedule={"drops": []})
    assert {learning_rate(i, recipe) for i in range(64)} == {0.05}
