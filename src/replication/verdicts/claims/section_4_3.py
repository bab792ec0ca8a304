"""Claims on section 4.3: does the better classifier make the better detector?"""

from replication.paper import table
from replication.results.studies import Study
from replication.tasks.detection import COCO, COCO_MAP, DETECTION, MAP, MAP_11_POINTS
from replication.tasks.detection.recipe import VGG
from replication.tasks.task import Metric
from replication.verdicts.claim import claim
from replication.verdicts.comparisons import (
    POINTS,
    Comparison,
    Measure,
    compare,
    require_paper_data,
    weigh_difference,
    weigh_samples,
)

DEEP = "resnet-101"
MARGIN = 3.0  # points of K27: "more than 3"
ON_VOC = Measure("100 − mAP@.5, 11 points", MAP_11_POINTS, MAP[0])
PRINTED = {"map50_error": "map50", "map_error": "map50_95"}  # columns of Table 8


@claim("K27", "ResNet-101 detects better than VGG-16 on VOC.", task=DETECTION, needs=[VGG, DEEP])
def better_on_voc(study: Study) -> list[Comparison]:
    """By more than 3 points on VOC 2007. Beside it, deciding nothing: plain against residual nets of equal cost."""
    name = "voc07_test_trained_on_07plus12"
    vgg, residual = (next(row[name] for row in table(7) if row["net"] == net) for net in (VGG, DEEP))
    gain = weigh_samples(
        f"{VGG} − {DEEP} above {MARGIN:g} points, {ON_VOC.words}", POINTS.format(residual - vgg),
        {net: ON_VOC.sample(study, net) for net in (VGG, DEEP)}, weigh_difference({VGG: 1, DEEP: -1}, above=MARGIN),
        measure=ON_VOC,
    )  # fmt: skip
    pairs = [(net, f"{net.replace('plain', 'resnet')}-A") for net in study.nets if net.startswith("plain")]
    asides = [compare(study, ON_VOC, *pair, paper=None, part="aside") for pair in pairs if study.has(pair[1])]
    return [require_paper_data(study, gain, "voc"), *asides]


@claim("K28", "ResNet-101 detects better than VGG-16 on COCO, by both measures.", task=DETECTION, needs=[VGG, DEEP])
def better_on_coco(study: Study) -> list[Comparison]:
    """Both measures must gain: that at high overlaps says that objects are also located better."""
    return [require_paper_data(study, _compare_on_coco(study, metric), "coco") for metric in COCO_MAP]


def _compare_on_coco(study: Study, metric: Metric) -> Comparison:
    vgg, residual = (next(row[PRINTED[metric.name]] for row in table(8) if row["net"] == net) for net in (VGG, DEEP))
    return compare(study, Measure(metric.label, COCO, metric), VGG, DEEP, residual - vgg)
