"""What the params mean, run by run: the plans that `check` writes and the other stages read."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from checkout import PROJECT
from made_up import profile_of as shipped
from made_up import recipe_of as made_up_recipe
from made_up import result

from pipeline.params import BaseParams, profile_of
from pipeline.plan import (
    PlannedRun,
    imported_start_folders,
    list_ensembles,
    parse_run,
    plans,
    published_weights,
    runs_of,
    starts_of,
)
from replication.config.recipe import Data
from replication.errors import UserError
from replication.results.add import add_results
from replication.results.tables import read_tables
from replication.runs.folder import write_run
from replication.tasks import TASKS
from replication.tasks.cifar import CIFAR
from replication.tasks.imagenet import IMAGENET

DATA = Data(name="cifar10", pixels="official", fingerprint="0")
Configure = Callable[..., BaseParams]


def test_the_runs_are_the_nets_with_their_variants_and_the_net_of_depth_with_each_seed(configure: Configure) -> None:
    params = configure({"depth": 20, "cifar": {"nets": ["plain-8", "resnet-8/no-warmup"], "seeds": [0, 7]}})
    assert [(run.net, run.variant, run.seed, run.folder.as_posix()) for run in runs_of(params, CIFAR)] == [
        ("plain-8", "default", 0, "runs/cifar/plain-8/seed-0"),
        ("plain-8", "default", 7, "runs/cifar/plain-8/seed-7"),
        ("resnet-8", "no-warmup", 0, "runs/cifar/resnet-8/no-warmup/seed-0"),
        ("resnet-8", "no-warmup", 7, "runs/cifar/resnet-8/no-warmup/seed-7"),
        ("resnet-20", "default", 0, "runs/cifar/resnet-20/seed-0"),
        ("resnet-20", "default", 7, "runs/cifar/resnet-20/seed-7"),
    ]


@pytest.mark.parametrize(
    ("nets", "names"),
    [
        (["plain-8", "resnet-14"], ["plain-8", "resnet-14"]),
        (["plain-14"], ["plain-14", "resnet-14"]),  # a plain net of that depth is another one
        (["resnet-14/no-warmup"], ["resnet-14/no-warmup", "resnet-14"]),  # so is a variant
        ([], []),
    ],
)
def test_the_net_of_depth_is_added_to_a_list_that_lacks_it(
    configure: Configure, nets: list[str], names: list[str]
) -> None:
    params = configure({"depth": 14, "cifar": {"nets": nets}})
    assert [run.name for run in runs_of(params, CIFAR)] == names


def test_a_task_without_nets_is_not_run_and_needs_no_data(configure: Configure) -> None:
    params = configure({"cifar": {"nets": []}, "imagenet": {"nets": []}})
    for task in TASKS.values():
        plan = plans(params, profile_of(params), task)
        assert plan["runs/list.json"]["runs"] == [] and "skip" in plan["data.json"]


def test_the_plan_of_a_run_changes_with_its_recipe_and_with_nothing_else(configure: Configure) -> None:
    def plan(**changes: Any) -> dict[str, Any]:
        params = configure(changes)
        return {task.name: plans(params, profile_of(params), task) for task in TASKS.values()}

    one = {"imagenet": {"nets": ["plain-18"]}}
    before, deeper = plan(**one), plan(depth=26, **one)
    assert before["imagenet"] == deeper["imagenet"], "`depth` does not touch the other task"
    assert before["cifar"]["runs/plain-8/seed-0.json"] == deeper["cifar"]["runs/plain-8/seed-0.json"]
    moved = plan(data={"tiny_imagenet": {"root": "elsewhere"}}, **one)
    assert moved["cifar"] == before["cifar"], "where another data set lies does not matter"
    longer = plan(cifar={"override": {"schedule": {"iterations": 99}}}, **one)
    assert longer["imagenet"] == before["imagenet"]
    changed = {file for file, content in before["cifar"].items() if longer["cifar"][file] != content}
    assert changed == {"runs/plain-8/seed-0.json", "runs/resnet-8/seed-0.json", "study.json"}


def test_threads_that_a_profile_fixes_are_part_of_what_is_trained(configure: Configure) -> None:
    params = configure()
    assert plans(params, profile_of(params), CIFAR)["runs/list.json"]["threads"] is None
    profile = Path("pipeline/profiles/tiny.yaml")
    shipped_text = profile.read_text(encoding="utf-8")
    profile.write_text(f"{shipped_text}threads: 1\n", encoding="utf-8")
    assert plans(params, profile_of(params), CIFAR)["runs/list.json"]["threads"] == 1
    profile.write_text(f"{shipped_text}threads: many\n", encoding="utf-8")
    with pytest.raises(UserError) as error:
        profile_of(params)
    assert (error.value.key, error.value.file) == ("threads", profile)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"imagenet": {"nets": ["plain-18"], "override": {"train_images": "1e3 images"}}}, "train_images"),
        ({"cifar": {"override": {"variants": {}}}}, "variants"),
        ({"cifar": {"nets": ["plain-8/wider"]}}, "wider"),
        ({"cifar": {"checkpoints": [0, 10_000]}}, "cifar.checkpoints"),
    ],
)
def test_what_a_later_stage_could_not_use_is_refused_at_once(
    configure: Configure, changes: dict[str, Any], named: str
) -> None:
    params = configure(changes)
    with pytest.raises(UserError) as error:
        for task in TASKS.values():
            plans(params, profile_of(params), task)
    assert named in f"{error.value} {error.value.key}"


def test_a_run_that_the_results_have_under_another_recipe_is_refused_before_it_is_trained(configure: Configure) -> None:
    params = configure()
    recipe = profile_of(params).recipe(CIFAR, "plain-8", data=DATA)
    add_results(Path("results/tiny/cifar"), [result(recipe)])
    assert plans(params, profile_of(params), CIFAR), "the same recipe, on data that are not prepared yet"
    params = configure(schedule={"iterations": 99})
    with pytest.raises(UserError) as error:
        plans(params, profile_of(params), CIFAR)
    assert all(named in str(error.value) for named in ("results/tiny/cifar", "schedule.iterations", "64", "99"))
    params = configure({"cifar": {"override": {"schedule": {"iterations": 99}}}})
    assert plans(params, profile_of(params), CIFAR), "under an override it is a study of its own"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("cifar", "plain-8", "x"), "'x'"),
        (("speech", "plain-8", "0"), "cifar, imagenet, localization"),
        (("cifar", "plain-14", "0"), "recipes/cifar/runs/plain-14/seed-0.json"),
    ],
)
def test_a_stage_called_by_hand_says_what_is_wrong(project: Any, arguments: tuple[str, ...], named: str) -> None:
    failed = project.run("train", *arguments)
    assert failed.returncode == 1 and named in failed.stderr and "Traceback" not in failed.stderr, failed.stderr


def test_the_check_stage_passes_good_params_and_refuses_bad_ones(project: Any) -> None:
    good = project.run("check")
    assert (good.returncode, good.stderr) == (0, "")
    before = {path: path.read_text() for path in (project.folder / "recipes").rglob("*.json")}
    assert project.folder / "recipes/cifar/runs/plain-8/seed-0.json" in before
    project.configure({"cifar": {"override": {"bn_group": 5}}}, check=False)
    bad = project.run("check")
    assert bad.returncode == 1 and "bn_group" in bad.stderr and "Traceback" not in bad.stderr
    assert {path: path.read_text() for path in (project.folder / "recipes").rglob("*.json")} == before


@pytest.mark.slow
def test_a_locale_without_utf8_reads_and_says_the_same(project: Any) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    project.configure(schedule={"iterations": 4, "drops": []}, check=False)
    params = project.folder / "params.yaml"
    params.write_text(f"# ½ · ✓\n{params.read_text(encoding='utf-8')}", encoding="utf-8")
    for stage in (("check",), ("train", "cifar", "plain-8", "0"), ("evaluate", "cifar", "plain-8", "0")):
        done = project.run(*stage, fresh=True, **ascii_only)
        assert done.returncode == 0, done.stderr
    assert r"plain-8 \xb7 seed 0: top-1 error" in done.stdout


def test_a_net_that_starts_from_a_run_which_is_not_trained_is_refused(configure: Configure) -> None:
    """Seed k starts from seed k: seeds that shared a backbone would be no independent runs."""
    starting = {"localization": {"nets": ["resnet-18-A"], "seeds": [0, 1]}}
    for first in ({"nets": []}, {"nets": ["plain-18"], "seeds": [0, 1]}, {"nets": ["resnet-18-A"], "seeds": [0]}):
        with pytest.raises(UserError) as error:
            plans(configure({"imagenet": first} | starting), shipped("quick"), TASKS["localization"])
        assert (error.value.kind, error.value.key) == ("missing", "localization.nets")
    both = {"imagenet": {"nets": ["resnet-18-A"], "seeds": [0, 1]}} | starting
    whole = plans(configure(both), shipped("quick"), TASKS["localization"])
    assert whole["runs/list.json"]["runs"] == [["resnet-18-A", 0], ["resnet-18-A", 1]]
    run = PlannedRun(TASKS["localization"], "resnet-18-A", 1)
    (start,) = starts_of(run, whole["runs/resnet-18-A/seed-1.json"]).values()
    assert start == PlannedRun(TASKS["imagenet"], "resnet-18-A", 1)


@pytest.mark.parametrize("other", [{"shortcut": {"subsample": "average"}}, {"max_pooling": "rounded_up"}])
def test_a_net_that_would_be_built_otherwise_than_its_start_is_refused(
    configure: Configure, other: dict[str, Any]
) -> None:
    first = {"imagenet": {"nets": ["resnet-18-A"], "override": other}}
    with pytest.raises(UserError) as error:
        plans(configure(first | {"localization": {"nets": ["resnet-18-A"]}}), shipped("quick"), TASKS["localization"])
    assert (error.value.kind, error.value.key) == ("conflict", "localization.nets")
    if "shortcut" in other:
        both = first | {"localization": {"nets": ["resnet-18-A"], "override": other}}
        assert plans(configure(both), shipped("quick"), TASKS["localization"])["runs/list.json"]["runs"]


def test_r_cnn_needs_the_net_that_proposes_its_boxes(configure: Configure) -> None:
    first = {"imagenet": {"nets": ["resnet-18-A", "resnet-50"]}, "localization": {"nets": ["resnet-18-A"]}}
    whole = plans(configure(first | {"rcnn": {"nets": ["resnet-18-A"]}}), shipped("quick"), TASKS["rcnn"])
    assert whole["runs/list.json"]["runs"] == [["resnet-18-A", 0]]
    starts = starts_of(PlannedRun(TASKS["rcnn"], "resnet-18-A", 0), whole["runs/resnet-18-A/seed-0.json"])
    assert {role: start.task.name for role, start in starts.items()} == {
        "backbone": "imagenet",
        "proposals": "localization",
    }
    with pytest.raises(UserError) as error:
        plans(configure(first | {"rcnn": {"nets": ["resnet-50"]}}), shipped("quick"), TASKS["rcnn"])
    assert (error.value.kind, error.value.key) == ("missing", "rcnn.nets")


def test_published_weights_are_part_of_a_recipe_and_must_be_there(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    override = {"starts": {"backbone": "published"}, "bottleneck_stride": "3x3"}
    params, paper = configure({"detection": {"nets": ["resnet-101"], "override": override}}), shipped("paper")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        plans(params, paper, TASKS["detection"])
    file = Path("downloads/published/resnet-101.pth")
    assert (error.value.kind, error.value.file) == ("missing", file) and "resnet101" in str(error.value)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    values = plans(params, paper, TASKS["detection"])["runs/resnet-101/seed-0.json"]
    run = PlannedRun(TASKS["detection"], "resnet-101", 0)
    assert published_weights(run, values) == {"backbone": file} and starts_of(run, values) == {}


def test_a_run_made_elsewhere_needs_the_runs_that_it_was_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-CNN's classifier and localization net; each named by its recipe."""
    monkeypatch.chdir(tmp_path)
    options = {"dataset": "tiny_imagenet", "pixels": "jpeg"}
    classifier = made_up_recipe("cpu", "imagenet", "resnet-18-A", **options)
    localization = made_up_recipe("cpu", "localization", "resnet-18-A", **options)
    localization = localization.model_copy(update={"started_from": {"backbone": classifier.hash}})
    hashes = {"backbone": classifier.hash, "proposals": localization.hash}
    rcnn = made_up_recipe("cpu", "rcnn", "resnet-18-A", **options).model_copy(update={"started_from": hashes})
    run = parse_run("rcnn", "resnet-18-A", "0")
    for recipe in (classifier, localization):
        folder = Path("runs") / recipe.task / "resnet-18-A/seed-0"
        with pytest.raises(UserError) as error:
            imported_start_folders(run, rcnn)
        assert (error.value.kind, error.value.file) == ("missing", folder) and recipe.hash in str(error.value)
        made = result(recipe)
        write_run(folder, made.record, made.curve, {"a": torch.zeros(1)}, torch.zeros(1, 3, 4, 4), ["a", "b"])
    folders = imported_start_folders(run, rcnn)
    assert {role: folder.parts[1] for role, folder in folders.items()} == {
        "backbone": "imagenet",
        "proposals": "localization",
    }
    with pytest.raises(UserError) as error:
        imported_start_folders(run, rcnn.model_copy(update={"started_from": hashes | {"proposals": "0" * 16}}))
    assert localization.hash in str(error.value)


