"""How many seeds would settle an inequality, and how long they would take."""

import numpy as np
import pytest
from checkout import PROJECT

from replication.config.profiles import read_profile
from replication.cost import gb_kept, gb_prepared, training_flop
from replication.data.sources import DATASETS
from replication.tasks import TASKS
from replication.verdicts import rule
from replication.verdicts.comparisons import Comparison, weigh_alikeness, weigh_difference, weigh_samples
from replication.verdicts.rule import Sample
from replication.verdicts.seeds_needed import MAX_SEEDS, POWER, make_typical_values, seeds_to_settle

WEIGHTS = {"a": 1, "b": -1}


def apart(points: float, std: float, seeds: int = 3, weigh: object = None) -> Comparison:
    """Two nets whose seeds spread by `std`, so many points apart."""
    samples = {
        "a": rule.of_errors(make_typical_values(8 + points, std, seeds), 10**9),
        "b": rule.of_errors(make_typical_values(8, std, seeds), 10**9),
    }
    return weigh_samples("a − b", "", samples, weigh or weigh_difference(WEIGHTS))


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_typical_values_have_the_mean_and_the_standard_deviation(seeds: int) -> None:
    values = make_typical_values(6.61, 0.16, seeds)
    assert (values.mean(), values.std(ddof=1)) == pytest.approx((6.61, 0.16))


@pytest.mark.parametrize(("points", "least", "most"), [(1.78, 3, 3), (0.36, 6, 8), (0.2, 18, 21), (-0.36, 6, 8)])
def test_the_differences_of_table_6_need_as_many_seeds_as_a_power_calculation_says(
    points: float, least: int, most: int
) -> None:
    assert least <= seeds_to_settle(apart(points, 0.21)) <= most


@pytest.mark.parametrize("points", [0.6, 1.5])
def test_so_many_seeds_settle_it_in_four_of_five_studies(points: float) -> None:
    seeds = seeds_to_settle(apart(points, 0.5))
    random = np.random.default_rng(0)
    a, b = (Sample(random.normal(mean, 0.5, (20_000, seeds)), 0.0) for mean in (8 + points, 8))
    settled = (rule.difference([(1, a), (-1, b)]).holds < rule.LEVEL).mean()
    assert POWER - 0.03 < settled < POWER + 0.15, "one seed less or more is several percent"


def test_nets_that_are_equal_are_never_told_apart_but_are_shown_to_be_alike() -> None:
    assert seeds_to_settle(apart(0.001, 0.2)) is None
    assert seeds_to_settle(apart(0.001, 0.2, weigh=weigh_alikeness(WEIGHTS, 0.5))) <= 10
    assert seeds_to_settle(apart(0.001, 0.2, weigh=weigh_alikeness(WEIGHTS, 0.005))) is None
    assert MAX_SEEDS == 300


def test_a_trend_needs_fewer_seeds_the_steeper_it_is() -> None:
    def slope(step: float) -> int | None:
        nets = {f"net {i}": rule.of_errors(make_typical_values(8 - step * i, 1.0, 3), 10**9) for i in range(4)}
        return seeds_to_settle(weigh_samples("falls", "", nets, lambda of: rule.trend(list(of.values()))))

    assert slope(3.0) == 3
    assert 3 < slope(0.5) < slope(0.2) <= MAX_SEEDS


def test_one_seed_with_a_published_spread_is_planned_by_it() -> None:
    published = rule.Spread(0.21**2, 20)
    samples = {
        "a": rule.of_errors([8.36], 10**9, published=published),
        "b": rule.of_errors([8.0], 10**9, published=published),
    }
    assert 6 <= seeds_to_settle(weigh_samples("a − b", "", samples, weigh_difference(WEIGHTS))) <= 8


def test_what_a_training_takes_is_counted_on_its_net() -> None:
    """ResNet-20 has 40.55 million multiply-adds at 32 pixels."""
    recipe = read_profile(PROJECT / "pipeline/profiles", "paper").recipe(TASKS["cifar"], "resnet-20")
    assert training_flop(recipe, 10) == pytest.approx(2 * 3 * 40.55e6 * 64_000 * 128, rel=0.01)


def test_the_disk_that_a_run_and_its_images_take_is_that_of_its_files() -> None:
    """As `ls -l` has them after `dvc repro`: net.safetensors of resnet-20, and the store of the digits at 16 pixels."""
    recipe = read_profile(PROJECT / "pipeline/profiles", "quick").recipe(TASKS["cifar"], "resnet-20")
    assert gb_kept(recipe, DATASETS["digits"]) * 1e9 == pytest.approx(1_097_648 + 360 * 10 * 2, rel=0.02)
    assert gb_prepared(recipe, DATASETS["digits"]) * 1e9 == pytest.approx(1_394_792, rel=0.02)
    of_paper = read_profile(PROJECT / "pipeline/profiles", "paper").recipe(TASKS["imagenet"], "resnet-50")
    assert gb_prepared(of_paper, DATASETS["imagenet"]) == 0, "it is read where it lies"
    assert gb_kept(of_paper, DATASETS["imagenet"]) * 1e9 > 4 * 25.5e6 + 3 * 2 * 50_000 * 1000
