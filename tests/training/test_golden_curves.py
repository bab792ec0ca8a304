"""The first iterations of six runs of profile `quick`, with small batches, against committed numbers.

An edit that changes any bit of a training fails here, in a seed and a net that are on record. After a change that is
meant to: `python tests/training/test_golden_curves.py` writes the numbers again.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from replication.config.profiles import read_profile
from replication.data.index import read_images
from replication.data.sources import DIGITS
from replication.data.sources.prepare import Requirements, prepare
from replication.data.store import Images
from replication.runs.curve import select
from replication.runs.provenance import describe_cpu
from replication.tasks import TASKS
from replication.tasks.batches import Batches, TrainedNet
from replication.tasks.build import build_net
from replication.tasks.inference import fold_batch_norm
from replication.training.loop import iterate
from replication.training.state import State

GOLDEN = Path(__file__).with_name("golden_curves.json")
PROFILES = Path(__file__).parents[2] / "pipeline/profiles"
CPU = torch.device("cpu")
ITERATIONS = {"cifar": 40, "imagenet": 12, "localization": 20, "rcnn": 12}  # some seconds of each task
RUNS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "plain": ("cifar", "plain-20", {}),
    "residual": ("cifar", "resnet-20", {}),
    "bottleneck": ("cifar", "resnet-20", {"block": "bottleneck"}),
    "ImageNet net": ("imagenet", "resnet-18-B", {}),
    "localization": ("localization", "resnet-18-A", {}),
    "rcnn": ("rcnn", "resnet-18-A", {}),
}


def make_images(folder: Path) -> dict[str, Images]:
    """The digits as each task sees them."""
    wanted = {"cifar": Requirements(16, 1437), "imagenet": Requirements(32, 1437, 37)}
    wanted["localization"] = Requirements(32, 1437, 37, needs_boxes=True)
    for task, requirements in wanted.items():
        prepare(folder / task, DIGITS, None, requirements)
    return {name: read_images(folder / TASKS[name].images_folder, folder) for name, _, _ in RUNS.values()}


def make_batches(task_name: str, net: str, override: dict[str, Any], images: dict[str, Images]) -> Batches:
    task, data = TASKS[task_name], images[task_name].meta.identity
    logging = {"log_every": 1, "evaluate_every": 40 if task_name == "cifar" else 400}
    small = {"bn_group": 8, "schedule": {"batch_size": 16}, "logging": logging}
    recipe = read_profile(PROFILES, "quick").recipe(task, net, data=data, override=small | override)
    batches: Batches = task.code("feed").make_batches(images[task_name], recipe, CPU)
    if "proposals" in recipe.starts:  # of a net that was not trained
        proposing = make_batches(recipe.starts["proposals"], net, {}, images)
        batches.started_from = {
            "proposals": TrainedNet(fold_batch_norm(build_net(proposing.recipe, batches.classes)), proposing)
        }
    return batches


def train_first(name: str, images: dict[str, Images]) -> list[float]:
    """The training loss of each of the first iterations; of small nets also the test error after them."""
    torch.set_num_threads(1)
    batches = make_batches(*RUNS[name], images)
    state = State.start(batches.recipe, batches.classes, CPU)
    training = iterate(state, batches.recipe, batches)
    for _ in range(ITERATIONS[batches.recipe.task]):
        next(training)
    return [*select(state.curve, "train", "loss").values(), *select(state.curve, "test").values()]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Images]]:
    threads = torch.get_num_threads()
    yield make_images(tmp_path_factory.mktemp("digits"))
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", RUNS)
def test_the_first_iterations_give_the_recorded_numbers(name: str, images: dict[str, Images]) -> None:
    """To the last digit on the recorded processor; elsewhere within 2 %, before differences grow.

    Intel and AMD differ in the last bits, also with the same instructions.
    """
    golden, found = json.loads(GOLDEN.read_text(encoding="utf-8")), train_first(name, images)
    assert len(found) == len(golden["curves"][name])
    if describe_machine() == golden["machine"]:
        assert found == golden["curves"][name]
    assert found[:8] == pytest.approx(golden["curves"][name][:8], rel=0.02)


def describe_machine() -> list[str]:
    """What the last bits depend on."""
    return [describe_cpu(), torch.backends.cpu.get_cpu_capability(), torch.__version__.partition("+")[0]]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        stores = make_images(Path(folder))
        curves = {name: train_first(name, stores) for name in RUNS}
    text = json.dumps({"machine": describe_machine(), "curves": curves}).replace('], "', '],\n"')
    GOLDEN.write_text(text + "\n", encoding="utf-8")
