"""The folder of an evaluation: long rows, tensors that can be averaged later."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from errors import refused

from replication.runs.outcome import (
    SCORES,
    TENSORS,
    Evaluation,
    average_outcomes,
    make_ensemble_rows,
    read_scores,
    read_tensors,
    write_evaluation,
)
from replication.tasks import Task
from replication.tasks.cifar import CIFAR
from replication.tasks.classification import ClassOutcome
from replication.tasks.imagenet import IMAGENET
from replication.tasks.imagenet.evaluate import centre_crop, fully_convolutional, ten_crop
from replication.tasks.imagenet.feed import PhotographBatches
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.training.state import State


def made_up(seed: int, count: int = 60, classes: int = 7) -> ClassOutcome:
    random = torch.Generator().manual_seed(seed)
    return ClassOutcome(torch.randn(count, classes, generator=random).softmax(1), torch.arange(count) % classes)


def write_outcomes(folder: Path, outcomes: dict[str, ClassOutcome], task: Task) -> None:
    write_evaluation(folder, Evaluation(outcomes), task)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Outcomes of three nets; the third was not tested fully convolutionally."""
    folder, made = tmp_path_factory.mktemp("outcomes"), []
    for seed in range(3):
        names = ["ten_crop", "centre_crop", *(["fully_convolutional"] if seed < 2 else [])]
        write_outcomes(folder / str(seed), {name: made_up(10 * seed + len(name)) for name in names}, IMAGENET)
        made.append(folder / str(seed))
    return made


def test_a_row_is_a_number_in_the_order_of_the_tasks_protocols(folders: list[Path]) -> None:
    lines = (folders[0] / SCORES).read_text().splitlines()
    assert lines[0] == "protocol,metric,value,images"
    assert [line.split(",")[:2] for line in lines[1:]] == [
        [protocol, metric]
        for protocol in ("centre_crop", "ten_crop", "fully_convolutional")
        for metric in ("top1_error", "top5_error")
    ]
    by_ten_crops = made_up(len("ten_crop"))
    assert read_scores(folders[0])[2:4] == [
        {"protocol": "ten_crop", "metric": "top1_error", "value": round(by_ten_crops.error(1), 4), "images": 60},
        {"protocol": "ten_crop", "metric": "top5_error", "value": round(by_ten_crops.error(5), 4), "images": 60},
    ]


def test_a_task_has_its_own_metrics(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "outcome", {"single_view": made_up(0)}, CIFAR)
    assert [row["metric"] for row in read_scores(tmp_path / "outcome")] == ["top1_error"]


def test_probabilities_come_back_to_half_precision(folders: list[Path]) -> None:
    written, read = made_up(len("ten_crop")), ClassOutcome.from_tensors(read_tensors(folders[0])["ten_crop"])
    torch.testing.assert_close(read.probabilities, written.probabilities, rtol=1e-3, atol=1e-7)
    assert torch.equal(read.labels, written.labels)
    assert "fully_convolutional" not in read_tensors(folders[2])


def test_equal_outcomes_are_equal_files(folders: list[Path], tmp_path: Path) -> None:
    outcomes = {name: made_up(10 + len(name)) for name in ("fully_convolutional", "centre_crop", "ten_crop")}
    write_outcomes(tmp_path / "again", outcomes, IMAGENET)
    for name in (SCORES, TENSORS):
        assert (tmp_path / "again" / name).read_bytes() == (folders[1] / name).read_bytes()


def test_an_ensemble_is_tested_by_the_protocols_that_all_its_members_have(folders: list[Path]) -> None:
    two = make_ensemble_rows(["a", "b"], 3, folders[:2], IMAGENET)
    three = make_ensemble_rows(["a", "b", "c"], 3, folders, IMAGENET)
    assert {row["protocol"] for row in two} - {row["protocol"] for row in three} == {"fully_convolutional"}
    assert average_outcomes(folders, IMAGENET).keys() == {"centre_crop", "ten_crop"}
    members = [made_up(10 * seed + len("ten_crop")) for seed in range(3)]
    (row,) = [row for row in three if (row["protocol"], row["metric"]) == ("ten_crop", "top1_error")]
    assert row == {
        "net": "a + b + c", "variant": "default", "seed": 3, "protocol": "ten_crop", "metric": "top1_error",
        "value": round(ClassOutcome.average(members).error(), 4), "images": 60,
    }  # fmt: skip


def test_an_ensemble_from_files_errs_as_one_of_full_precision(
    make_imagenet_recipe: Callable[..., ImagenetRecipe],
    make_photograph_batches: Callable[..., PhotographBatches],
    tmp_path: Path,
) -> None:
    protocols, members, folders = (centre_crop, ten_crop, fully_convolutional), [], []
    for seed, net in enumerate(("plain-18", "resnet-18-A", "resnet-18-B")):
        recipe = make_imagenet_recipe(net=net, seed=seed)
        fresh = State.start(recipe, 4, torch.device("cpu")).net
        members.append({p.__name__: p(fresh, make_photograph_batches(recipe)) for p in protocols})
        folders.append(tmp_path / net)
        write_outcomes(folders[-1], members[-1], IMAGENET)
    averages = average_outcomes(folders, IMAGENET)
    assert averages.keys() == members[0].keys()
    for protocol, half in averages.items():
        whole = ClassOutcome.average([member[protocol] for member in members])
        assert torch.equal(half.probabilities.argmax(1), whole.probabilities.argmax(1))
        assert half.error() == whole.error()


@pytest.mark.parametrize(
    "content", [None, b"net,seed\n1,2\n", b"protocol,metric,value,images\nten_crop,top1_error,x,3\n"]
)
def test_a_missing_or_damaged_table_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / SCORES).write_bytes(content)
    with refused("damaged" if content else "missing", "dvc repro", file=tmp_path / SCORES):
        read_scores(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_missing_or_damaged_tensors_are_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / TENSORS).write_bytes(content)
    kind = "missing" if content is None else "damaged"
    with refused(kind, "dvc repro", file=tmp_path / TENSORS):
        read_tensors(tmp_path)


def test_a_full_disk_leaves_the_old_outcome(
    tmp_path: Path, files_of_at_most: Callable[[int], AbstractContextManager[None]]
) -> None:
    folder = tmp_path / "outcome"
    write_outcomes(folder, {"single_view": made_up(0)}, CIFAR)
    old = read_scores(folder)
    with files_of_at_most(10_000), refused("unwritable", "ulimit", file=folder):
        write_outcomes(folder, {"single_view": made_up(1, count=6000)}, CIFAR)
    assert read_scores(folder) == old
    assert [path.name for path in tmp_path.iterdir()] == ["outcome"]


def test_scores_are_read_without_torch(folders: list[Path]) -> None:
    code = "import sys; from pathlib import Path; from replication.runs.outcome import read_scores;"
    code += "read_scores(Path(sys.argv[1])); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(folders[0])], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
