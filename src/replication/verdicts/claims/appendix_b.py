"""The claim on appendix B: what each improvement of the detector gains, step by step of Table 9."""

from dataclasses import replace

from replication.paper import table
from replication.results.studies import Study
from replication.tasks.detection import BASELINE, COCO_MAP, DETECTION, MULTI_SCALE, REFINED
from replication.tasks.task import Metric
from replication.verdicts import rule
from replication.verdicts.claim import claim
from replication.verdicts.comparisons import POINTS, Comparison, Measure, compare, weigh_samples
from replication.verdicts.rule import Sample

CONTEXT = "context"  # the variant whose regions are judged with the whole image
PAPER = "resnet-101"  # the net of Table 9
PRINTED = {"map50_error": "val_map50", "map_error": "val_map50_95"}  # columns of Table 9
LEAST = 1e-4  # squared points: the variance of a gain is never quite none


@claim(
    "K29", "Box refinement, context and multi-scale testing improve a detector.", task=DETECTION, any_net=True,
    variants=[CONTEXT],
)  # fmt: skip
def improvements(study: Study) -> list[Comparison]:
    """In the study's deepest net; each must gain by both measures, the sizes aside. Tests of the same net are compared
    image by image. The net with context is another one: it is compared with box refinement, as in the paper.
    """
    net, comparisons = (study.nets or [PAPER])[-1], []
    for metric in COCO_MAP:
        comparisons += [
            _compare(study, net, BASELINE, REFINED, metric, "box refinement"),
            _compare_context(study, net, metric),
            _compare(study, net, REFINED, MULTI_SCALE, metric, "multi-scale testing"),
        ]
    return comparisons


def read_printed_gains(metric: Metric) -> dict[str, float]:
    """The gains of Table 9 on COCO val, in points, by the row's name."""
    rows = [row for row in table(9) if row[PRINTED[metric.name]] is not None][1:]
    values = [row[PRINTED[metric.name]] for row in rows]
    return {row["system"]: after - before for row, before, after in zip(rows[1:], values, values[1:], strict=False)}


def gain(study: Study, name: str, before: str, after: str, metric: Metric) -> Sample | None:
    """By how many points a net, or a net under a variant, has less error by a step than by another, a value a seed;
    None: not measured. Its variance is at least that over test images.
    """
    sample = study.sample_differences(name, (before, metric.name), (after, metric.name), [])
    net, _, variant = name.partition("/")
    variants = [variant] if variant else []
    over_images = study.errors(net, after, metric.name.replace("_error", "_gain_se"), *variants)
    if sample is None or over_images.empty:
        return sample
    learned = not (study.runs_of(net, *variants)["status"] == "chance").any()
    return replace(sample, least=max(float((over_images**2).mean()), LEAST), learned=learned)


def _compare(study: Study, net: str, before: str, after: str, metric: Metric, words: str) -> Comparison:
    expected = POINTS.format(read_printed_gains(metric)[f"+{words}"])
    what = f"{net}: without − with {words}, {metric.label}"
    samples = {net: gain(study, net, before, after, metric)}
    return weigh_samples(what, expected, samples, lambda values: rule.bound(values[net], above=0))


def _compare_context(study: Study, net: str, metric: Metric) -> Comparison:
    printed = read_printed_gains(metric)["+context"]
    measure = Measure(f"with box refinement, {metric.label}", REFINED, metric)
    return compare(study, measure, net, f"{net}/{CONTEXT}", printed)
