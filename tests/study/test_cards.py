"""The model card beside the tables of a study: what a reader needs to use one of its nets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import PROJECT
from made_up import PROFILES, recipe_of, result

from replication.arms import ARMS
from replication.study.cards import CARD, card, write_card
from replication.study.results import add_results

RESULTS = PROJECT / "results"
COMMITTED = [(arm, path.parent) for arm in ARMS.values() for path in sorted(RESULTS.glob(f"*/{arm.name}/**/runs.csv"))]


@pytest.mark.parametrize(("arm", "folder"), COMMITTED, ids=[str(f.relative_to(RESULTS)) for _, f in COMMITTED])
def test_the_committed_cards_are_those_of_the_committed_tables(arm: object, folder: Path) -> None:
    assert (folder / CARD).read_text() == card(folder, RESULTS, arm, PROFILES), "run `dvc repro tabulate`"


def made(tmp_path: Path, profile: str, *errors: float, label: str = "", **recipe: object) -> str:
    folder = tmp_path / profile / "cifar" / label
    runs = [
        result(recipe_of(profile, net="resnet-56", seed=seed, **recipe), error) for seed, error in enumerate(errors)
    ]
    add_results(folder, runs)
    write_card(folder, tmp_path, ARMS["cifar"], PROFILES)
    return (folder / CARD).read_text()


def test_a_card_has_the_errors_with_their_spread_and_n(tmp_path: Path) -> None:
    text = made(tmp_path, "cpu", 23.0, 24.0, 25.0)
    assert "| resnet-56 | single view | top-1 error | 24.00 ± 1.00 | 3 | 10,000 |" in text
    assert "| resnet-56 | training, its end | training error | 1.00 ± 0.00 | 3 |" in text
    assert all(recipe_of("cpu", net="resnet-56", seed=seed).hash in text for seed in range(3))
    assert "CIFAR-10, 10 classes" in text and "`fedcba9876543210…`" in text and "32x32 pixels" in text
    assert "dvc exp run -S profile=cpu -S 'cifar.nets=[resnet-56]' -S 'cifar.seeds=[0,1,2]' tabulate@cifar" in text
    assert 'replication.load("runs/cifar/resnet-56/seed-0")' in text
    assert text == made(tmp_path, "cpu", 23.0, 24.0, 25.0), "equal tables, equal bytes"


@pytest.mark.parametrize(
    ("profile", "recipe", "words"),
    [
        ("paper", {}, "The paper's own experiment, by its recipe and on its images. Fidelity: exact."),
        ("cpu", {}, "**Not the paper's experiment**: the paper's images, but another recipe. Fidelity: reduced."),
        ("quick", {"dataset": "digits"}, "**Not the paper's experiment, but a stand-in for it**"),
    ],
)
def test_a_card_says_in_words_whether_it_is_the_papers_experiment(
    tmp_path: Path, profile: str, recipe: dict[str, str], words: str
) -> None:
    text = made(tmp_path, profile, 9.0, **recipe)
    assert words in text
    assert ("What differs from the paper:" in text) == (profile != "paper")
    assert ("* iterations: 4,000; the paper: 64,000\n" in text) == (profile == "cpu")


def test_a_card_of_an_override_has_the_command_that_makes_it(tmp_path: Path) -> None:
    text = made(tmp_path, "cpu", 9.0, label="train_images=45000", train_images=45_000)
    assert "# Nets of section 4.2: cpu, train_images 45000\n" in text
    assert "-S '++cifar.override.train_images=45000'" in text
    (link,) = re.findall(r"\((\S*README\.md)\)", text)
    folder = tmp_path / "cpu/cifar/train_images=45000"
    assert (folder / link).resolve() == tmp_path / "README.md"


def test_cards_are_written_without_torch_and_without_pandas() -> None:
    code = "import replication.study.cards, sys; sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
