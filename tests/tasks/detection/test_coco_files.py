"""MS COCO from its files to the page: average precision as pycocotools measures it, and a small study by the stages."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import PROJECT, Project
from made_up_coco import Thing, small_coco, write_split
from reading import rows
from ruamel.yaml import YAML

from replication.config.profiles import read_profile
from replication.data.sources import COCO, Place
from replication.data.sources.coco import read_folder
from replication.report.detection import detection_table
from replication.results.studies import read_studies
from replication.tasks import TASKS
from replication.tasks.detection import BASELINE
from replication.tasks.detection.evaluate import measure_improvement
from replication.tasks.detection.outcome import DetectionOutcome

SIDE = 64


def draw_images(count: int, seed: int, crowds: float = 0.0) -> dict[str, list[Thing]]:
    """Images with up to four objects of three classes, some with none; of fractions of pixels."""
    random = np.random.default_rng(seed)
    images: dict[str, list[Thing]] = {}
    for number in range(count):
        images[f"COCO_{number:012}"] = []
        for _ in range(random.integers(0, 5)):
            corner, size = random.uniform(0, 40, 2).round(2), random.uniform(14, 24, 2).round(2)
            kind = ("person", "dog", "toothbrush")[random.integers(3)]
            images[f"COCO_{number:012}"].append((kind, [*corner, *size], int(random.random() < crowds)))
    return images


def make_outcome(files: Path, train: int, test: int) -> DetectionOutcome:
    """Detections near the objects of the test images, and elsewhere."""
    true = read_folder(Place("folder", files), small_coco(train, test)).test.annotations
    random, boxes, scores, classes, counts = np.random.default_rng(5), [], [], [], []
    for image in range(len(true)):
        objects = true[image]
        near = objects.boxes.repeat(2, 1) + torch.tensor(random.normal(0, 2, (2 * len(objects.boxes), 4)))
        corners = torch.tensor(random.uniform(0, 30, (3, 2)))
        boxes.append(torch.cat([near, torch.cat([corners, corners + 20], 1)]).float())
        classes.append(torch.cat([objects.classes.repeat(2), torch.tensor(random.choice([0, 16, 79], 3))]))
        scores.append(torch.tensor(random.random(len(boxes[-1]))).float())
        counts.append(len(boxes[-1]))
    missed = torch.zeros(1, dtype=torch.bool)
    ends = torch.tensor(counts).cumsum(0)
    return DetectionOutcome(torch.cat(boxes), torch.cat(scores), torch.cat(classes), ends, missed, true, COCO.classes)


def measure_by_pycocotools(file: Path, outcome: DetectionOutcome) -> tuple[float, float]:
    """mAP@.5 and mAP@[.5,.95] in percent, of the file itself."""
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is in the extra dev")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    true = coco.COCO(str(file))
    images, categories, results = sorted(true.getImgIds()), sorted(true.getCatIds()), []
    for index, image in enumerate(images):
        boxes, scores, classes = outcome.of_image(index)
        for box, score, label in zip(boxes.tolist(), scores.tolist(), classes.tolist(), strict=True):
            size = [box[2] - box[0], box[3] - box[1]]
            about = {"image_id": image, "category_id": categories[label], "bbox": [*box[:2], *size]}
            results.append(about | {"score": score})
    evaluation = cocoeval.COCOeval(true, true.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return 100 * evaluation.stats[1], 100 * evaluation.stats[0]


def test_average_precision_is_that_of_pycocotools_on_the_same_files(tmp_path: Path) -> None:
    """With crowds, gaps between the ids of the classes, and images without objects."""
    write_split(tmp_path, "train2014", draw_images(2, 0), (SIDE, SIDE))
    file = write_split(tmp_path, "val2014", draw_images(30, 1, crowds=0.15), (SIDE, SIDE))
    outcome = make_outcome(tmp_path, 2, 30)
    assert (outcome.true.flags > 0).sum() > 3
    means = measure_improvement({"objects": outcome}, BASELINE).means
    assert means == pytest.approx(measure_by_pycocotools(file, outcome), abs=1e-3)
    assert 5 < means[1] < means[0] < 95


SMALL = {
    "train_images": 12, "starts": {"backbone": None}, "maps": "conv3", "frozen": "none", "norm": "live", "bn_group": 2,
    "anchors": {"sides": [16, 24, 32, 48]}, "sampling": {"anchors": 32}, "regions": {"regions": 8},
    "proposals": {
        "least_side": 4, "training": {"before": 200, "after": 40}, "test": {"before": 200, "after": 20},
    },
    "augmentation": {"shorter_side": 48, "longer_side": 64}, "test": {"shorter_side": 48, "longer_side": 64},
    "schedule": {"batch_size": 4, "iterations": 4, "drops": [3]}, "logging": {"log_every": 1, "evaluate_every": 4},
}  # fmt: skip


@pytest.mark.slow
def test_a_small_coco_is_prepared_trained_tested_and_stands_in_its_tables(tmp_path: Path, project: Project) -> None:
    """By the stages, whose data set has 14 training images, two of them empty, and six test images."""
    coco = tmp_path / "coco"
    images = {name: things or [("dog", [4, 4, 20, 20], 0)] for name, things in draw_images(14, 2).items()}
    images |= {name: [] for name in list(images)[:2]}
    write_split(coco, "train2014", images, (SIDE, 48))
    write_split(coco, "val2014", draw_images(6, 3, crowds=0.3), (SIDE, 48), mode="L")
    (project.folder / "src").unlink()
    shutil.copytree(PROJECT / "src", project.folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    sources = project.folder / "src/replication/data/sources/__init__.py"
    text = sources.read_text()
    assert text.count("82_783, 40_504") == 1
    sources.write_text(text.replace("82_783, 40_504", "14, 6"))
    project.configure(
        {"profile": "small", "detection": {"nets": ["resnet-18-A"]}, "data": {"coco": {"root": str(coco)}}}, check=False
    )
    YAML(typ="safe").dump({"base": "coco", "detection": SMALL}, project.folder / "pipeline/profiles/small.yaml")
    environment = {"PYTHONPATH": f"{project.folder / 'src'}:{project.folder}"}
    for stage in ("check", "prepare detection", "train detection", "evaluate detection", "tabulate detection"):
        done = project.run(*stage.split(), fresh=True, **environment)
        assert done.returncode == 0, done.stderr
        assert "2 without objects are left out" in done.stdout or "prepare" not in stage
    paper = read_profile(project.folder / "pipeline/profiles", "paper")
    (study,) = read_studies(project.folder / "results", TASKS["detection"], paper)
    assert (study.dataset, study.fidelity, study.images("resnet-18-A", BASELINE)) == ("coco", "proxy", 6)
    changed = {difference.key for difference in study.differences(study.default["recipe"].iloc[0])}
    assert "schedule.iterations" in changed and "data.name" not in changed and "data.pixels" in changed
    table = rows(detection_table(8, [study]))
    expected = [100 - study.errors("resnet-18-A", BASELINE, name).iloc[0] for name in ("map50_error", "map_error")]
    assert table["here: resnet-18-A"][:2] == [f"{value:.2f}" for value in expected]
