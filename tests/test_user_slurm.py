"""A lab with Slurm: the commands of docs/machines.md on a real cluster of two nodes, one of which is lost."""

import json
import re
from collections.abc import Iterator

import pandas as pd
import pytest
from checkout import Checkout
from evening import COMMIT, OVER_NODES, SUBMIT
from launching import ENVIRONMENT, small_checkout, underway
from slurm_cluster import MISSING, Cluster, two_nodes, wait_until

from replication.runs.folder import read_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        bool(MISSING), reason=f"no {', '.join(MISSING)}: install Debian's slurmctld, slurmd, slurm-client and munge"
    ),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with two_nodes(tmp_path_factory.mktemp("slurm")) as running:
        yield running


class Lab:
    """A checkout that both nodes see, and what its user does."""

    def __init__(self, head: Checkout, cluster: Cluster):
        self.head, self.cluster = head, cluster
        self.scratch = head.folder / ".work"

    def run(self, command: str) -> str:
        return self.head.run(command, **ENVIRONMENT, **self.cluster.environment)

    def submit(self, command: str) -> tuple[str, str]:
        """The numbers of the array job and of the join."""
        return re.search(r"job (\d+): .*; job (\d+) joins them", self.run(command)).groups()

    def wait_for_training(self, count: int) -> None:
        wait_until(lambda: len(underway(self.scratch)) == count)

    def wait(self) -> None:
        wait_until(lambda: not self.cluster.ask("squeue", "-h"), 240)

    def log(self, job: str) -> str:
        """What a job printed, all its tasks together."""
        return "".join(path.read_text() for path in sorted((self.scratch / "slurm").glob(f"{job}[-_]*.txt")))

    def commit(self) -> None:
        self.run("git add -A")
        self.run(COMMIT)


@pytest.fixture(scope="module")
def lab(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(small_checkout(tmp_path_factory.mktemp("lab") / "replication"), cluster)


@pytest.fixture(scope="module")
def jobs(lab: Lab) -> tuple[str, str]:
    """The study, of which one item loses its node, and the other comes to the end of its time."""
    array, join = lab.submit(SUBMIT)
    lab.wait_for_training(2)
    running = dict(line.split() for line in lab.cluster.ask("squeue", "-h", "-t", "R", "-o", "%N %A").splitlines())
    lab.cluster.lose("n2")
    lab.cluster.ask("scancel", "--batch", "--signal=USR1", running["n1"])  # as Slurm does before the end
    lab.wait()
    return array, join


def test_items_that_lose_their_node_or_their_time_are_queued_again_and_resume(lab: Lab, jobs: tuple[str, str]) -> None:
    printed = lab.log(jobs[0])
    assert sorted(re.findall(r"(\S+) · seed 0: resumes at iteration [1-9]", printed)) == ["plain-8", "resnet-8"]
    assert len(re.findall("stopped at iteration", printed)) == 1, "the lost one had no time to say so"
    assert not list((lab.scratch / "clones").iterdir())


def test_the_join_trains_nothing_and_writes_tables_and_lock(lab: Lab, jobs: tuple[str, str]) -> None:
    printed = lab.log(jobs[1])
    assert "0 runs trained, 2 taken" in printed and "0 nets tested, 2 taken" in printed, printed
    (table,) = (lab.head.folder / "results/quick/cifar").glob("bn_group=32*/runs.csv")
    assert sorted(pd.read_csv(table)["net"]) == ["plain-8", "resnet-8"]
    assert " M dvc.lock" in lab.run("git status --porcelain")


def test_a_second_submission_trains_nothing(lab: Lab, jobs: tuple[str, str]) -> None:
    lab.commit()
    array, join = lab.submit(SUBMIT)
    lab.wait()
    assert "iteration" not in lab.log(array) and "Running stage 'train" not in lab.log(join)
    assert lab.run("git status --porcelain -- . ':!dvc.lock'") == ""


@pytest.fixture(scope="module")
def over_nodes(lab: Lab, jobs: tuple[str, str]) -> tuple[str, str]:
    """A net over both nodes, of which one torchrun is killed; the other item of the study is cancelled."""
    edits = ("s/^processes: 1/processes: 2/", "s/- plain-8/- resnet-8/", "s/^depth: 8/depth: 14/", "s/  - 0$/  - 1/")
    lab.run(f"sed -i '{'; '.join(edits)}' params.yaml")
    lab.commit()
    array, join = lab.submit(OVER_NODES)
    lab.cluster.ask("scancel", f"{array}_1")
    lab.wait_for_training(1)
    (torchrun,) = [p for p in lab.cluster.processes("n2") if "pipeline.launch.agent" in p.cmdline()]
    torchrun.kill()
    lab.wait()
    return array, join


def test_a_net_over_both_nodes_whose_torchrun_is_killed_has_the_weights_of_an_uninterrupted_one(
    lab: Lab, over_nodes: tuple[str, str]
) -> None:
    printed = lab.log(over_nodes[0])
    assert re.search(r"resnet-8 · seed 1: resumes at iteration [1-9]", printed), printed
    lab.run("git clone -q . ../alone && cd ../alone && dvc repro check prepare@cifar")
    lab.run("cd ../alone && python -m pipeline.train cifar resnet-8 1")
    alone = lab.head.folder.parent / "alone/runs/cifar/resnet-8/seed-1"
    (here,) = (lab.scratch / "runs").glob(f"{read_run(alone).recipe.hash}-*")
    assert (here / "net.safetensors").read_bytes() == (alone / "net.safetensors").read_bytes()
    records = [json.loads((folder / "run.json").read_text()) for folder in (alone, here)]
    assert [(record["processes"], record["starts"]) for record in records] == [(2, 1), (2, 2)]


def test_where_an_item_fails_nothing_is_joined(lab: Lab, over_nodes: tuple[str, str]) -> None:
    assert "DependencyNeverSatisfied" in lab.cluster.ask("scontrol", "show", "job", over_nodes[1])
    assert lab.log(over_nodes[1]) == ""
