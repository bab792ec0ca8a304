"""What the params mean, run by run: the plans that `check` writes and the other stages read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from made_up import profile_of as shipped
from made_up import recipe_of as made_up_recipe
from made_up import result

from pipeline.params import BaseParams, profile_of
from pipeline.plan import folders_there, named_run, plans, runs_of, waves
from replication.arms import ARMS
from replication.arms.cifar import CIFAR
from replication.arms.imagenet import IMAGENET
from replication.errors import UserError
from replication.recipe import Data
from replication.runs.folder import write_run
from replication.study.results import add_results

DATA = Data(name="cifar10", pixels="official", fingerprint="0")
Configure = Callable[..., BaseParams]


def test_the_runs_are_the_nets_the_variants_and_the_depth_with_each_seed(configure: Configure) -> None:
    cifar = {"nets": ["plain-8", "resnet-14"], "variants": ["resnet-8/no-warmup"], "seeds": [0, 7]}
    params = configure({"depth": 20, "cifar": cifar})
    assert [(run.net, run.variant, run.seed, run.folder.as_posix()) for run in runs_of(params, CIFAR)] == [
        ("plain-8", "default", 0, "runs/cifar/plain-8/seed-0"),
        ("plain-8", "default", 7, "runs/cifar/plain-8/seed-7"),
        ("resnet-14", "default", 0, "runs/cifar/resnet-14/seed-0"),
        ("resnet-14", "default", 7, "runs/cifar/resnet-14/seed-7"),
        ("resnet-8", "no-warmup", 0, "runs/cifar/resnet-8/no-warmup/seed-0"),
        ("resnet-8", "no-warmup", 7, "runs/cifar/resnet-8/no-warmup/seed-7"),
        ("resnet-20", "default", 0, "runs/cifar/depth/resnet-20/seed-0"),
        ("resnet-20", "default", 7, "runs/cifar/depth/resnet-20/seed-7"),
    ]


def test_a_depth_that_the_list_has_is_not_trained_twice(configure: Configure) -> None:
    params = configure({"depth": 14, "cifar": {"nets": ["plain-8", "resnet-14"]}})
    assert [run.net for run in runs_of(params, CIFAR)] == ["plain-8", "resnet-14"]
    plan = plans(params, profile_of(params), CIFAR)
    assert "in the list of nets" in plan["depth/resnet-14/seed-0.json"]["skip"]


def test_a_plain_net_of_that_depth_does_not_stand_for_the_residual_one(configure: Configure) -> None:
    params = configure({"depth": 14, "cifar": {"nets": ["plain-14"]}})
    assert [run.net for run in runs_of(params, CIFAR)] == ["plain-14", "resnet-14"]


def test_an_arm_without_nets_is_not_run_and_needs_no_data(configure: Configure) -> None:
    params = configure({"depth": 14, "cifar": {"nets": []}, "imagenet": {"nets": []}})
    for arm in ARMS.values():
        plan = plans(params, profile_of(params), arm)
        assert plan["study.json"]["runs"] == [] and plan["data.json"]["skip"] == "no nets"
        assert all("skip" in content for file, content in plan.items() if file.endswith("seed-0.json"))


def test_the_plan_of_a_run_changes_with_its_recipe_and_with_nothing_else(configure: Configure) -> None:
    def plan(**changes: Any) -> dict[str, Any]:
        params = configure(changes)
        return {a.name: plans(params, profile_of(params), a) for a in ARMS.values()}

    one = {"imagenet": {"nets": ["plain-18"]}}
    before, deeper = plan(**one), plan(depth=26, **one)
    assert before["imagenet"] == deeper["imagenet"], "`depth` does not touch the other arm"
    assert before["cifar"]["plain-8/seed-0.json"] == deeper["cifar"]["plain-8/seed-0.json"]
    moved = plan(data={"tiny_imagenet": {"root": "elsewhere"}}, **one)
    assert moved["cifar"] == before["cifar"], "where another data set lies does not matter"
    longer = plan(cifar={"override": {"schedule": {"iterations": 99}}}, **one)
    assert longer["imagenet"] == before["imagenet"]
    changed = {file for file, content in before["cifar"].items() if longer["cifar"][file] != content}
    assert changed == {"plain-8/seed-0.json", "depth/resnet-8/seed-0.json", "study.json"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"imagenet": {"nets": ["plain-18"], "override": {"train_images": "1e3 images"}}}, "imagenet.*train_images"),
        ({"cifar": {"override": {"variants": {}}}}, "variants: no such key"),
        ({"cifar": {"variants": ["plain-8/wider"]}}, "there is no variant 'wider'"),
        ({"cifar": {"checkpoints": [0, 10_000]}}, "cifar.checkpoints: 10000 is beyond the .* of plain-8; remove it"),
    ],
)
def test_what_a_later_stage_could_not_use_is_refused_at_once(
    configure: Configure, changes: dict[str, Any], told: str
) -> None:
    params = configure(changes)
    with pytest.raises(UserError, match=told):
        for arm in ARMS.values():
            plans(params, profile_of(params), arm)


def test_a_run_that_the_results_have_under_another_recipe_is_refused_before_it_is_trained(configure: Configure) -> None:
    params = configure()
    recipe = profile_of(params).recipe(CIFAR, "plain-8", data=DATA)
    add_results(Path("results/tiny/cifar"), [result(recipe)])
    assert plans(params, profile_of(params), CIFAR), "the same recipe, on data that are not prepared yet"
    params = configure(schedule={"iterations": 99})
    told = r"results/tiny/cifar has plain-8 · seed 0 under another recipe: schedule.iterations is 64 there and 99 here"
    with pytest.raises(UserError, match=told):
        plans(params, profile_of(params), CIFAR)
    params = configure({"cifar": {"override": {"schedule": {"iterations": 99}}}})
    assert plans(params, profile_of(params), CIFAR), "under an override it is a study of its own"


def test_a_stage_called_by_hand_is_told_what_is_wrong(project: Any) -> None:
    for arguments, told in [
        (("cifar", "plain-8", "x"), "the seed is 'x'"),
        (("speech", "plain-8", "0"), "there is no arm 'speech'; the arms are cifar, imagenet, localization."),
        (
            ("cifar", "plain-14", "0"),
            "recipes/cifar/plain-14/seed-0.json is missing; run `dvc repro check`, which makes it",
        ),
    ]:
        failed = project.run("train", *arguments)
        assert failed.returncode == 1 and told in failed.stderr and "Traceback" not in failed.stderr, failed.stderr
    assert named_run("imagenet", "resnet-50/no-warmup", "3").arm == IMAGENET


def test_the_check_stage_passes_good_params_and_refuses_bad_ones(project: Any) -> None:
    good = project.run("check")
    assert (good.returncode, good.stderr) == (0, "")
    before = {path: path.read_text() for path in (project.folder / "recipes").rglob("*.json")}
    assert project.folder / "recipes/cifar/plain-8/seed-0.json" in before
    project.configure({"cifar": {"override": {"bn_group": 5}}}, check=False)
    bad = project.run("check")
    assert bad.returncode == 1
    assert "bn_group (5) must divide schedule.batch_size (16)" in bad.stderr
    assert "Traceback" not in bad.stderr
    assert {path: path.read_text() for path in (project.folder / "recipes").rglob("*.json")} == before


@pytest.mark.slow
def test_a_locale_without_utf8_reads_and_says_the_same(project: Any) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    project.configure(schedule={"iterations": 4, "drops": []}, check=False)
    params = project.folder / "params.yaml"
    params.write_text(f"# ½ · ✓\n{params.read_text(encoding='utf-8')}", encoding="utf-8")
    for stage in (("check",), ("train", "cifar", "plain-8", "0"), ("score", "cifar", "plain-8", "0")):
        done = project.run(*stage, fresh=True, **ascii_only)
        assert done.returncode == 0, done.stderr
    assert r"plain-8 \xb7 seed 0: top-1 error" in done.stdout


def test_a_net_whose_beginning_is_not_run_is_refused_before_anything_is(configure: Configure) -> None:
    begun = {"localization": {"nets": ["resnet-18-A"], "seeds": [0, 1]}}
    told = r"resnet-18-A begins with the net of seed 0 of imagenet.nets, which do not have it; add it there, or"
    for first in ({"nets": []}, {"nets": ["plain-18"]}, {"nets": ["resnet-18-A"], "seeds": [1]}):
        with pytest.raises(UserError, match=told):
            plans(configure({"imagenet": first} | begun), shipped("quick"), ARMS["localization"])
    whole = plans(configure({"imagenet": {"nets": ["resnet-18-A"]}} | begun), shipped("quick"), ARMS["localization"])
    assert whole["study.json"]["runs"] == [["resnet-18-A", 0], ["resnet-18-A", 1]]
    assert whole["resnet-18-A/seed-1.json"]["init_from"] == "imagenet"


@pytest.mark.parametrize("other", [{"shortcut": {"subsample": "average"}}, {"max_pooling": "rounded_up"}])
def test_a_net_that_would_be_built_otherwise_than_its_beginning_is_refused(
    configure: Configure, other: dict[str, Any]
) -> None:
    first = {"imagenet": {"nets": ["resnet-18-A"], "override": other}}
    told = r"begins with a net of imagenet that was built with (subsample average|max_pooling rounded_up), and would"
    with pytest.raises(UserError, match=told):
        plans(configure(first | {"localization": {"nets": ["resnet-18-A"]}}), shipped("quick"), ARMS["localization"])
    if "shortcut" in other:
        both = first | {"localization": {"nets": ["resnet-18-A"], "override": other}}
        assert plans(configure(both), shipped("quick"), ARMS["localization"])["study.json"]["runs"]


def test_r_cnn_needs_the_net_that_proposes_its_boxes_and_is_the_arms_second_step_alone(configure: Configure) -> None:
    imagenet, arm = {"imagenet": {"nets": ["resnet-18-A", "resnet-50"]}}, ARMS["localization"]

    def planned_of(**section: Any) -> dict[str, Any]:
        return plans(configure(imagenet | {"localization": {"nets": ["resnet-18-A"]} | section}), shipped("quick"), arm)

    whole = planned_of(rcnn=["resnet-18-A"])
    assert whole["study.json"]["runs"] == [["resnet-18-A", 0], ["resnet-18-A/rcnn", 0]]
    assert whole["resnet-18-A/rcnn/seed-0.json"]["regions"]["proposals"] > 0
    assert "regions" not in whole["resnet-18-A/seed-0.json"]
    with pytest.raises(UserError, match=r"localization.rcnn: resnet-50 is proposed boxes by the net of seed 0 of"):
        planned_of(rcnn=["resnet-50"])
    regions = {"proposals": 5, "positive": 0.5, "positive_from": 0.5}
    with pytest.raises(UserError, match="regions belong to the variant rcnn alone"):
        planned_of(override={"regions": regions})
    with pytest.raises(
        UserError, match=r"localization.variants: no stage trains them; R-CNN is set by localization.rcnn"
    ):
        planned_of(variants=["resnet-18-A/rcnn"])
    with pytest.raises(UserError, match=r"cifar.rcnn: this arm has no second step; remove it"):
        configure({"cifar": {"rcnn": ["resnet-20"]}})


def test_a_run_made_elsewhere_needs_the_runs_that_it_was_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-CNN's net of the first step and, behind it, the classifier; each told by the recipe that the next one names."""
    monkeypatch.chdir(tmp_path)
    options = {"dataset": "tiny_imagenet", "pixels": "jpeg"}
    classifier = made_up_recipe("cpu", "imagenet", "resnet-18-A", **options)
    first = made_up_recipe("cpu", "localization", "resnet-18-A", **options)
    first = first.model_copy(update={"start": classifier.hash})
    second = made_up_recipe("cpu", "localization", "resnet-18-A", variant="rcnn", **options)
    second = second.model_copy(update={"start": first.hash})
    run = named_run("localization", "resnet-18-A/rcnn", "0")
    with pytest.raises(
        UserError, match=rf"made from a run of recipe {first.hash}, which is not here; copy it to runs/loc"
    ):
        folders_there(run, second)
    for recipe in (first, classifier):
        made = result(recipe).record
        folder = Path("runs") / recipe.arm / "resnet-18-A/seed-0"
        write_run(folder, made, result(recipe).curve, {"a": torch.zeros(1)}, torch.zeros(1, 3, 4, 4), ["a", "b"])
        if recipe is first:
            with pytest.raises(
                UserError, match=rf"recipe {classifier.hash}, which is not here; copy it to runs/imagenet"
            ):
                folders_there(run, second)
    begun, proposes = folders_there(run, second)
    assert (begun.parts[1], proposes.parts[1]) == ("imagenet", "localization")
    another = second.model_copy(update={"start": "0" * 16})
    with pytest.raises(UserError, match=rf"is another than the one here .{first.hash}.;"):
        folders_there(run, another)


def test_what_begins_with_another_net_is_trained_after_it() -> None:
    items = [
        "cifar@plain-20-0",
        "localization@resnet-18-A-0",
        "imagenet@resnet-18-A-0",
        "depth@depth/resnet-20-0",
        "rcnn@resnet-18-A-0",
    ]
    assert waves(items) == [[items[0], items[2], items[3]], [items[1]], [items[4]]]
