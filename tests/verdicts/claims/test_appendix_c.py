"""K32 and tables 13 and 14 on made-up studies."""

from dataclasses import replace

import pandas as pd
import pytest
from made_up import NO_CURVES, PAPER_PROFILE, RUN, recipe_of

from replication import report
from replication.results.studies import Study, add_recipe_columns
from replication.tasks import TASKS
from replication.verdicts.claims import judge_claims
from replication.verdicts.claims.appendix_c import differences
from replication.verdicts.claims.settling import plan_settling
from replication.verdicts.paper_study import make_paper_study

LOCALIZATION, RCNN_TASK = TASKS["localization"], TASKS["rcnn"]
SEED = {  # errors and shares of images on which one alone is wrong, in percent
    "oracle_centre": {"pcr_error": 33.1, "per_class_rpn_error": 13.3, "rpn_error": 14, "scr_error": 34,
                      "per_class_rpn_iou": 70.1},
    "oracle_dense": {"per_class_rpn_error": 11.7, "rpn_error": 12},
    "predicted_dense": {"per_class_rpn_error": 14.4},
    "floors": {"whole_image_error": 47.89, "constant_box_error": 42.9, "class_median_error": 41.69},
    "pairs": {f"{pair}_{alone}_alone_wrong": value
              for pair, (first, second) in {"pcr_or_per_class_rpn": (24.8, 5.0), "scr_or_pcr": (2, 1.1),
                                            "rpn_or_per_class_rpn": (1.7, 1), "centre_or_dense": (2.6, 1)}.items()
              for alone, value in (("first", first), ("second", second))},
}  # fmt: skip

OF_RCNN = {
    "oracle_centre": {"rcnn_error": 9.0, "per_class_rpn_error": 13.0, "rcnn_iou": 75.0, "per_class_rpn_iou": 70.0},
    "predicted_dense": {"rcnn_error": 10.6, "per_class_rpn_error": 14.4, "rcnn_iou": 60.0, "per_class_rpn_iou": 58.0},
    **{protocol: {f"{pair}_{alone}_alone_wrong": value for alone, value in (("first", 5.0), ("second", 1.2))}
       for protocol, pair in (("pairs", "rpn_or_rcnn"), ("pairs_guessed", "rpn_or_rcnn_guessed"))},
}  # fmt: skip


def judged_again(seeds: int = 3, together: float | None = 8.9, net: str = "resnet-18-A", **changed: float) -> Study:
    """A study of R-CNN, whose runs differ by 0.2 points, with the ensemble of all of them."""
    name, runs, scores, recipes = {"net": net, "variant": "default"}, [], [], {}
    for seed in range(seeds):
        recipe = recipe_of("paper", "rcnn", net, seed=seed, dataset="tiny_imagenet", pixels="jpeg")
        recipes[recipe.hash] = recipe
        runs.append(name | RUN | {"seed": seed, "recipe": recipe.hash, "status": "trained", "dropped_at": [1, 2]})
        for protocol, metrics in OF_RCNN.items():
            for metric, value in metrics.items():
                shift = 0.2 * (seed - (seeds - 1) / 2) if metric == "rcnn_error" else 0
                value = changed.get(metric, value) + shift
                scores.append(
                    name | {"seed": seed, "protocol": protocol, "metric": metric, "value": value, "images": 10_000}
                )
    if together is not None:
        joined = name | {"net": " + ".join([net] * seeds), "seed": 0, "protocol": "predicted_dense"}
        scores.append(joined | {"metric": "rcnn_error", "value": together, "images": 10_000})
    table = add_recipe_columns(pd.DataFrame(runs), recipes, RCNN_TASK, PAPER_PROFILE)
    return Study(RCNN_TASK, "cpu", "", PAPER_PROFILE, recipes, table, pd.DataFrame(scores), NO_CURVES)


