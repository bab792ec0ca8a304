"""Results accumulate: a run adds its rows, and takes away none of another's."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from errors import refused
from made_up import JPEG, PAPER_PROFILE, recipe_of, result

from replication.report.record import runs_table
from replication.results.add import add_results
from replication.results.studies import Study, read_studies, read_study
from replication.results.summary import summarise, write_summary
from replication.results.tables import CURVES, RECIPES, RUNS, SCORES, read_tables
from replication.tasks import TASKS

CIFAR = TASKS["cifar"]
FILES = (RECIPES, RUNS, SCORES, CURVES)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def study_of(folder: Path) -> Study:
    return read_study(folder, folder.parents[1], CIFAR, PAPER_PROFILE)


def test_a_run_comes_back_as_it_was_added(tmp_path: Path) -> None:
    recipe = recipe_of("cpu", net="resnet-56", seed=3)
    add_results(tmp_path / "cpu/cifar", [result(recipe, error=23.5, train_error=21.0, warmup_ended_at=40)])
    found = study_of(tmp_path / "cpu/cifar")
    (run,) = found.runs.to_dict("records")
    assert found.recipes == {recipe.hash: recipe}
    assert (run["net"], run["variant"], run["seed"], run["recipe"]) == ("resnet-56", "default", 3, recipe.hash)
    assert (run["layers"], run["fidelity"], run["iterations"], run["pixels"]) == (56, "reduced", 4000, "official")
    assert (run["threads"], run["commit"], run["mlflow_run_id"]) == ("1", "0123456789ab", "0123abcd")
    assert (run["warmup_ended_at"], run["dropped_at"]) == (40, [2000, 3000])
    assert found.errors("resnet-56", "single_view", "top1_error").to_dict() == {3: 23.5}
    assert found.errors("resnet-56", "training", "top1_error").to_dict() == {3: 21.0}
    assert found.images("resnet-56", "training") == 4000 * 128 // 16, "the last sixteenth of the schedule"
    assert len(found.curve("resnet-56", "train")) == 50, "of 200 of the run, four to a point"
    assert len(found.curve("resnet-56", "test")) == 20


def test_runs_with_and_without_mlflow_stand_in_one_table(tmp_path: Path) -> None:
    recipes = [recipe_of("cpu", net="resnet-56", seed=seed) for seed in (0, 1)]
    made = [result(recipe, mlflow_run_id=run_id) for recipe, run_id in zip(recipes, (None, "0123abcd"), strict=True)]
    add_results(tmp_path / "cpu/cifar", made)
    found = study_of(tmp_path / "cpu/cifar")
    assert list(found.runs["mlflow_run_id"]) == ["", "0123abcd"]
    assert any("not tracked" in row.words for row in runs_table(found).rows)


def test_other_runs_stay_to_the_byte(tmp_path: Path) -> None:
    add_results(tmp_path, [result(recipe_of(net="plain-20")), result(recipe_of(net="resnet-20"))])
    before = {name: (tmp_path / name).read_text().splitlines() for name in (RUNS, SCORES, CURVES)}
    add_results(tmp_path, [result(recipe_of(net="resnet-110", variant="no-warmup"), error=6.6)])
    for name, lines in before.items():
        after = (tmp_path / name).read_text().splitlines()
        assert [line for line in after if line in lines] == lines
        assert len(after) > len(lines)
    found = read_tables(tmp_path, CIFAR)[1]
    assert [(row["net"], row["variant"]) for row in found[RUNS]] == [
        ("plain-20", "default"), ("resnet-20", "default"), ("resnet-110", "no-warmup"),
    ]  # fmt: skip


def test_equal_runs_give_equal_bytes_in_whatever_order_they_come(tmp_path: Path) -> None:
    made = [
        result(recipe_of(net=net, seed=seed, variant=variant))
        for net in ("plain-20", "resnet-20", "resnet-110")
        for seed in (0, 1, 10)
        for variant in ("default", "bn-group-128")
    ]
    add_results(tmp_path / "at once", made)
    random.Random(0).shuffle(made)
    for one in made:
        add_results(tmp_path / "one by one", [one])
    add_results(tmp_path / "one by one", made[:5])
    assert contents(tmp_path / "at once") == contents(tmp_path / "one by one")
    seeds = pd.read_csv(tmp_path / "at once" / RUNS)["seed"].head(3).tolist()
    assert seeds == [0, 1, 10], "numbers, not texts"


def test_the_same_run_again_takes_the_place_of_its_rows(tmp_path: Path) -> None:
    add_results(tmp_path, [result(recipe_of(), error=9.0), result(recipe_of(net="plain-20"))])
    add_results(tmp_path, [result(recipe_of(), error=8.0, starts=2)])
    tables = read_tables(tmp_path, CIFAR)[1]
    assert [row["starts"] for row in tables[RUNS]] == [1, 2]
    tested = [row for row in tables[SCORES] if row["net"] == "resnet-20" and row["protocol"] == "single_view"]
    assert [row["value"] for row in tested] == [8.0]


def test_a_run_under_another_recipe_is_refused_by_name_and_nothing_changes(tmp_path: Path) -> None:
    folder = tmp_path / "results/quick/cifar"
    add_results(folder, [result(recipe_of("quick", dataset="digits"))])
    before = contents(folder)
    shorter = recipe_of("quick", dataset="digits", schedule={"iterations": 300, "drops": [200]})
    with refused("conflict", "resnet-20 · seed 0", "400", "300", "override", key="schedule.iterations", file=folder):
        add_results(folder, [result(recipe_of("quick", net="plain-20", dataset="digits")), result(shorter)])
    with refused("conflict", key="data.fingerprint", file=folder):
        add_results(folder, [result(recipe_of("quick", dataset="digits", fingerprint="0" * 16))])
    assert contents(folder) == before


def test_what_recipes_share_is_stored_once(tmp_path: Path) -> None:
    one, other = recipe_of(net="resnet-20"), recipe_of(net="resnet-56", variant="bn-group-128", seed=4)
    add_results(tmp_path, [result(one), result(other)])
    stored = json.loads((tmp_path / RECIPES).read_text())
    assert stored["runs"][one.hash] == {"net": "resnet-20", "seed": 0, "bn_group": 64}
    assert stored["runs"][other.hash] == {"net": "resnet-56", "variant": "bn-group-128", "seed": 4, "bn_group": 128}
    assert stored["base"]["schedule"]["iterations"] == 64_000
    assert read_tables(tmp_path, CIFAR)[0] == {one.hash: one, other.hash: other}


def test_a_section_that_only_one_recipe_has_is_its_own(tmp_path: Path) -> None:
    plateau = {"window": 5000, "points": 0.1, "most": 3}
    made = [
        recipe_of(task="imagenet", net="plain-18"),
        recipe_of(task="imagenet", net="plain-34", schedule={"drops": [], "plateau": plateau}),
    ]
    add_results(tmp_path, [result(recipe) for recipe in made])
    assert read_tables(tmp_path, TASKS["imagenet"])[0] == {recipe.hash: recipe for recipe in made}


def test_a_recipe_changed_by_hand_is_found_out(tmp_path: Path) -> None:
    add_results(tmp_path, [result(recipe_of())])
    path = tmp_path / RECIPES
    path.write_text(path.read_text().replace("64000", "63000"))
    with refused("damaged", "tabulate", file=path):
        read_tables(tmp_path, CIFAR)


def test_protocols_stand_in_the_order_of_the_arm_and_ensembles_last(tmp_path: Path) -> None:
    made = [result(recipe_of(task="imagenet", net=net)) for net in ("resnet-34-A", "plain-18", "plain-34")]
    protocols = ("fully_convolutional", "centre_crop", "ten_crop")
    rows = [
        {"protocol": p, "metric": m, "value": 1.0, "images": 5} for p in protocols for m in ("top5_error", "top1_error")
    ]
    ensemble = {"net": "plain-18 + plain-34", "variant": "default", "seed": 0} | rows[0]
    add_results(tmp_path, [replace(each, scores=rows) for each in made], [ensemble])
    scores = read_tables(tmp_path, TASKS["imagenet"])[1][SCORES]
    scores = [row for row in scores if row["net"] not in ("plain-18", "plain-34")]
    assert [(row["protocol"], row["metric"]) for row in scores[:4]] == [
        ("centre_crop", "top1_error"), ("centre_crop", "top5_error"),
        ("ten_crop", "top1_error"), ("ten_crop", "top5_error"),
    ]  # fmt: skip
    assert [row["protocol"] for row in scores[6:]] == ["training", "fully_convolutional"]
    assert scores[-1]["net"] == "plain-18 + plain-34"


def test_the_summary_has_a_column_a_net_with_the_mean_over_seeds(tmp_path: Path) -> None:
    made = [result(recipe_of(net="resnet-56", seed=seed), error=7.0 + seed) for seed in (0, 1)]
    made += [result(recipe_of(net="plain-20", variant="bn-group-128"), error=9.125)]
    write_summary(tmp_path, CIFAR, made)
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "top1_error": {"plain-20/bn-group-128": 9.12, "resnet-56": 7.5},
        "n": {"plain-20/bn-group-128": 1, "resnet-56": 2},
        "std": {"resnet-56": 0.71},
    }


def test_runs_that_are_joined_one_by_one_have_the_summary_of_runs_that_are_tabulated_together(tmp_path: Path) -> None:
    made = [
        result(recipe_of(net=net, seed=seed), error=7.0 + seed) for net in ("resnet-56", "plain-56") for seed in (0, 1)
    ]
    write_summary(tmp_path / "together", CIFAR, made)
    for each in made:
        add_results(tmp_path / "joined", [each])
        summarise(tmp_path / "joined", CIFAR)
    assert (tmp_path / "joined/summary.json").read_bytes() == (tmp_path / "together/summary.json").read_bytes()


@pytest.mark.parametrize(
    ("task", "errors", "gaps"),
    [
        ("cifar", {"plain-20": 9, "plain-56": 13, "resnet-20": 8, "resnet-56": 7},
         {"degradation_gap": 4, "cure_gap": 6}),
        ("cifar", {"plain-20": 9, "plain-56": 13, "resnet-20": 8}, {"degradation_gap": 4}),
        ("cifar", {"plain-20": 9, "resnet-20": 8}, {"cure_gap": 1}),
        ("cifar", {"resnet-20": 8}, {}),
        ("imagenet", {"plain-18": 28, "plain-34": 29, "resnet-34-A": 25, "resnet-34-B": 24},
         {"degradation_gap": 1, "cure_gap": 4}),
    ],
)  # fmt: skip
def test_the_summary_has_what_the_paper_is_about(
    tmp_path: Path, task: str, errors: dict[str, float], gaps: dict[str, float]
) -> None:
    write_summary(
        tmp_path, TASKS[task], [result(recipe_of(task=task, net=net), error=of) for net, of in errors.items()]
    )
    found = json.loads((tmp_path / "summary.json").read_text())
    assert {key: value for key, value in found.items() if key.endswith("_gap")} == gaps


def test_the_study_nearest_to_the_paper_comes_first(tmp_path: Path) -> None:
    def make(folder: str, *made: object, **recipe: object) -> None:
        add_results(tmp_path / folder, [result(recipe_of(*made, **recipe))])

    make("quick/cifar", "quick", dataset="digits", pixels="8x8")
    make("cpu/cifar/pixels=jpeg", "cpu", pixels=JPEG)
    make("cpu/cifar", "cpu")
    make("cpu/cifar/train_images=45000", "cpu", train_images=45_000)
    make("cpu-long/cifar", "cpu-long")
    make("paper/cifar", "paper")
    make("quick/imagenet", "quick", "imagenet", "plain-18", dataset="digits")
    found = read_studies(tmp_path, CIFAR, PAPER_PROFILE)
    assert [(study.folder, study.fidelity) for study in found] == [
        ("paper/cifar", "exact"), ("cpu-long/cifar", "reduced"), ("cpu/cifar", "reduced"),
        ("cpu/cifar/train_images=45000", "reduced"), ("cpu/cifar/pixels=jpeg", "proxy"), ("quick/cifar", "proxy"),
    ]  # fmt: skip
    assert [study.folder for study in read_studies(tmp_path, TASKS["imagenet"], PAPER_PROFILE)] == ["quick/imagenet"]
    add_results(tmp_path / "cpu/cifar", [result(recipe_of("cpu", net="resnet-56"))])
    first, second, *_ = read_studies(tmp_path, CIFAR, PAPER_PROFILE)
    assert (first.profile, second.profile) == ("cpu", "paper"), "one depth says nothing of depth"


def test_a_study_knows_what_it_overrides(tmp_path: Path) -> None:
    changed = recipe_of("cpu", train_images=45_000, schedule={"drops": [1000, 2000]})
    add_results(tmp_path / "cpu/cifar/changed", [result(changed)])
    add_results(tmp_path / "cpu/cifar", [result(recipe_of("cpu", pixels=JPEG))])
    plain, labelled = sorted(read_studies(tmp_path, CIFAR, PAPER_PROFILE), key=lambda study: study.label)
    assert plain.override == {}
    assert labelled.override == {"train_images": 45_000, "schedule.drops": (1000, 2000)}


def test_no_results_or_broken_ones_are_refused(tmp_path: Path) -> None:
    with refused("missing", "dvc repro tabulate@cifar", file=tmp_path):
        read_studies(tmp_path, CIFAR, PAPER_PROFILE)
    folder = tmp_path / "quick/cifar"
    add_results(folder, [result(recipe_of())])
    (folder / SCORES).write_text((folder / SCORES).read_text().replace("value", "worth", 1))
    with refused("damaged", "tabulate", key="value", file=folder / SCORES):
        read_studies(tmp_path, CIFAR, PAPER_PROFILE)


@pytest.mark.parametrize("name", [RECIPES, RUNS, SCORES, CURVES])
def test_a_study_that_lost_a_file_is_not_left_out(tmp_path: Path, name: str) -> None:
    for profile in ("quick", "cpu"):
        add_results(tmp_path / profile / "cifar", [result(recipe_of(profile))])
    (tmp_path / "quick/cifar" / name).unlink()
    with refused("missing", "tabulate", file=f"quick/cifar/{name}"):
        read_studies(tmp_path, CIFAR, PAPER_PROFILE)


def test_results_are_written_without_torch_and_without_pandas() -> None:
    code = "import replication.results.add, sys; sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_experiments_that_differ_in_depth_alone_have_a_key_in_common(tmp_path: Path) -> None:
    for depth, error in ((32, 7.5), (44, 7.25)):
        made = [result(recipe_of(net=net), error=of) for net, of in (("resnet-20", 9), (f"resnet-{depth}", error))]
        write_summary(tmp_path, CIFAR, made, f"resnet-{depth}")
        found = json.loads((tmp_path / "summary.json").read_text())
        assert found["depth"] == {"top1_error": error, "n": 1, "layers": depth}
    write_summary(tmp_path, CIFAR, made, "resnet-110")
    assert "depth" not in json.loads((tmp_path / "summary.json").read_text()), "it was not run"
