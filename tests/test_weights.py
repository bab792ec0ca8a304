"""Nets that come with the repository: loaded by name, each the net of a run in results/."""

from pathlib import Path

import pytest
import torch
from errors import refused

import replication
from pipeline.ship import read_recorded
from replication import loading
from replication.loading import WEIGHTS, read_about

SHIPPED = [file.stem for file in sorted(WEIGHTS.glob("*.safetensors"))]


@pytest.mark.parametrize("net", SHIPPED)
def test_a_shipped_net_is_loaded_by_its_name_and_its_run_is_in_the_results(net: str) -> None:
    loaded = replication.load(net)
    with torch.inference_mode():
        probabilities = loaded(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8))
    assert probabilities.shape == (2, 10)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2))
    about = read_about(WEIGHTS / f"{net}.safetensors")
    assert about["net"] == net
    recorded = read_recorded(about)
    assert recorded.recipe.net == net and 0 < recorded.error < 90


def test_a_shipped_net_that_was_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in WEIGHTS.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    file = tmp_path / f"{SHIPPED[0]}.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with refused("damaged", "git checkout", file=file):
        replication.load(SHIPPED[0])