def located(seeds: int = 1, spread: float = 0.2, net: str = "resnet-18-A", **changed: dict[str, float]) -> Study:
    """A study with the paper's numbers; seeds differ by `spread` in the errors of the per-class RPN."""
    recipes, runs, scores = {}, [], []
    values = {protocol: metrics | changed.get(protocol, {}) for protocol, metrics in SEED.items()}
    for seed in range(seeds):
        recipe = recipe_of("paper", "localization", net, seed=seed, dataset="tiny_imagenet", pixels="jpeg")
        recipes[recipe.hash] = recipe
        name = {"net": net, "variant": "default", "seed": seed}
        runs.append(name | RUN | {"recipe": recipe.hash, "status": "trained", "dropped_at": [1, 2]})
        for protocol, metrics in values.items():
            for metric, value in metrics.items():
                shift = spread * (seed - (seeds - 1) / 2) if metric == "per_class_rpn_error" else 0
                row = {"protocol": protocol, "metric": metric, "value": value + shift, "images": 10_000}
                scores.append(name | row)
        scores.append(name | {"protocol": "training", "metric": "top1_error", "value": 20.0, "images": 1000})
    table = add_recipe_columns(pd.DataFrame(runs), recipes, LOCALIZATION, PAPER_PROFILE)
    return Study(LOCALIZATION, "cpu", "", PAPER_PROFILE, recipes, table, pd.DataFrame(scores), NO_CURVES)


def judged(study: Study) -> tuple[str, dict[str, str]]:
    (found,) = judge_claims(study)
    return found.kind, {c.what.partition(": ")[2] or c.what: c.outcome for c in found.comparisons}


PCR, DENSE = (
    "per-class regression, centre crop − per-class RPN, centre crop, error",
    "per-class RPN, centre crop − per-class RPN, dense, error",
)
RCNN = "its proposals, guessed classes − R-CNN, guessed classes, error"


def test_one_seed_gives_no_verdict() -> None:
    words, outcomes = judged(located())
    assert words == "single seed" and outcomes[PCR] == outcomes[DENSE] == "single seed"


def test_three_seeds_with_the_papers_numbers_support_it() -> None:
    words, outcomes = judged(located(seeds=3))
    assert (words, outcomes[PCR], outcomes[DENSE]) == ("supported", "supported", "supported")
    words, outcomes = judged(judged_again())
    assert words == "supported" and outcomes[RCNN] == "supported"
    words, outcomes = judged(judged_again(rcnn_error=19.0))
    assert words == "contradicted" and outcomes[RCNN] == "contradicted"
    assert judged(judged_again(seeds=1))[1][RCNN] == "single seed"


def test_the_ensemble_is_shown_and_decides_nothing() -> None:
    for together, gained in ((8.9, "+1.70 of 3 seeds"), (20.0, "-9.40 of 3 seeds")):
        (tested,) = judge_claims(judged_again(together=together))
        (ensemble,) = (c for c in tested.comparisons if "ensemble of its seeds" in c.what)
        assert tested.kind == "supported" and not ensemble.is_deciding and ensemble.note.startswith(gained)
    (tested,) = judge_claims(judged_again(seeds=1, together=None))
    assert "needs two seeds of R-CNN" in [c.note for c in tested.comparisons]


def test_what_would_settle_it_is_its_seeds() -> None:
    study = located()
    (tested,) = judge_claims(study)
    assert plan_settling(tested, study).seeds == {"resnet-18-A": 3}
    study = judged_again(seeds=1, together=None)
    (tested,) = judge_claims(study)
    assert plan_settling(tested, study).seeds == {"resnet-18-A": 3} and plan_settling(tested, study).runs == 2


def test_an_ensemble_of_fewer_seeds_than_there_are_is_not_compared_with_them() -> None:
    study = judged_again(seeds=4)
    scores = study.scores.replace({"net": {" + ".join(["resnet-18-A"] * 4): " + ".join(["resnet-18-A"] * 3)}})
    (tested,) = judge_claims(replace(study, scores=scores))
    assert all(c.outcome == "not tested" for c in tested.comparisons if c.part == "aside")


