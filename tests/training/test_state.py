"""The saved state is whole or refused: damage, a full disk, other code, other threads."""

import errno
import hashlib
import io
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from errors import refused
from failing import failing_reads
from resuming import SHORT, assert_same, stop

from replication.files import write_durably
from replication.tasks.batches import Batches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.training.progress import Stopped
from replication.training.state import BEFORE, STATE, State

Recipes = Callable[..., CifarRecipe]
Fit = Callable[..., State]
Interrupt = Callable[[CifarRecipe, int, Callable[[], object]], Batches]


def no_space(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_stops_the_training_in_one_sentence_and_keeps_the_old_state(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, work = make_recipe(**SHORT), tmp_path / "work"
    whole = fit(recipe, tmp_path / "whole")
    with monkeypatch.context() as patched:

        def fill_the_disk() -> None:
            patched.setattr(os, "fsync", no_space)

        with refused("unwritable", "room", file=work / STATE):
            fit(recipe, work, interrupted(recipe, 12, fill_the_disk), save_seconds=0)
    assert torch.load(work / STATE, weights_only=True)["iteration"] == 12
    assert sorted(path.name for path in work.iterdir() if path.name.startswith("state")) == [BEFORE, STATE]
    assert_same(fit(recipe, work), whole)


def test_a_write_that_stops_in_the_middle_keeps_the_old_file(
    tmp_path: Path, files_of_at_most: Callable[[int], Any]
) -> None:
    path = tmp_path / STATE
    write_durably(path, b"old")
    with files_of_at_most(1000), refused("unwritable", "ulimit", file=path):
        write_durably(path, bytes(5000))
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [STATE]


def test_what_a_kill_left_unfinished_is_no_obstacle(make_recipe: Recipes, fit: Fit, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / f"{STATE}.unfinished").write_bytes(b"half a state")
    assert fit(make_recipe(**SHORT), tmp_path / "work").starts == 1
    assert not (tmp_path / "work" / f"{STATE}.unfinished").exists()


@pytest.fixture
def saved(make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path) -> tuple[CifarRecipe, Path]:
    """A recipe and the work folder of a training of it that was stopped."""
    recipe = make_recipe(**SHORT)
    with pytest.raises(Stopped):
        fit(recipe, tmp_path / "work", interrupted(recipe, 2, stop))
    assert torch.load(tmp_path / "work" / BEFORE)["iteration"] == 0
    return recipe, tmp_path / "work"


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.EACCES], ids=errno.errorcode.get)
def test_a_state_that_cannot_be_read_now_is_kept_and_resumed_later(
    make_recipe: Recipes, fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    recipe, cpu, work = make_recipe(**SHORT), torch.device("cpu"), tmp_path / "work"
    whole = fit(recipe, work)
    before = {path.name: path.read_bytes() for path in work.glob("state*")}
    assert before.keys() == {STATE, BEFORE}
    for names in ((STATE,), (STATE, BEFORE)):
        with failing_reads(monkeypatch, number, *names), refused("unreadable", file=work / STATE) as caught:
            State.start(recipe, 4, cpu).load(work, cpu, 30)
        assert f"delete {work}" not in str(caught.value)
        assert {path.name: path.read_bytes() for path in work.glob("state*")} == before
    assert_same(fit(recipe, work), whole)


def test_a_state_that_does_not_fit_into_memory_is_kept(
    make_recipe: Recipes, fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, cpu, work = make_recipe(**SHORT), torch.device("cpu"), tmp_path / "work"
    fit(recipe, work)
    errors = [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: 9 GB")]
    for error in errors:

        def load(*_: Any, error: Exception = error, **__: Any) -> None:
            raise error

        with monkeypatch.context() as patched, pytest.raises(type(error)):
            patched.setattr(torch, "load", load)
            State.start(recipe, 4, cpu).load(work, cpu, 30)
        assert {path.name for path in work.glob("state*")} == {STATE, BEFORE}


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_state_that_is_no_file_does_not_hang(
    make_recipe: Recipes, fit: Fit, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    recipe, work = make_recipe(**SHORT), tmp_path / "work"
    work.mkdir()
    make(work / STATE)
    with refused("damaged", f"delete {work}", file=work / STATE):
        fit(recipe, work)


@pytest.mark.parametrize("bit", range(12))
def test_a_flipped_bit_is_seen_and_the_state_before_it_continued(
    saved: tuple[CifarRecipe, Path], fit: Fit, tmp_path: Path, bit: int, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, work = saved
    _flip(work / STATE, random.Random(bit))
    assert_same(fit(recipe, work), fit(recipe, tmp_path / "whole"))
    told = r"state\.pt cannot be read \(.*digest.*\); resuming from state-before\.pt"
    assert re.search(told, capsys.readouterr().err)


def test_a_damaged_state_does_not_become_the_one_before(saved: tuple[CifarRecipe, Path]) -> None:
    recipe, work = saved
    _flip(work / STATE, random.Random(0))
    state = State.start(recipe, 4, torch.device("cpu"))
    assert state.load(work, torch.device("cpu"), 10)
    state.save(work)
    for path in work.glob("state*.pt"):
        assert state._read(path, torch.device("cpu"))["iteration"] == 0


def test_two_damaged_states_are_both_named(saved: tuple[CifarRecipe, Path], fit: Fit) -> None:
    recipe, work = saved
    for name in (STATE, BEFORE):
        _flip(work / name, random.Random(0))
    with refused("damaged", BEFORE, f"delete {work}", file=work / STATE):
        fit(recipe, work)


def test_a_state_of_other_code_is_not_guessed_at(saved: tuple[CifarRecipe, Path], fit: Fit) -> None:
    recipe, work = saved
    (work / BEFORE).unlink()
    content = torch.load(work / STATE)
    del content["curve"]
    _reseal(work / STATE, content)
    with refused("damaged", "version", f"delete {work}", file=work / STATE):
        fit(recipe, work)


def test_a_training_that_other_code_ended_is_trained_anew(
    make_recipe: Callable[..., CifarRecipe], fit: Fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, work = make_recipe(**SHORT), tmp_path / "work"
    whole = fit(recipe, work)
    _reseal(work / STATE, torch.load(work / STATE) | {"code": "other"})
    again = fit(recipe, work)
    assert str(work) in capsys.readouterr().err
    assert again.starts == 1
    assert_same(again, whole)


def test_that_other_code_began_a_training_is_said(
    saved: tuple[CifarRecipe, Path], fit: Fit, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, work = saved
    _reseal(work / STATE, torch.load(work / STATE) | {"code": "other"})
    assert fit(recipe, work).starts == 2
    assert str(work) in capsys.readouterr().err


def test_another_number_of_threads_is_told_and_kept(
    saved: tuple[CifarRecipe, Path], fit: Fit, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, work = saved
    before = torch.get_num_threads()
    content = torch.load(work / STATE)
    content["history"][0]["threads"] = before + 1
    _reseal(work / STATE, content)
    assert fit(recipe, work).threads == [before + 1, before]
    told = capsys.readouterr().err
    assert all(part in told for part in (f"{before + 1} threads", str(before), "OMP_NUM_THREADS"))


def _flip(path: Path, dice: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def _reseal(path: Path, content: Any) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.write_bytes(buffer.getvalue() + hashlib.sha256(buffer.getvalue()).digest())


@pytest.mark.parametrize("keep", [0, 1, 1000, 0.5, 0.9, 0.999])
def test_a_truncated_state_is_named(saved: tuple[CifarRecipe, Path], fit: Fit, keep: float) -> None:
    recipe, work = saved
    (work / BEFORE).unlink()
    content = (work / STATE).read_bytes()
    (work / STATE).write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    with refused("damaged", f"delete {work}", file=work / STATE):
        fit(recipe, work)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_state_with_any_bytes_changed_gives_a_sentence_and_never_a_traceback(
    saved: tuple[CifarRecipe, Path],
) -> None:
    recipe, work = saved
    (work / BEFORE).unlink()
    content, dice = (work / STATE).read_bytes(), random.Random(0)
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(5):
            damaged[dice.randrange(3000)] = dice.randrange(256)  # the pickle of the archive lies here
        (work / STATE).write_bytes(damaged)
        state = State.start(recipe, 4, torch.device("cpu"))
        with refused("damaged", f"delete {work}", file=work / STATE):
            state.load(work, torch.device("cpu"), 10)


@pytest.mark.parametrize("content", [{}, {"net": {}, "optimizer": {}}, [1]], ids=str)
def test_a_file_that_is_no_state_of_this_net_is_named(saved: tuple[CifarRecipe, Path], fit: Fit, content: Any) -> None:
    recipe, work = saved
    (work / BEFORE).unlink()
    _reseal(work / STATE, content)
    with refused("damaged", file=work / STATE):
        fit(recipe, work)


def test_the_state_loads_without_running_code_from_the_file(saved: tuple[CifarRecipe, Path], tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    recipe, work = saved
    (work / BEFORE).unlink()
    _reseal(work / STATE, {"net": Trap()})
    with refused("damaged", file=work / STATE):
        State.start(recipe, 4, torch.device("cpu")).load(work, torch.device("cpu"), 10)
    assert not (tmp_path / "sprung").exists()


def test_a_resume_on_another_device_warns_and_is_recorded(
    fit: Fit, saved: tuple[CifarRecipe, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, work = saved
    monkeypatch.setattr("replication.training.state.describe_device", lambda _: "Made-up GPU")
    state = fit(recipe, work)
    assert [start["device"] for start in state.history] == ["cpu", "Made-up GPU"]
    assert "Made-up GPU" in capsys.readouterr().err


def test_a_resume_on_the_same_device_does_not_warn(
    fit: Fit, saved: tuple[CifarRecipe, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    fit(*saved)
    assert "warning" not in capsys.readouterr().err
