"""params.yaml and the profiles, as the stages read them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from errors import refused

from pipeline.params import BaseParams, profile_of, read_params
from pipeline.plan import plans
from replication.config.profiles import read_profile
from replication.config.recipe import Data, Recipe
from replication.errors import Kind, UserError
from replication.results.fidelity import compare_recipes
from replication.tasks import TASKS
from replication.tasks.cifar import CIFAR
from replication.tasks.imagenet import IMAGENET
from replication.verdicts import claim

PROFILES = sorted((Path(__file__).parents[1] / "pipeline/profiles").glob("*.yaml"))
DATA = Data(name="cifar10", pixels="official", fingerprint="0")
Configure = Callable[..., BaseParams]


def recipe_of(params: BaseParams, task: str, net: str, seed: int, data: Data) -> Recipe:
    """The recipe of a run under the params, as `check` makes it."""
    override = params.section(TASKS[task]).override
    return profile_of(params).recipe(TASKS[task], net, seed=seed, data=data, override=override)


def test_the_params_and_profiles_that_are_committed_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    params = read_params()
    assert {"quick", "cpu", "paper"} <= {path.stem for path in PROFILES}
    assert all(plans(params, profile_of(params), task) for task in TASKS.values())


@pytest.mark.parametrize("profile", [path.stem for path in PROFILES])
@pytest.mark.parametrize(
    ("task", "nets"),
    [
        ("cifar", ["plain-20", "resnet-56", "resnet-110", "resnet-1202"]),
        ("imagenet", ["plain-34", "resnet-18-A", "resnet-34-C", "resnet-152", "vgg-16", "googlenet"]),
    ],
)
def test_every_profile_makes_a_recipe_for_every_arm_and_net(
    configure: Configure, profile: str, task: str, nets: list[str]
) -> None:
    params = configure({"profile": profile})
    for net in nets:
        recipe = recipe_of(params, task, net, 3, DATA)
        assert (recipe.task, recipe.net, recipe.seed, recipe.data) == (task, net, 3, DATA)


def test_a_net_of_the_other_arm_is_refused(configure: Configure) -> None:
    params = configure()
    for task, net in (("cifar", "resnet-34-A"), ("imagenet", "resnet-56")):
        with refused("unknown", net):
            recipe_of(params, task, net, 0, DATA)


def test_photographs_of_a_smaller_profile_are_scaled_as_a_whole(configure: Configure) -> None:
    """Crop, rescaling and test scales keep the ratios of section 3.4, but for whole pixels."""
    paper = recipe_of(configure({"profile": "paper"}), "imagenet", "resnet-34-A", 0, DATA)
    for profile in ("quick", "cpu", "cpu-long"):
        small = recipe_of(configure({"profile": profile}), "imagenet", "resnet-34-A", 0, DATA)
        ratio = small.input_size / paper.input_size
        for sides in ((lambda r: r.augmentation.shorter_side), (lambda r: r.test.scales)):
            assert sides(small) == pytest.approx([ratio * side for side in sides(paper)], abs=0.6)
        assert small.test.shorter_side == pytest.approx(ratio * paper.test.shorter_side, abs=0.6)


@pytest.mark.parametrize("profile", ["gpu", "../profiles/quick", "", "/etc/passwd"])
def test_an_unknown_profile_is_refused_with_those_that_exist(configure: Configure, profile: str) -> None:
    params = configure({"profile": profile})
    with refused("unknown", "cpu", "quick", key="profile", file="params.yaml"):
        profile_of(params)


@pytest.mark.parametrize(
    ("content", "kind", "key"),
    [
        ("base: tiny\n", "unknown", "base"),
        ("base: nowhere\n", "unknown", "base"),
        ("base: paper\nsegmentation: {}\n", "unknown", "segmentation"),
        ("base: paper\ncifar: 5\n", "invalid", "cifar"),
        ("", "damaged", None),
        ("cifar: {}\n", "missing", "imagenet"),
        ("base: paper\ncifar: {dataset: svhn}\n", "unknown", "cifar.dataset"),
        ("base: paper\ncifar: {variants: {deeper: {bn_group: 8}}}\n", "invalid", "cifar.variants.deeper"),
        ("base: paper\ncifar: {variants: {deeper: 5}}\n", "invalid", "cifar.variants.deeper"),
        ('base: paper\ncifar: {variants: {deeper: {why: "a\\nb"}}}\n', "invalid", "cifar.variants.deeper"),
        (
            'base: paper\ncifar: {variants: {deeper: {why: b, section: " "}}}\n',
            "invalid",
            "cifar.variants.deeper.section",
        ),
        ("base: paper\ncifar: {variants: 5}\n", "invalid", "cifar.variants"),
    ],
)
def test_a_profile_of_another_form_is_refused_with_its_key_and_file(
    configure: Configure, content: str, kind: Kind, key: str | None
) -> None:
    params = configure()
    Path("pipeline/profiles/tiny.yaml").write_text(content, encoding="utf-8")
    with refused(kind, file="pipeline/profiles/tiny.yaml") as error:
        for task in TASKS.values():
            plans(params, profile_of(params), task)
    assert error.value.key == key


def test_a_profile_says_only_what_differs_from_its_base() -> None:
    paper, quick, cpu, long = (read_profile(PROFILES[0].parent, n) for n in ("paper", "quick", "cpu", "cpu-long"))
    for task in TASKS.values():
        assert quick.sections[task.name]["optimiser"] == paper.sections[task.name]["optimiser"]
        assert long.sections[task.name].get("input_size") == cpu.sections[task.name].get("input_size")
        iterations = [profile.sections[task.name]["schedule"]["iterations"] for profile in (cpu, long)]
        assert iterations[1] == 4 * iterations[0]


def test_a_variant_is_the_profiles_recipe_with_what_it_names_changed(configure: Configure) -> None:
    paper = profile_of(configure({"profile": "paper"}))
    assert all(changes["why"].strip() for changes in paper.variants(CIFAR).values())
    usual, without = (paper.recipe(CIFAR, "resnet-110", variant, data=DATA) for variant in ("default", "no-warmup"))
    assert without.warmup.from_depth > 1202 and usual.warmup.from_depth == 110
    assert usual.values | {"variant": "no-warmup", "warmup": without.values["warmup"]} == without.values
    assert usual.hash != without.hash
    with refused("unknown", "no-warmup", key="cifar.variants", file="paper.yaml"):
        paper.recipe(CIFAR, "resnet-110", "warmer")


@pytest.mark.parametrize("name", [path.stem for path in PROFILES])
def test_every_variant_of_every_profile_makes_a_recipe_that_is_not_the_profiles_own(name: str) -> None:
    profile = read_profile(PROFILES[0].parent, name)
    for task, net in ((CIFAR, "plain-56"), (IMAGENET, "resnet-34-A")):
        own = profile.recipe(task, net, seed=1)
        for variant in profile.variants(task).keys() - {"no-warmup"}:  # which changes nets of 110 layers
            assert compare_recipes(profile.recipe(task, net, variant, seed=1), own, ignored={"variant"}), variant


def test_every_variant_that_a_claim_needs_is_in_the_papers_profile() -> None:
    paper = read_profile(PROFILES[0].parent, "paper")
    for task in TASKS.values():
        needed = {name.partition("/")[2] for test in claim.list_tests(task) for name in test.needs} - {""}
        assert needed <= paper.variants(task).keys()


def test_a_profile_can_take_a_variant_of_its_base_away() -> None:
    quick = read_profile(PROFILES[0].parent, "quick")
    assert "bn-group-128" not in quick.variants(CIFAR) and "no-warmup" in quick.variants(CIFAR)


@pytest.mark.parametrize("written", ["1e-4", "1E-4", "1.0e-4", "0.0001"])
def test_a_number_is_a_number_however_dvc_writes_it(configure: Configure, written: str) -> None:
    configure()
    text = Path("params.yaml").read_text(encoding="utf-8")
    assert "override: {}" in text
    override = f"override: {{optimiser: {{weight_decay: {written}}}}}"
    Path("params.yaml").write_text(text.replace("override: {}", override), encoding="utf-8")
    params = read_params()
    assert params.cifar.override == {"optimiser": {"weight_decay": 0.0001}}
    assert recipe_of(params, "cifar", "plain-8", 0, DATA).optimiser.weight_decay == 0.0001


def test_an_override_changes_its_key_and_leaves_its_neighbours(configure: Configure) -> None:
    plain = recipe_of(configure(), "cifar", "plain-8", 0, DATA)
    override = {"schedule": {"iterations": 100}, "train_images": 50}
    changed = recipe_of(configure({"cifar": {"override": override}}), "cifar", "plain-8", 0, DATA)
    expected = plain.model_dump()
    expected["schedule"]["iterations"] = 100
    expected["train_images"] = 50
    assert changed.model_dump() == expected
    assert changed.hash != plain.hash


def test_an_override_replaces_a_list_as_a_whole(configure: Configure) -> None:
    params = configure({"cifar": {"override": {"schedule": {"drops": [7]}}}})
    assert recipe_of(params, "cifar", "plain-8", 0, DATA).schedule.drops == (7,)


# What else is wrong in a recipe: tests/test_recipe.py.
@pytest.mark.parametrize(
    ("override", "kind", "key"),
    [
        ({"train_image": 5}, "unknown", "train_image"),
        ({"schedule": {"iteration": 5}}, "unknown", "schedule.iteration"),
        ({"schedule": 5}, "invalid", "schedule"),
        ({"bn_group": 5}, "invalid", "bn_group"),
    ],
)
def test_a_wrong_override_is_refused_with_its_key_and_both_files(
    configure: Configure, override: dict[str, Any], kind: Kind, key: str
) -> None:
    params = configure({"cifar": {"override": override}})
    with refused(kind, "cifar.override", key=key, file="pipeline/profiles/tiny.yaml"):
        recipe_of(params, "cifar", "plain-8", 0, DATA)


def test_a_wrong_key_of_the_profile_itself_is_refused_with_its_file(configure: Configure) -> None:
    params = configure(precision="fp64")
    with refused("invalid", "fp64", key="precision", file="pipeline/profiles/tiny.yaml"):
        recipe_of(params, "cifar", "plain-8", 0, DATA)


@pytest.mark.parametrize(
    ("changes", "kind", "key", "choice"),
    [
        ({"nets": ["plain-8"]}, "unknown", "nets", ""),
        ({"cifar": {"net": "plain-8"}}, "unknown", "cifar.net", ""),
        ({"depth": "deep"}, "invalid", "depth", "deep"),
        ({"depth": 111}, "unknown", "depth", "110 and 116"),
        ({"depth": 50}, "unknown", "depth", "56"),
        ({"cifar": {"nets": ["plain-8", "vgg"]}}, "unknown", "cifar.nets", "resnet-56"),
        ({"cifar": {"nets": ["plain-8", "plain-14", "plain-8"]}}, "invalid", "cifar.nets", "plain-8"),
        ({"cifar": {"nets": "plain-8"}}, "invalid", "cifar.nets", ""),
        ({"cifar": {"nets": [""]}}, "invalid", "cifar.nets", ""),
        ({"cifar": {"seeds": [3, 5, 3]}}, "invalid", "cifar.seeds", "3"),
        ({"cifar": {"seeds": []}}, "invalid", "cifar.seeds", ""),
        ({"cifar": {"seeds": [1.0]}}, "invalid", "cifar.seeds", "1.0"),
        ({"cifar": {"seeds": [True]}}, "invalid", "cifar.seeds", "True"),
        ({"cifar": {"seeds": [-1]}}, "invalid", "cifar.seeds", "-1"),
        ({"cifar": {"seeds": [10**20]}}, "invalid", "cifar.seeds", "4294967295"),
        ({"cifar": {"checkpoints": [0, 8, 8]}}, "invalid", "cifar.checkpoints", "8"),
        ({"cifar": {"checkpoints": [-1]}}, "invalid", "cifar.checkpoints", "-1"),
        ({"cifar": {"nets": ["resnet-8/"]}}, "invalid", "cifar.nets", "<net>/<variant>"),
        ({"cifar": {"nets": ["resnet-8/default"]}}, "invalid", "cifar.nets", "write resnet-8"),
        ({"cifar": {"nets": ["resnet-9/no-warmup"]}}, "unknown", "cifar.nets", "8 and 14"),
        ({"cifar": {"variants": ["resnet-8/no-warmup"]}}, "unknown", "cifar.variants", ""),
        ({"jobs": 0}, "invalid", "jobs", "0"),
        ({"jobs": "many"}, "invalid", "jobs", "many"),
        ({"data": {"cifar10": {"source": "kaggle"}}}, "unknown", "data.cifar10.source", "binary"),
        ({"data": {"tiny_imagenet": {"source": "official"}}}, "unknown", "data.tiny_imagenet.source", "parquet"),
        ({"data": {"cifar10": {"root": ""}}}, "invalid", "data.cifar10.root", ""),
        ({"data": {"cifar10": {"root": "a\0b"}}}, "invalid", "data.cifar10.root", ""),
        ({"device": "gpu"}, "invalid", "device", "cuda"),
        ({"processes": 0}, "invalid", "processes", "0"),
        ({"imagenet": {"nets": ["resnet-34"]}}, "unknown", "imagenet.nets", "resnet-34-B"),
        ({"imagenet": {"ensembles": [["resnet-34-A", "resnet-33"]]}}, "unknown", "imagenet.ensembles", "resnet-34-B"),
        ({"imagenet": {"ensembles": [["plain-18", "plain-18"]]}}, "invalid", "imagenet.ensembles", "plain-18"),
        ({"imagenet": {"ensembles": [["plain-18"]]}}, "invalid", "imagenet.ensembles", "2"),
        *(
            ({"cifar": {"override": {name: "x"}}}, "invalid", f"cifar.override.{name}", "nets")
            for name in ("net", "seed", "data", "task")
        ),
    ],
)
def test_wrong_params_are_refused_with_their_key(
    configure: Configure, changes: dict[str, Any], kind: Kind, key: str, choice: str
) -> None:
    with refused(kind, choice, key=key, file="params.yaml") as error:
        configure(changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "kind", "first", "names"),
    [
        (
            {"depth": True, "device": "gpu", "cifar": {"seeds": [-1], "net": "plain-8"}},
            *("invalid", "depth", ("device", "cifar.seeds", "cifar.net")),
        ),
        (
            {"cifar": {"nets": ["plain-9", "xyz", "plain-8/"]}},
            "invalid",
            "cifar.nets",
            ("plain-9", "xyz"),
        ),
    ],
)
def test_all_that_is_wrong_is_told_at_once(
    configure: Configure, wrong: dict[str, Any], kind: Kind, first: str, names: tuple[str, ...]
) -> None:
    with refused(kind, *names, key=first, file="params.yaml") as error:
        configure(wrong)
    assert len(str(error.value).splitlines()) == len(names) + 2


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"- 1\n", b"profile: [\n", b"profile: quick\nprofile: cpu\n", b"# \xe9\n", b"\x00\n"),
        *(b"depth: 2026-02-30\n", b"depth: !!int x\n", b"depth: " + b"9" * 5000 + b"\n", b"[" * 3000),
    ],
    ids=range(10),
)
def test_a_file_that_is_not_what_it_should_be_is_told_in_one_sentence(configure: Configure, content: bytes) -> None:
    configure()
    Path("params.yaml").write_bytes(content)
    with pytest.raises(UserError) as error:
        read_params()
    assert error.value.file == Path("params.yaml")
    assert error.value.kind in ("damaged", "invalid", "missing") and "\n" not in str(error.value)


def test_missing_params_are_told_with_how_to_get_them_back(configure: Configure) -> None:
    configure()
    Path("params.yaml").unlink()
    with refused("missing", "git checkout params.yaml", file="params.yaml"):
        read_params()


def test_the_environment_says_where_the_data_lies_on_this_machine(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configure({"data": {"cifar10": {"source": "official", "root": "here"}}}).data.cifar10.root == "here"
    monkeypatch.setenv("REPLICATION_CIFAR10_SOURCE", "parquet")
    assert read_params().data.cifar10.model_dump(exclude_none=True) == {"source": "parquet", "root": "here"}
    monkeypatch.setenv("REPLICATION_CIFAR10_ROOT", "~/elsewhere")
    assert read_params().data.cifar10.model_dump(exclude_none=True) == {"source": "parquet", "root": "~/elsewhere"}
    monkeypatch.setenv("REPLICATION_CIFAR10_SOURCE", "kaggle")
    with refused("unknown", "parquet", key="data.cifar10.source", file="params.yaml"):
        read_params()


def test_the_place_of_the_data_is_no_part_of_a_recipe(configure: Configure) -> None:
    recipes = [
        recipe_of(configure({"data": {"cifar10": {"root": root}}}), "cifar", "plain-8", 0, DATA)
        for root in ("here", "there")
    ]
    assert recipes[0].hash == recipes[1].hash