def test_tables_have_r_cnn_and_its_ensemble_where_they_were_run() -> None:
    table = report.table_13([located(seeds=3)], [judged_again()])
    for text in ("10.60 ± 0.20", ">8.90</a>", "9.00 ± 0.20", "0.750", "0.600", "+4.00, +3.80, +3.60"):
        assert text in table, text
    assert "RPN + R-CNN, ensemble, Tiny ImageNet" in report.table_14([located(seeds=3)], [judged_again()])


def test_a_regression_that_beats_the_anchors_contradicts_it() -> None:
    words, outcomes = judged(located(seeds=3, oracle_centre={"pcr_error": 10.0}))
    assert (words, outcomes[PCR]) == ("contradicted", "contradicted")


def test_a_net_above_a_floor_has_learnt_nothing_and_decides_nothing() -> None:
    words, outcomes = judged(located(seeds=3, oracle_centre={"per_class_rpn_error": 41.6}, spread=0.3))
    assert words == "inconclusive" and outcomes[PCR] == "chance", "one seed at 41.9 is above the least floor"


def test_seeds_are_compared_in_pairs_and_never_more_alike_than_images_allow() -> None:
    sample = differences(located(seeds=3), "resnet-18-A", "pcr_or_per_class_rpn")
    assert sample.values.tolist() == pytest.approx([20.0, 19.8, 19.6])
    expected = (100 * (24.8 + 5.0) - 19.8**2) / 10_000
    assert float(sample.least) == pytest.approx(expected), "the variance of a mean of -1, 0 and 1 over the images"


def test_the_variance_over_images_is_that_of_a_bootstrap() -> None:
    import numpy as np

    random = np.random.default_rng(0)
    first, second = random.random(2000) < 0.3, random.random(2000) < 0.2
    drawn = random.integers(0, 2000, (4000, 2000))
    of_bootstrap = 100 * (first.astype(int) - second)[drawn].mean(1)
    alone = {f"centre_or_dense_{of}_alone_wrong": 100 * value.mean()
             for of, value in (("first", first & ~second), ("second", second & ~first))}  # fmt: skip
    study = located(pairs=alone)
    study = replace(study, scores=study.scores.assign(images=2000))
    assert float(differences(study, "resnet-18-A", "centre_or_dense").least) ** 0.5 == pytest.approx(
        of_bootstrap.std(), rel=0.05
    )


def test_the_papers_own_numbers_are_of_one_net() -> None:
    (found,) = judge_claims(make_paper_study(LOCALIZATION, PAPER_PROFILE))
    assert found.kind == "single seed"
    assert [c.here.partition(" ")[0] for c in found.comparisons[:2]] == ["+19.80", "+1.60"]


def test_table_13_has_the_papers_rows_ours_and_the_floors() -> None:
    table = report.table_13([located(seeds=3)])
    for text in ("33.1", "13.3", "11.7", "14.4", "10.6", "8.9", "13.30 ± 0.20", "0.701", "47.89", "not measured"):
        assert text in table, text
    assert "wrong in 41.69 % at least" in table and "above a floor" not in table
    assert "+19.80" in table and "[+18.80, +20.80]" in table, "1.96 standard errors over 10,000 images"
    assert "above a floor" in report.table_13([located(oracle_dense={"rpn_error": 41.7})])


def test_tables_without_a_study_have_the_papers_rows_and_the_command() -> None:
    assert "33.1" in report.table_13([]) and "rcnn.nets=[resnet-101]" in report.table_13([])
    assert "8.9" in report.table_14([]) and "here" not in report.table_14([])


def test_table_14_says_what_ours_is() -> None:
    table = report.table_14([located()])
    assert ">14.40</a>, n = 1" in table and "resnet-18-A, per-class RPN, Tiny ImageNet" in table


def test_a_picture_is_shown_where_the_study_keeps_one(tmp_path) -> None:
    study = located()
    assert "<img" not in report.box_examples([study], tmp_path)
    (tmp_path / study.folder).mkdir(parents=True)
    (tmp_path / study.folder / "examples.png").write_bytes(b"png")
    assert 'src="data:image/png;base64,cG5n"' in report.box_examples([study], tmp_path)
