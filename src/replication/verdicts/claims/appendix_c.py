"""The claim on appendix C: how a box is found, and what dense tests, R-CNN and ensembles add to it."""

from dataclasses import replace

from replication.config.profiles import DEFAULT, named
from replication.paper import number, table
from replication.results.schema import JOINED
from replication.results.studies import Study
from replication.tasks.localization import (
    ALONE,
    FLOORS,
    LOCALIZATION,
    PAIRS,
    PAIRS_OF_GUESSES,
    PAIRS_OF_REGIONS,
    RCNN,
    REGIONS,
    WAYS,
)
from replication.verdicts import rule
from replication.verdicts.claim import claim
from replication.verdicts.comparisons import POINTS, Comparison, weighed
from replication.verdicts.rule import Sample

SEEN = {"oracle_centre": "centre crop", "oracle_dense": "dense", "predicted_dense": "guessed classes"}
OF_RCNN = PAIRS_OF_REGIONS | PAIRS_OF_GUESSES
ALL_PAIRS = PAIRS | OF_RCNN


@claim(
    "K32", "Per-class RPN locates better than regression; dense tests, R-CNN and ensembles add to it.",
    task=LOCALIZATION, any_net=True, variants=[REGIONS],
)  # fmt: skip
def boxes_from_anchors(study: Study) -> list[Comparison]:
    """In the study's deepest net. Both tests of a pair are of the same run, so that their difference is a value a seed.

    A net whose error is not below that of the class's median box has learnt nothing of use, and decides nothing.
    """
    net = study.nets[-1]
    vgg, centre, dense, guessed, rcnn, ensemble = (
        row["loc_err_gt_class"] or row["top5_loc_err_predicted_class"] for row in table(13)
    )
    earlier = min(row["test"] for row in table(14) if row["kind"] == "comparator")
    return [
        _paired(study, net, "pcr_or_per_class_rpn", vgg - centre),
        _paired(study, net, "centre_or_dense", centre - dense),
        _paired(study, net, "rpn_or_rcnn_guessed", guessed - rcnn),
        _of_ensemble(study, net, rcnn - ensemble),
        Comparison(
            f"ensemble, test images, less than the best of 2014 ({earlier:g} %)", f"{number('N30')} % less",
            part="aside", told="needs the closed test server of ILSVRC",
        ),
    ]  # fmt: skip


def _paired(study: Study, net: str, pair: str, paper: float) -> Comparison:
    """Whether the first of a pair is wrong more often than the second."""
    name, words = named_run(net, pair), words_of(pair)
    what = f"{net}: {words[0]} − {words[1]}, error"
    samples = {name: differences(study, net, pair)}
    return weighed(what, POINTS.format(paper), samples, lambda found: rule.bound(found[name], above=0))


def _of_ensemble(study: Study, net: str, paper: float) -> Comparison:
    """What averaging the boxes of all seeds takes off the mean error of one. It is one value, whatever the seeds, so
    that it is told, and decides nothing.
    """
    what, number = f"{net}: R-CNN − ensemble of its seeds, guessed classes, error", ("predicted_dense", "rcnn_error")
    together = study.ensemble_of(net, REGIONS)
    if together is None:
        return Comparison(what, POINTS.format(paper), part="aside", told="needs two seeds of R-CNN")
    one, all_seeds = (study.errors(name, *number, REGIONS) for name in (net, together))
    if len(one) != len(together.split(JOINED)):
        return Comparison(what, POINTS.format(paper), part="aside", told="seeds were added since it was made")
    gained = POINTS.format(float(one.mean()) - float(all_seeds.iloc[0]))
    told = f"{gained} of {len(one)} seeds; one value"
    return Comparison(
        what, POINTS.format(paper), part="aside", told=told, worse=named(net, REGIONS), outcome="inconclusive"
    )


def named_run(net: str, pair: str) -> str:
    """The runs of a net that a pair is measured on, "resnet-18-A" or "resnet-18-A/rcnn"."""
    return named(net, REGIONS) if pair in OF_RCNN else net


def words_of(pair: str) -> list[str]:
    """Way and test of the first and the second of a pair."""
    ways = RCNN if pair in OF_RCNN else WAYS
    return [f"{ways[way]}, {SEEN[protocol]}" for protocol, way in ALL_PAIRS[pair]]


def differences(study: Study, net: str, pair: str) -> Sample | None:
    """By how many points the first of a pair has more errors than the second, a value a seed; None: not measured."""
    name, counted = named_run(net, pair), "pairs_guessed" if pair in PAIRS_OF_GUESSES else "pairs"
    first, second = ((protocol, f"{way}_error") for protocol, way in ALL_PAIRS[pair])
    found = study.paired(name, first, second, [(counted, f"{pair}_{of}") for of in ALONE])
    floors = [study.errors(net, "floors", f"{floor}_error") for floor in FLOORS]
    if (
        found is None or pair in PAIRS_OF_GUESSES or any(of.empty for of in floors)
    ):  # a wrong class is no box that was not learnt
        return found
    errors = study.errors(net, *second, REGIONS if pair in OF_RCNN else DEFAULT)
    return replace(found, learned=bool(errors.max() < min(of.min() for of in floors)))
