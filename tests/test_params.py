"""params.yaml and the profiles, as the stages read them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.params import BaseParams, profile_of, read_params
from pipeline.plan import plans
from replication.arms import ARMS
from replication.arms.cifar import CIFAR
from replication.arms.imagenet import IMAGENET
from replication.claims import claim
from replication.errors import UserError
from replication.profiles import read_profile
from replication.recipe import Data, Recipe
from replication.study.fidelity import differences

PROFILES = sorted((Path(__file__).parents[1] / "pipeline/profiles").glob("*.yaml"))
DATA = Data(name="cifar10", pixels="official", fingerprint="0")
Configure = Callable[..., BaseParams]


def recipe_of(params: BaseParams, arm: str, net: str, seed: int, data: Data) -> Recipe:
    """The recipe of a run under the params, as `check` makes it."""
    override = params.section(ARMS[arm]).override
    return profile_of(params).recipe(ARMS[arm], net, seed=seed, data=data, override=override)


def test_the_params_and_profiles_that_are_committed_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    params = read_params()
    assert {"quick", "cpu", "paper"} <= {path.stem for path in PROFILES}
    assert all(plans(params, profile_of(params), arm) for arm in ARMS.values())


@pytest.mark.parametrize("profile", [path.stem for path in PROFILES])
@pytest.mark.parametrize(
    ("arm", "nets"),
    [
        ("cifar", ["plain-20", "resnet-56", "resnet-110", "resnet-1202"]),
        ("imagenet", ["plain-34", "resnet-18-A", "resnet-34-C", "resnet-152", "vgg-16", "googlenet"]),
    ],
)
def test_every_profile_makes_a_recipe_for_every_arm_and_net(
    configure: Configure, profile: str, arm: str, nets: list[str]
) -> None:
    params = configure({"profile": profile})
    for net in nets:
        recipe = recipe_of(params, arm, net, 3, DATA)
        assert (recipe.arm, recipe.net, recipe.seed, recipe.data) == (arm, net, 3, DATA)


def test_a_net_of_the_other_arm_is_refused(configure: Configure) -> None:
    params = configure()
    for arm, net in (("cifar", "resnet-34-A"), ("imagenet", "resnet-56")):
        with pytest.raises(UserError, match=net):
            recipe_of(params, arm, net, 0, DATA)


def test_photographs_of_a_smaller_profile_are_scaled_as_a_whole(configure: Configure) -> None:
    """Crop, rescaling and test scales keep the ratios of section 3.4, but for whole pixels."""
    paper = recipe_of(configure({"profile": "paper"}), "imagenet", "resnet-34-A", 0, DATA)
    for profile in ("quick", "cpu", "cpu-long"):
        small = recipe_of(configure({"profile": profile}), "imagenet", "resnet-34-A", 0, DATA)
        ratio = small.input_size / paper.input_size
        for sides in ((lambda r: r.augmentation.shorter_side), (lambda r: r.test.scales)):
            assert sides(small) == pytest.approx([ratio * side for side in sides(paper)], abs=0.6)
        assert small.test.shorter_side == pytest.approx(ratio * paper.test.shorter_side, abs=0.6)


def test_an_unknown_profile_is_refused_with_those_that_exist(configure: Configure) -> None:
    params = configure({"profile": "gpu"})
    with pytest.raises(UserError, match=r"params.yaml: profile: there is no 'gpu'; choose one of cpu, .*quick"):
        profile_of(params)


@pytest.mark.parametrize("profile", ["../profiles/quick", "", "quick.yaml", "/etc/passwd"])
def test_a_profile_is_a_name_and_not_a_path(configure: Configure, profile: str) -> None:
    params = configure({"profile": profile})
    with pytest.raises(UserError, match="choose one of"):
        profile_of(params)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("base: tiny\n", r"base: 'tiny' is no other profile"),
        ("base: nowhere\n", r"base: 'nowhere' is no other profile"),
        ("base: paper\nsegmentation: {}\n", r"tiny\.yaml: segmentation: expected `base` or a section of an arm"),
        ("base: paper\ncifar: 5\n", r"tiny\.yaml: cifar: expected"),
        ("", r"tiny\.yaml is empty"),
        ("cifar: {}\n", r"tiny\.yaml has no section imagenet"),
        ("base: paper\ncifar: {dataset: svhn}\n", r"cifar\.dataset: 'svhn' is not digits or cifar10"),
        ("base: paper\ncifar: {variants: {deeper: {bn_group: 8}}}\n", r"cifar\.variants\.deeper: needs `why`"),
        ("base: paper\ncifar: {variants: {deeper: 5}}\n", r"cifar\.variants\.deeper: needs `why`"),
        ("base: paper\ncifar: {variants: {deeper: {why: 5}}}\n", r"cifar\.variants\.deeper: needs `why`"),
        ('base: paper\ncifar: {variants: {deeper: {why: "a\\nb"}}}\n', r"cifar\.variants\.deeper: needs `why`, a sent"),
        ('base: paper\ncifar: {variants: {deeper: {why: b, section: " "}}}\n', r"variants\.deeper\.section: ' ' is no"),
        ("base: paper\ncifar: {variants: 5}\n", r"cifar\.variants: expected"),
    ],
)
def test_a_profile_of_another_form_is_refused_with_its_file(configure: Configure, content: str, told: str) -> None:
    params = configure()
    Path("pipeline/profiles/tiny.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=told) as refusal:
        for arm in ARMS.values():
            plans(params, profile_of(params), arm)
    assert "\n" not in str(refusal.value)


def test_a_profile_says_only_what_differs_from_its_base() -> None:
    paper, quick, cpu, long = (read_profile(PROFILES[0].parent, n) for n in ("paper", "quick", "cpu", "cpu-long"))
    for arm in ARMS.values():
        assert quick.arms[arm.name]["optimiser"] == paper.arms[arm.name]["optimiser"]
        assert long.arms[arm.name]["input_size"] == cpu.arms[arm.name]["input_size"]
        iterations = [profile.arms[arm.name]["schedule"]["iterations"] for profile in (cpu, long)]
        assert iterations[1] == 4 * iterations[0]
    assert len((PROFILES[0].parent / "cpu-long.yaml").read_text().splitlines()) < 25


def test_a_variant_is_the_profiles_recipe_with_what_it_names_changed(configure: Configure) -> None:
    paper = profile_of(configure({"profile": "paper"}))
    assert all(changes["why"].strip() for changes in paper.variants(CIFAR).values())
    usual, without = (paper.recipe(CIFAR, "resnet-110", variant, data=DATA) for variant in ("default", "no-warmup"))
    assert without.warmup.from_depth > 1202 and usual.warmup.from_depth == 110
    assert usual.values | {"variant": "no-warmup", "warmup": without.values["warmup"]} == without.values
    assert usual.hash != without.hash
    with pytest.raises(
        UserError, match=r"paper\.yaml, cifar: there is no variant 'warmer'; those that there are: no-war"
    ):
        paper.recipe(CIFAR, "resnet-110", "warmer")


@pytest.mark.parametrize("name", [path.stem for path in PROFILES])
def test_every_variant_of_every_profile_makes_a_recipe_that_is_not_the_profiles_own(name: str) -> None:
    profile = read_profile(PROFILES[0].parent, name)
    for arm, net in ((CIFAR, "plain-56"), (IMAGENET, "resnet-34-A")):
        own = profile.recipe(arm, net, seed=1)
        for variant in profile.variants(arm).keys() - {"no-warmup"}:  # which changes nets of 110 layers
            assert differences(profile.recipe(arm, net, variant, seed=1), own, ignored={"variant"}), variant


def test_every_variant_that_a_claim_needs_is_in_the_papers_profile() -> None:
    paper = read_profile(PROFILES[0].parent, "paper")
    for arm in ARMS.values():
        needed = {name.partition("/")[2] for test in claim.tests_of(arm) for name in test.needs} - {""}
        assert needed <= paper.variants(arm).keys()


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


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ({"train_image": 5}, "train_image: no such key"),
        ({"schedule": {"iteration": 5}}, "schedule.iteration: no such key"),
        ({"schedule": {"iterations": "long"}}, "schedule.iterations: "),
        ({"schedule": 5}, "schedule: "),
        ({"bn_group": 5}, r"bn_group \(5\) must divide"),
        ({"bn_group": 1, "input_size": 4}, r"bn_group \(1\) must be 2 or more, as the last maps are 1x1"),
        ({"optimiser": {"nesterov": True, "momentum": 0}}, "optimiser: nesterov is a way to use momentum, which is 0"),
    ],
)
def test_a_wrong_override_is_refused_with_its_key_and_both_files(
    configure: Configure, override: dict[str, Any], told: str
) -> None:
    params = configure({"cifar": {"override": override}})
    with pytest.raises(UserError, match=rf"^pipeline/profiles/tiny\.yaml, cifar with cifar\.override: .*{told}"):
        recipe_of(params, "cifar", "plain-8", 0, DATA)


def test_a_wrong_key_of_the_profile_itself_is_refused_with_its_file(configure: Configure) -> None:
    params = configure(precision="fp64")
    with pytest.raises(UserError, match=r"^pipeline/profiles/tiny\.yaml, cifar: precision: .*found: 'fp64'"):
        recipe_of(params, "cifar", "plain-8", 0, DATA)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nets": ["plain-8"]}, "params.yaml: nets: no such key"),
        ({"cifar": {"net": "plain-8"}}, "params.yaml: cifar.net: no such key"),
        ({"depth": "deep"}, "params.yaml: depth: .*found: 'deep'"),
        ({"depth": 111}, "the nearest depths are 110 and 116"),
        ({"depth": 50}, "take depth 44, 56 or 146"),
        ({"cifar": {"nets": ["plain-8", "vgg"]}}, "'vgg' is not a CIFAR net"),
        ({"cifar": {"nets": ["plain-21"]}}, "the nearest depths are 20 and 26"),
        (
            {"cifar": {"nets": ["plain-8", "plain-14", "plain-8"]}},
            r"params.yaml: cifar: nets names plain-8 twice; remove",
        ),
        ({"cifar": {"seeds": [3, 5, 3]}}, "params.yaml: cifar: seeds names 3 twice; remove"),
        ({"cifar": {"seeds": []}}, "params.yaml: cifar.seeds: "),
        ({"cifar": {"checkpoints": [0, 8, 8]}}, "params.yaml: cifar: checkpoints names 8 twice; remove"),
        ({"cifar": {"checkpoints": [-1]}}, "params.yaml: cifar.checkpoints.0: .*greater than or equal to 0"),
        ({"cifar": {"seeds": 0}}, "params.yaml: cifar.seeds: "),
        ({"cifar": {"seeds": [1.0]}}, "params.yaml: cifar.seeds.0: .*found: 1.0"),
        ({"cifar": {"seeds": [True]}}, "params.yaml: cifar.seeds.0: .*found: True"),
        ({"cifar": {"seeds": [-1]}}, r"params.yaml: cifar.seeds.0: .*greater than or equal to 0 \(found: -1\)"),
        ({"cifar": {"nets": "plain-8"}}, "params.yaml: cifar.nets: "),
        ({"cifar": {"variants": ["resnet-8"]}}, "params.yaml: cifar.variants: 'resnet-8' is not <net>/<variant>"),
        ({"cifar": {"variants": ["resnet-9/no-warmup"]}}, "params.yaml: cifar.variants: .*nearest depths are 8 and 14"),
        (
            {"data": {"cifar10": {"source": "kaggle"}}},
            "params.yaml: data.cifar10.source: 'kaggle' is not official, binary",
        ),
        ({"device": "gpu"}, "params.yaml: device: .*found: 'gpu'"),
        ({"processes": 0}, "params.yaml: processes: .*found: 0"),
        ({"imagenet": {"nets": ["resnet-34"]}}, "imagenet.nets: .*write resnet-34-A, resnet-34-B or resnet-34-C"),
        ({"imagenet": {"nets": ["resnet-56"]}}, "imagenet.nets: 'resnet-56' is not an ImageNet net"),
        ({"imagenet": {"ensembles": [["resnet-34-A", "resnet-33"]]}}, "imagenet.ensembles: 'resnet-33' is not"),
        ({"cifar": {"seeds": [10**20]}}, "params.yaml: cifar.seeds.0: .*less than or equal to 4294967295"),
        ({"imagenet": {"ensembles": [["plain-18", "plain-18"]]}}, "ensembles: plain-18 stands twice in one; remove"),
        ({"imagenet": {"ensembles": [["plain-18"]]}}, "imagenet.ensembles.0: .*at least 2"),
        ({"imagenet": {"ensembles": [[]]}}, "imagenet.ensembles.0: .*at least 2"),
        ({"cifar": {"nets": [""]}}, "params.yaml: cifar.nets.0: "),
        ({"data": {"cifar10": {"root": ""}}}, "params.yaml: data.cifar10.root: "),
        ({"data": {"cifar10": {"root": "a\0b"}}}, "params.yaml: data.cifar10.root: "),
        ({"cifar": {"override": {"net": "plain-8"}}}, "cifar: override.net would change nothing; set nets"),
        ({"cifar": {"override": {"seed": -1}}}, "cifar: override.seed would change nothing; set nets, variants, seeds"),
        ({"cifar": {"override": {"data": {"name": "x"}}}}, "cifar: override.data would change nothing"),
        ({"cifar": {"override": {"arm": "imagenet"}}}, "cifar: override.arm would change nothing"),
        ({"data": {"tiny_imagenet": {"source": "official"}}}, "data.tiny_imagenet.source: 'official' is not parquet"),
    ],
)
def test_wrong_params_are_refused_in_one_sentence(configure: Configure, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as refusal:
        configure(changes)
    assert "\n" not in str(refusal.value)


def test_all_that_is_wrong_is_told_at_once(configure: Configure) -> None:
    wrong = {"depth": True, "device": "gpu", "cifar": {"seeds": [-1], "net": "plain-8"}}
    with pytest.raises(UserError, match=r"^params.yaml, 4 errors:\n") as told:
        configure(wrong)
    assert all(
        key in str(told.value) for key in ("\n  depth: ", "\n  device: ", "cifar.seeds.0: ", "cifar.net: no such")
    )
    with pytest.raises(UserError, match=r"^params.yaml, 3 errors:\n") as told:
        configure({"cifar": {"nets": ["plain-9", "xyz"], "variants": ["plain-8"]}})
    assert all(key in str(told.value) for key in ("plain-9", "'xyz'", "'plain-8' is not <net>/<variant>"))


ABSURD = {
    "schedule.learning_rate": [float("inf"), float("nan"), 1e30, True, "0.1", -0.1, 0],
    "schedule.iterations": [10**20, True, 1.5, 0, -1, "400"],
    "schedule.batch_size": [10**20, True, 0],
    "schedule.drops": [[True], [1.5], "200", [10**20]],
    "schedule.drop_factor": [True, 1, 0],
    "optimiser.weight_decay": [float("inf"), 1e30, True, -1, 2],
    "optimiser.momentum": [True, 1, float("nan")],
    "optimiser.nesterov": ["yes", 1, "false"],
    "augmentation.mirror": ["yes", 1, 0],
    "augmentation.pad": [10**20, True, 9, -1],
    "train_images": [10**20, True, 0, 1e3],
    "input_size": [10**20, True, 6],
    "bn_group": [10**20, True, 0, 7],
    "warmup.window": [10**20, True, 0],
    "logging.log_every": [10**20, True, 0],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in ABSURD.items() for value in values], ids=str
)
def test_an_absurd_value_is_refused_before_anything_is_trained(configure: Configure, key: str, value: Any) -> None:
    section, _, name = key.rpartition(".")
    params = configure({"cifar": {"override": {section: {name: value}} if section else {name: value}}})
    with pytest.raises(UserError, match=r"tiny\.yaml, cifar with cifar\.override") as told:
        recipe_of(params, "cifar", "plain-8", 0, DATA)
    assert name in str(told.value)


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
    with pytest.raises(UserError, match=r"^params\.yaml") as refusal:
        read_params()
    assert "\n" not in str(refusal.value)


def test_missing_params_are_told_with_how_to_get_them_back(configure: Configure) -> None:
    configure()
    Path("params.yaml").unlink()
    with pytest.raises(UserError, match=r"git checkout params\.yaml"):
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
    with pytest.raises(UserError, match=r"data\.cifar10\.source"):
        read_params()


def test_the_place_of_the_data_is_no_part_of_a_recipe(configure: Configure) -> None:
    recipes = [
        recipe_of(configure({"data": {"cifar10": {"root": root}}}), "cifar", "plain-8", 0, DATA)
        for root in ("here", "there")
    ]
    assert recipes[0].hash == recipes[1].hash
