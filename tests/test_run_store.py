"""The run store: entries by what made them, copied whole or not at all."""

from pathlib import Path

import pytest
from errors import refused
from made_up import recipe_of, result

from pipeline import run_store
from replication.files import replace_folder
from replication.runs.folder import write_run

torch = pytest.importorskip("torch")


def entry(folder: Path, threads: int = 1) -> Path:
    made = result(recipe_of("quick", "cifar", "plain-20", dataset="digits", pixels="digits"))
    made.record.provenance["machine"]["threads"] = str(threads)
    write_run(folder, made.record, made.curve, {"a": torch.zeros(3)}, torch.zeros(1, 3, 4, 4), ["a", "b"])
    return folder


def test_an_entry_is_usable_on_the_threads_that_the_profile_fixes(tmp_path: Path) -> None:
    recipe = recipe_of("quick", "cifar", "plain-20", dataset="digits", pixels="digits").hash
    made = entry(tmp_path / f"{recipe}-code", threads=2)
    assert run_store.is_usable(made, None) and run_store.is_usable(made, 2) and not run_store.is_usable(made, 1)
    assert not run_store.is_usable(tmp_path / "none", None)


def test_an_entry_with_another_run_is_damaged(tmp_path: Path) -> None:
    made = entry(tmp_path / "0123456789abcdef-code")
    with refused("damaged", file=made):
        run_store.is_usable(made, None)


def test_a_copy_has_the_bytes_of_its_entry_and_is_made_once(tmp_path: Path) -> None:
    made, folder = entry(tmp_path / "entry"), tmp_path / "runs/cifar/plain-20/seed-0"
    run_store.take(made, folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {p.name: p.read_bytes() for p in made.iterdir()}
    inode = folder.stat().st_ino
    run_store.take(made, folder)
    assert folder.stat().st_ino == inode


def test_a_damaged_copy_is_made_anew(tmp_path: Path) -> None:
    made, folder = entry(tmp_path / "entry"), tmp_path / "copy"
    run_store.take(made, folder)
    (folder / "net.safetensors").write_bytes(b"damaged")
    run_store.take(made, folder)
    assert (folder / "net.safetensors").read_bytes() == (made / "net.safetensors").read_bytes()


@pytest.mark.parametrize("file", ["net.safetensors", "SHA256SUMS"])
@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_damaged_entry_is_not_copied(tmp_path: Path, file: str, content: bytes | None) -> None:
    made, folder = entry(tmp_path / "entry"), tmp_path / "copy"
    folder.mkdir()
    (folder / "of-an-earlier-run").touch()
    (made / file).write_bytes(content) if content else (made / file).unlink()
    with refused("damaged", file=made):
        run_store.take(made, folder)
    assert [path.name for path in folder.iterdir()] == ["of-an-earlier-run"]


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    root = tmp_path / "runs/cifar"
    left, running = (root / f"plain-20/.seed-0-{process}" for process in (2**22 + 1, 1))  # none has so high a number
    for folder in (left, running):
        folder.mkdir(parents=True)
    run_store.fill(root, {})
    assert running.exists() and not left.exists()


def test_a_tasks_folder_holds_the_runs_of_its_list_and_no_other(tmp_path: Path) -> None:
    made, root = entry(tmp_path / "entry"), tmp_path / "runs/cifar"
    plain, variant = root / "plain-20/seed-0", root / "plain-20/no-warmup/seed-0"
    run_store.fill(root, {plain: made, variant: made})
    assert plain.is_dir() and variant.is_dir()
    run_store.fill(root, {variant: made})
    assert variant.is_dir() and not plain.exists()
    run_store.fill(root, {})
    assert [path.name for path in root.iterdir()] == [run_store.EMPTY], "DVC warns of an empty folder"


def test_an_outcome_belongs_to_the_weights_and_to_those_that_they_start_from(tmp_path: Path) -> None:
    for name, text in (("one", "1"), ("two", "2")):
        with replace_folder(tmp_path / name) as folder:
            (folder / "net.safetensors").write_text(text, encoding="utf-8")
    one, two = tmp_path / "one", tmp_path / "two"
    names = {run_store.outcome_entry(runs, code).name for runs in ([one], [two], [one, two]) for code in ("a", "b")}
    assert len(names) == 6
