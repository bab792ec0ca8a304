"""A researcher with several GPUs and machines: the README's commands for them, on digits and with CPU processes."""

import re
import shutil
import subprocess

import pandas as pd
import pytest
from checkout import Checkout, make_checkout
from evening import (
    BACK,
    CHECK,
    COMMANDS,
    CPU_IMAGENET,
    EVALUATE,
    JOIN,
    JOIN_BY,
    PLAN,
    PROCESSES,
    PRUNE,
    TORCHRUN,
    TRAIN,
)

from replication.files import seal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GROUPS = 8  # of a batch; as many processes share it


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Without the committed results, whose recipes are of another size."""
    made = make_checkout(tmp_path_factory.mktemp("machines") / "replication", "small_paper.yaml")
    shutil.rmtree(made.folder / "results")
    return made


def scores(checkout: Checkout, profile: str, task: str) -> pd.DataFrame:
    return pd.read_csv(checkout.folder / f"results/{profile}/{task}/scores.csv")


def test_one_run_by_hand_and_joined_elsewhere(checkout: Checkout) -> None:
    checkout.run(f"{BACK} && {CHECK}")
    assert "resnet-56 · seed 0" in checkout.run(TRAIN)
    assert "single_view" in checkout.run(EVALUATE)
    shutil.copytree(checkout.folder / "runs", checkout.folder / "elsewhere/runs")
    shutil.rmtree(checkout.folder / "runs/cifar/resnet-56")
    assert "resnet-56 · seed 0" in checkout.run(JOIN)
    joined = scores(checkout, "quick", "cifar")
    assert set(joined["net"]) == {"resnet-56"}
    (responses,) = (checkout.folder / "results/quick/cifar").rglob("responses.csv")
    assert len(pd.read_csv(responses)) == 55, "Figure 7"
    assert "the same number" in checkout.run(JOIN_BY), "it enters no table of ours"
    assert scores(checkout, "quick", "cifar").equals(joined)
    (reruns,) = (checkout.folder / "results/quick/cifar").rglob("reruns.csv")
    assert pd.read_csv(reruns)["by"].tolist() == ["A. Nother"]
    record = checkout.folder / "elsewhere/runs/cifar/resnet-56/seed-0/run.json"
    record.write_text(
        record.read_text()
        .replace('"weight_decay":0.0001', '"weight_decay":0.001')
        .replace('"weight_decay": 0.0001', '"weight_decay": 0.001')
    )
    assert "run.json is damaged" in checkout.attempt(JOIN).stdout
    seal(record.parent)
    stranger = checkout.attempt(JOIN)
    assert stranger.returncode == 1 and "quick has another optimiser.weight_decay" in stranger.stdout
    assert scores(checkout, "quick", "cifar").equals(joined), "nothing of a stranger is added"


def test_section_4_1_by_itself(checkout: Checkout) -> None:
    checkout.run(BACK)
    printed = checkout.run(CPU_IMAGENET)
    assert "train@cifar" not in printed or "0 runs trained" in printed, "and no data of section 4.2"
    assert "fully_convolutional" in set(scores(checkout, "cpu", "imagenet")["protocol"])


def test_one_net_on_eight_processes(checkout: Checkout) -> None:
    checkout.run(BACK)
    checkout.run(PROCESSES, OMP_NUM_THREADS="1")
    runs = pd.read_csv(checkout.folder / "results/paper/imagenet/runs.csv")
    assert list(runs["net"]) == ["resnet-50"] and list(runs["processes"]) == [GROUPS]


def test_one_net_on_two_nodes(checkout: Checkout) -> None:
    checkout.run(f"{BACK} && rm -rf runs/imagenet .work/runs && {CHECK.replace('cifar', 'imagenet')}")
    command = TORCHRUN.replace("HOST", "127.0.0.1")
    environment = checkout.environment | {"OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    nodes = [
        subprocess.Popen(
            ["bash", "-c", command], cwd=checkout.folder, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for node in nodes:
        said, _ = node.communicate(timeout=300)
        assert node.returncode == 0, said
    assert "0 runs trained, 1 taken" in checkout.run("dvc repro train@imagenet")


def test_prune_deletes_what_params_do_not_name(checkout: Checkout) -> None:
    checkout.run(f"{BACK} && dvc repro check prepare")
    assert "prune: " in checkout.run(PRUNE)


def test_what_a_study_would_take_is_told_before_it(checkout: Checkout) -> None:
    checkout.run(BACK)
    assert PLAN == "make plan PROFILE=paper GPU=10"
    told = checkout.run("python -m pipeline.forecast --profile quick --gpu 20")
    rows = dict(re.findall(r"^((?:plain|resnet)\S+) +(\d .*)$", told, flags=re.MULTILINE))
    assert rows.keys() == {"resnet-56", "resnet-20", "resnet-34-A"}
    for net, row in rows.items():
        seeds = {"resnet-56": 3, "resnet-20": 3, "resnet-34-A": 1}[net]
        assert re.fullmatch(rf"{seeds} +\d+ +\d+ +0\.\d GiB +\d+ MB +\d+ (s|min) +\d+ (s|min) +0 s( \*)?", row), row
    assert "20 TFLOP/s" in told and "nets: 2, runs: 6" in told
    assert re.search(r"Disk: 0\.\d GB, prepared images included", told)
    assert "GPU" not in checkout.run("python -m pipeline.forecast --profile quick"), "without a rate there is no claim"
    unknown = checkout.attempt("make plan PROFILE=papre")
    assert unknown.returncode != 0 and "there is no 'papre'; choose one of" in unknown.stdout


def test_every_command_of_readme_and_docs_is_run_by_a_test() -> None:
    """By name: a constant of evening.py that a test types, or one of these."""
    import evening

    typed = {value for value in vars(evening).values() if isinstance(value, str)} | set(evening.COPY)
    elsewhere = {
        "make test": "this very run",
        "make test-all": "this very run",
        "make lint": ".ci/run",
        "make ui": "test_user.py",
        "make runs": "test_user.py",
        "make plots": "test_dvc_views.py",
        "make exps": "test_dvc_views.py",
        "make verify": "test_verify.py",
        "make verify-weights": "test_weights.py",
        "make bench": "test_benchmarks.py",
        "make audit": "needs the network",
        "make locked": "needs the network; test_lock.py",
        "make newest": "weekly.yml",
        "make lowest": "weekly.yml",
        "make metadata": ".ci/run",
        "dvc repro report": "test_user.py",
        "dvc repro": "test_user_again.py",
        "dvc repro check prepare@imagenet": "here",
        "dvc repro -f check": "test_plan.py",
        "dvc repro -f -s report": "test_user_again.py",
        "git diff --stat results reports": "prints",
        "git diff --stat reports": "prints",
        "python -m pipeline.batch_contents cifar resnet-20 0 399": "feed/test_contents.py",
        "python benchmarks/verdicts.py": "test_benchmarks.py",
        ". .venv/bin/activate": "a shell's own",
        "python3 -m venv .venv": "make",
        ".venv/bin/pip install -c constraints.txt -e '.[dev]'": "make",
        "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make lint": "needs the network",
        "mkdir -p .work/runs .work/outcomes": "test_user_spot.py",
    }
    assert set(COMMANDS) - typed - set(elsewhere) == {c for c in COMMANDS if "mlflow server" in c}
