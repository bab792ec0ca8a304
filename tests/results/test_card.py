"""The model card beside the tables of a study: what a reader needs to use one of its nets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import PROJECT
from made_up import PROFILES, recipe_of, result

from replication.results.add import add_results
from replication.results.card import CARD, card, write_card
from replication.tasks import TASKS

RESULTS = PROJECT / "results"
COMMITTED = [
    (task, path.parent) for task in TASKS.values() for path in sorted(RESULTS.glob(f"*/{task.name}/**/runs.csv"))
]


@pytest.mark.parametrize(("task", "folder"), COMMITTED, ids=[str(f.relative_to(RESULTS)) for _, f in COMMITTED])
def test_the_committed_cards_are_those_of_the_committed_tables(task: object, folder: Path) -> None:
    assert (folder / CARD).read_text() == card(folder, RESULTS, task, PROFILES), "run `dvc repro tabulate`"


def made(tmp_path: Path, profile: str, *errors: float, label: str = "", **recipe: object) -> str:
    folder = tmp_path / profile / "cifar" / label
    runs = [
        result(recipe_of(profile, net="resnet-56", seed=seed, **recipe), error) for seed, error in enumerate(errors)
    ]
    add_results(folder, runs)
    write_card(folder, tmp_path, TASKS["cifar"], PROFILES)
    return (folder / CARD).read_text()


def test_a_card_has_the_errors_with_their_spread_and_n(tmp_path: Path) -> None:
    text = made(tmp_path, "cpu", 23.0, 24.0, 25.0)
    (tested, trained) = (line for line in text.splitlines() if line.startswith("| resnet-56 |") and "±" in line)
    assert all(part in tested for part in ("24.00 ± 1.00", " 3 ", "10,000"))
    assert all(part in trained for part in ("1.00 ± 0.00", " 3 "))
    assert all(recipe_of("cpu", net="resnet-56", seed=seed).hash in text for seed in range(3))
    assert all(part in text for part in ("CIFAR-10", "fedcba9876543210", "32x32"))
    assert "dvc exp run -S profile=cpu -S 'cifar.nets=[resnet-56]' -S 'cifar.seeds=[0,1,2]' tabulate@cifar" in text
    assert 'replication.load("runs/cifar/resnet-56/seed-0")' in text
    assert text == made(tmp_path, "cpu", 23.0, 24.0, 25.0), "equal tables, equal bytes"


@pytest.mark.parametrize(
    ("profile", "recipe", "fidelity"),
    [("paper", {}, "exact"), ("cpu", {}, "reduced"), ("quick", {"dataset": "digits"}, "proxy")],
)
def test_a_card_has_its_fidelity_and_what_differs_from_the_paper(
    tmp_path: Path, profile: str, recipe: dict[str, str], fidelity: str
) -> None:
    text = made(tmp_path, profile, 9.0, **recipe)
    assert fidelity in text and not {"exact", "reduced", "proxy"}.difference({fidelity}) & set(re.findall(r"\w+", text))
    differing = [line for line in text.splitlines() if line.startswith("* iterations: ")]
    assert len(differing) == (profile != "paper")
    assert all("64,000" in line and ("4,000" in line or profile != "cpu") for line in differing)


def test_a_card_of_an_override_has_the_command_that_makes_it(tmp_path: Path) -> None:
    text = made(tmp_path, "cpu", 9.0, label="train_images=45000", train_images=45_000)
    assert "-S '++cifar.override.train_images=45000'" in text
    (link,) = re.findall(r"\((\S*README\.md)\)", text)
    folder = tmp_path / "cpu/cifar/train_images=45000"
    assert (folder / link).resolve() == tmp_path / "README.md"


def test_cards_are_written_without_torch_and_without_pandas() -> None:
    code = "import replication.results.card, sys; sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