def test_a_run_is_named_by_task_net_variant_and_seed() -> None:
    run = parse_run("imagenet", "resnet-50/no-warmup", "3")
    assert (run.task, run.net, run.variant, run.seed) == (IMAGENET, "resnet-50", "no-warmup", 3)
    assert run.outcome.as_posix() == "outcomes/imagenet/resnet-50/no-warmup/seed-3"


def committed_recipes() -> Iterator[tuple[Path, Any, Any]]:
    """Each recipe of results/ with the one that its profile makes of the same run now, under the study's override."""
    for path in sorted((PROJECT / "results").rglob("recipes.json")):
        profile_name, task, *_ = path.relative_to(PROJECT / "results").parts
        profile, task = shipped(profile_name), TASKS[task]
        recipes, _ = read_tables(path.parent, task)
        for recipe in recipes.values():
            override: dict[str, Any] = {"precision": recipe.precision}
            made = profile.recipe(task, recipe.net, recipe.variant, recipe.seed, recipe.data, override)
            yield path, recipe, made.model_copy(update={"started_from": recipe.started_from})


def test_the_seeds_of_a_net_are_an_ensemble_where_the_task_tests_them_together() -> None:
    detection, cifar = TASKS["detection"], TASKS["cifar"]
    runs = [PlannedRun(detection, name, seed) for name in ("plain-18", "plain-18/context") for seed in (1, 0)]
    runs.append(PlannedRun(detection, "resnet-18-A", 0))
    first, second = list_ensembles(detection, runs)
    assert first.outcome == Path("outcomes/detection/plain-18/seed-0+1")
    assert [run.seed for run in second] == [0, 1] and second[0].variant == "context"
    assert list_ensembles(cifar, [PlannedRun(cifar, "plain-20", seed) for seed in (0, 1)]) == []


def test_every_committed_recipe_can_be_made_by_its_profile() -> None:
    """So that each number in results/ can be made again by a command."""
    found = list(committed_recipes())
    assert len(found) > 50
    for path, recipe, made in found:
        assert made == recipe, f"{path}: {recipe.net} {recipe.variant} {recipe.seed}"
