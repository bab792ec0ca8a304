"""The claim on appendix C: how a box is found, and what dense tests, R-CNN and ensembles add to it."""

from dataclasses import replace

from replication.arms.localization import ALONE, FLOORS, LOCALIZATION, PAIRS, WAYS
from replication.claims.claim import claim
from replication.paper import number, table
from replication.study import rule
from replication.study.comparisons import POINTS, Comparison, weighed
from replication.study.rule import Sample
from replication.study.studies import Study

SEEN = {"oracle_centre": "centre crop", "oracle_dense": "dense"}


@claim(
    "K32", "Per-class RPN locates better than regression; dense tests, R-CNN and ensembles add to it.",
    arm=LOCALIZATION, any_net=True,
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
        Comparison("RPN − R-CNN, guessed classes", POINTS.format(guessed - rcnn), told="R-CNN is not built yet"),
        Comparison("one net − ensemble, guessed classes", POINTS.format(rcnn - ensemble), told="needs R-CNN"),
        Comparison(
            f"ensemble, test images, less than the best of 2014 ({earlier:g} %)", f"{number('N30')} % less",
            part="aside", told="needs the closed test server of ILSVRC",
        ),
    ]  # fmt: skip


def _paired(study: Study, net: str, pair: str, paper: float) -> Comparison:
    """Whether the first of a pair is wrong more often than the second."""
    first, second = PAIRS[pair]
    words = [f"{WAYS[way]}, {SEEN[protocol]}" for protocol, way in (first, second)]
    what = f"{net}: {words[0]} − {words[1]}, error"
    samples = {net: differences(study, net, pair)}
    return weighed(what, POINTS.format(paper), samples, lambda found: rule.bound(found[net], above=0))


def differences(study: Study, net: str, pair: str) -> Sample | None:
    """By how many points the first of a pair has more errors than the second, a value a seed; None: not measured."""
    first, second = ((protocol, f"{way}_error") for protocol, way in PAIRS[pair])
    found = study.paired(net, first, second, [("pairs", f"{pair}_{of}") for of in ALONE])
    floors = [study.errors(net, "floors", f"{floor}_error") for floor in FLOORS]
    if found is None or any(of.empty for of in floors):
        return found
    return replace(found, learned=bool(study.errors(net, *second).max() < min(of.min() for of in floors)))
