"""The claim on appendix C: methods of localization, and the gains by dense tests, R-CNN and ensembles."""

from collections.abc import Mapping
from dataclasses import replace

from replication.paper import number, table
from replication.results.schema import JOINED
from replication.results.studies import Study
from replication.tasks.localization import ALONE, BASELINES, LOCALIZATION, PAIRS, Pair
from replication.tasks.localization import METHODS as LOCALIZATION_METHODS
from replication.tasks.rcnn import METHODS as RCNN_METHODS
from replication.tasks.rcnn import PAIRS as RCNN_PAIRS
from replication.tasks.rcnn import PAIRS_GUESSED, RCNN
from replication.verdicts import rule
from replication.verdicts.claim import claim
from replication.verdicts.comparisons import POINTS, Comparison, weigh_samples
from replication.verdicts.rule import Sample

TESTS = {"oracle_centre": "centre crop", "oracle_dense": "dense", "predicted_dense": "guessed classes"}
# By task: the pairs of methods, and the protocol that compares each.
COUNTED: dict[str, Mapping[str, tuple[Pair, str]]] = {
    LOCALIZATION.name: {name: (pair, "pairs") for name, pair in PAIRS.items()},
    RCNN.name: {name: (pair, "pairs") for name, pair in RCNN_PAIRS.items()}
    | {name: (pair, "pairs_guessed") for name, pair in PAIRS_GUESSED.items()},
}
METHODS = {LOCALIZATION.name: LOCALIZATION_METHODS, RCNN.name: RCNN_METHODS}


@claim("K32", "Per-class RPN beats regression, and dense tests add to it.", task=LOCALIZATION, any_net=True)
def boxes_from_anchors(study: Study) -> list[Comparison]:
    """In the study's deepest net. Both tests of a pair are of the same run: their difference is one value a seed.

    A net decides nothing if its error is not below that of the best baseline that ignores the image.
    """
    net = study.nets[-1]
    vgg, centre, dense, *_ = (row["loc_err_gt_class"] for row in table(13))
    return [
        _compare(study, net, "pcr_or_per_class_rpn", vgg - centre),
        _compare(study, net, "centre_or_dense", centre - dense),
    ]


@claim("K32", "R-CNN and ensembles improve on the boxes of RPN.", task=RCNN, any_net=True)
def boxes_judged_again(study: Study) -> list[Comparison]:
    """In the study's deepest net, for guessed classes."""
    net = study.nets[-1]
    *_, guessed, rcnn, ensemble = (row["top5_loc_err_predicted_class"] for row in table(13))
    earlier = min(row["test"] for row in table(14) if row["kind"] == "comparator")
    return [
        _compare(study, net, "rpn_or_rcnn_guessed", guessed - rcnn),
        _compare_ensemble(study, net, rcnn - ensemble),
        Comparison(
            f"ensemble, test images, less than the best of 2014 ({earlier:g} %)", f"{number('N30')} % less",
            part="aside", note="needs the closed test server of ILSVRC",
        ),
    ]  # fmt: skip


def _compare(study: Study, net: str, pair: str, paper: float) -> Comparison:
    """Whether the first of a pair is wrong more often than the second."""
    first, second = describe_pair(study, pair)
    samples = {net: differences(study, net, pair)}
    what = f"{net}: {first} − {second}, error"
    return weigh_samples(what, POINTS.format(paper), samples, lambda values: rule.bound(values[net], above=0))


def _compare_ensemble(study: Study, net: str, paper: float) -> Comparison:
    """By how much averaging the boxes of all seeds lowers the mean error of one. It is a single value: it is shown, and
    decides nothing.
    """
    what = f"{net}: R-CNN − ensemble of its seeds, guessed classes, error"
    together = study.ensemble_of(net)
    if together is None:
        return Comparison(what, POINTS.format(paper), part="aside", note="needs two seeds of R-CNN")
    one, all_seeds = (study.errors(name, "predicted_dense", "rcnn_error") for name in (net, together))
    if len(one) != len(together.split(JOINED)):
        return Comparison(what, POINTS.format(paper), part="aside", note="the ensemble lacks later seeds")
    gained = POINTS.format(float(one.mean()) - float(all_seeds.iloc[0]))
    note = f"{gained} of {len(one)} seeds; one value"
    return Comparison(what, POINTS.format(paper), part="aside", note=note, worse=net, outcome="inconclusive")


def describe_pair(study: Study, name: str) -> list[str]:
    """Method and test of the first and the second of a pair."""
    pair, _ = COUNTED[study.task.name][name]
    methods = METHODS[study.task.name]
    return [f"{methods[method]}, {TESTS[protocol]}" for protocol, method in pair]


def differences(study: Study, net: str, name: str) -> Sample | None:
    """The errors of the first of a pair less those of the second, in points, one per seed; None: not measured."""
    pair, counted = COUNTED[study.task.name][name]
    first, second = ((protocol, f"{method}_error") for protocol, method in pair)
    sample = study.sample_differences(net, first, second, [(counted, f"{name}_{suffix}") for suffix in ALONE])
    baselines = [study.errors(net, "floors", f"{baseline}_error") for baseline in BASELINES]
    if sample is None or any(errors.empty for errors in baselines):
        return sample
    best = min(errors.min() for errors in baselines)
    return replace(sample, learned=bool(study.errors(net, *second).max() < best))
