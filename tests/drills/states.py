"""States, runs, outcomes, entries of the run store, data, indices, recipes and code digests: damaged, and then the
stages that read them.

They must end as if nothing had been, or in a sentence whose remedy helps: what it says is deleted, the stages run again
as `dvc repro` runs them, and then all is as if nothing had been.
"""

import hashlib
import io
import os
import random
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from conftest import write_tiny_store

from drills.damages import cut, flip, instead
from drills.project import NETS, copy, entry_of, files_of, make_project, run, same_run, start
from drills.runner import Silent, Trial
from drills.sound import SOUND
from drills.sources import images_in
from replication.data.sources.prepare import prepare
from replication.errors import UserError
from replication.files import SUMS
from replication.training.state import BEFORE, STATE

Damage = Callable[[Path, random.Random], object]
Stages = list[tuple[str, ...]]
ALL: Stages = [(stage, "cifar", net, "0") for net in NETS for stage in ("train", "evaluate")] + [("tabulate", "cifar")]
LAST: Stages = ALL[-2:]  # evaluate resnet-8, and tabulate
RUN, OTHER = "runs/cifar/resnet-8/seed-0", "runs/cifar/plain-8/seed-0"
OUTCOME = "outcomes/cifar/resnet-8/seed-0"

ANY: dict[str, Damage] = {
    "a bit flipped": flip,
    "cut": cut,
    "nothing in it": lambda path, _: path.write_bytes(b""),
    "zeros": lambda path, _: path.write_bytes(bytes(path.stat().st_size)),
    "a web page": lambda path, _: path.write_text("<html></html>"),
    "lost": lambda path, _: path.unlink(),
    "a folder": instead(Path.mkdir),
    "a dangling link": instead(lambda path: path.symlink_to("nowhere")),
    "a pipe": instead(os.mkfifo),
    "no line of sums": lambda path, _: _without_its_sum(path),
}


def trials(dice: random.Random, shared: Path) -> Iterator[Trial]:
    """81, each with a damage of `ANY` in turn, or with the file of another run."""
    done, stopped, emptied, untested = (shared / name for name in ("done", "stopped", "emptied", "untested"))
    _make(done)
    _stop(copy(done, stopped))
    _without(copy(done, emptied), "runs/cifar/resnet-8", "outcomes/cifar/resnet-8")  # both are in the store
    _without(copy(done, untested), "outcomes/cifar/resnet-8", ".work/outcomes")
    of = partial(_one, dice)
    for name, both in ((STATE, False), (BEFORE, False), (STATE, True)):
        for damage in ("a bit flipped", "cut", "a web page", "lost"):
            yield of(f"{name}{' and the one before' * both}", stopped, [STATE, BEFORE] if both else [name], ALL, damage)
    yield of("states", stopped, [STATE, BEFORE], ALL, "without its curve", _resealed(lambda state: state.pop("curve")))
    yield of(
        "states",
        stopped,
        [STATE, BEFORE],
        ALL,
        "of another run",
        lambda path, _: shutil.copy(stopped / "other.pt", path),
    )
    of_run, of_outcome = ("run.json", "curve.csv", "net.safetensors", SUMS), ("scores.csv", "responses.csv", SUMS)
    entry, outcome = (entry_of(done / made).relative_to(done) for made in (RUN, OUTCOME))
    of_data = ("store.safetensors", "annotations.safetensors", "meta.json", SUMS)
    files = [
        *((f"{RUN}/{name}", LAST, untested) for name in of_run * 2),
        *((f"{RUN}/{name}", ALL, done) for name in of_run),
        *((f"{entry}/{name}", ALL, emptied) for name in of_run * 2),
        *((f"{entry}/{name}", ALL, done) for name in of_run),
        *((f"{OUTCOME}/{name}", ALL[-1:], done) for name in of_outcome),
        *((f"{OUTCOME}/{name}", LAST, done) for name in of_outcome),
        *((f"{outcome}/{name}", ALL, emptied) for name in (*of_outcome, "probabilities.safetensors")),
        *((f"data/cifar/{name}", ALL, done) for name in of_data),
        *((f"data/cifar/{name}", ALL, stopped) for name in of_data),
        *((f"recipes/cifar/{name}", ALL, done) for name in ("runs/resnet-8/seed-0.json", "study.json", SUMS)),
        *((f"recipes/cifar/{name}", ALL, stopped) for name in ("runs/list.json", "data.json", SUMS)),
        *((f"recipes/code/{stage}.json", ALL, done) for stage in ("train-cifar", "evaluate-cifar", "tabulate") * 3),
    ]
    damages = list(ANY)
    for number, (file, stages, project) in enumerate(files):
        known = damages[:-1] if "recipes/code/" in file else damages
        yield of(f"{file} ({project.name})", project, [file], stages, known[number % len(known)])
    for name in ("run.json", "curve.csv", "net.safetensors", ""):
        yield of(f"{RUN}/{name}", untested, [f"{RUN}/{name}"], LAST, "of another run", _another(done / OTHER / name))
        yield of(f"{entry}/{name}", emptied, [f"{entry}/{name}"], ALL, "of another run", _another(done / OTHER / name))
    for number, name in enumerate(("index.parquet", "statistics.safetensors", "meta.json", "annotations.safetensors")):
        damage = damages[number]
        yield Trial(f"index, {name}: {damage}", partial(_index, name, ANY[damage], dice.random()), names=("/data",))


def _one(
    dice: random.Random,
    name: str,
    project: Path,
    files: list[str],
    stages: Stages,
    words: str,
    damage: Damage | None = None,
) -> Trial:
    act = partial(_damaged, project, files, damage or ANY[words], stages, dice.random())
    return Trial(f"{name}: {words}", act, names=("runs/", "outcomes/", "data/", "recipes/", ".work/", "src/"))


def _damaged(template: Path, files: list[str], damage: Damage, stages: Stages, seed: float, folder: Path) -> None:
    project, done = copy(template, folder / "project"), template.with_name("done")
    for name in files:
        (path,) = project.glob(f".work/*/{name}") if name.endswith(".pt") else [project / name]
        damage(path, random.Random(seed))
    try:
        _run(project, stages)
    except UserError as told:
        _cure(project, str(told))
        try:
            _run(project, ALL)
        except UserError as again:
            raise RuntimeError(f"the remedy of “{told}” does not help: {again}") from again
        _compare(project, done, ALL)
        raise
    _compare(project, done, stages)


def _cure(project: Path, sentence: str) -> None:
    """Do as the sentence says."""
    for name in re.findall(r"delete (\S+)", sentence):
        path = project / (sentence.split()[0] if name == "it" else name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if "dvc repro prepare" in sentence or not (project / "data/cifar").exists():
        write_tiny_store(project / "data/cifar")
    run(project, "check").right()  # `dvc repro` does where recipes/ is not as it was


def _compare(project: Path, done: Path, stages: Stages) -> None:
    """What the stages have made."""
    for _, _, net, _ in (stage for stage in stages if stage[0] == "train"):
        same_run(project / f"runs/cifar/{net}/seed-0", done / f"runs/cifar/{net}/seed-0")
    tested = [f"outcomes/cifar/{stage[2]}" for stage in stages if stage[0] == "evaluate"]
    for made in ("results", *tested):
        here, there = ({n: c for n, c in files_of(of / made).items() if "runs.csv" not in n} for of in (project, done))
        if here != there:
            raise Silent(f"{made} is not what undisturbed stages make")


def _run(project: Path, stages: Stages) -> None:
    for stage in stages:
        run(project, *stage).check()


def _make(done: Path) -> None:
    make_project(done)
    for stage in ALL:
        run(done, *stage).right()


def _without(project: Path, *folders: str) -> None:
    for folder in folders:
        shutil.rmtree(project / folder)


def _stop(stopped: Path) -> None:
    """Leave a training of resnet-8 in its middle, and a state of plain-8 beside it, `other.pt`."""
    _without(stopped, ".work", "runs", "outcomes")
    for net in NETS:
        process = start(stopped, "train", "cifar", net, "0")
        while process.is_alive() and not any(stopped.glob(f".work/*/{BEFORE}")):
            pass
        os.kill(process.pid, signal.SIGTERM)
        process.join()
        (state,) = stopped.glob(f".work/*/{STATE}")
        if net != "resnet-8":
            state.rename(stopped / "other.pt")
            shutil.rmtree(state.parent)


def _index(name: str, damage: Damage, seed: float, folder: Path) -> None:
    source, data = SOUND["ImageNet, tree"](folder / "root"), folder / "data"
    make = partial(prepare, data, source.dataset, source.place, source.requirements)
    make()
    damage(data / name, random.Random(seed))
    try:
        found = images_in(data, source)
    except UserError:
        make()
        if images_in(data, source) != source.truth:
            raise Silent("an index made anew is not what it was") from None
        raise
    if found != source.truth:
        raise Silent("the images are not what they are")


def _resealed(change: Callable[[dict], object]) -> Damage:
    """A state as other code might have written it, with its digest."""

    def changed(path: Path, _: random.Random) -> None:
        state, content = torch.load(path, weights_only=True), io.BytesIO()
        change(state)
        torch.save(state, content)
        path.write_bytes(content.getvalue() + hashlib.sha256(content.getvalue()).digest())

    return changed


def _another(other: Path) -> Damage:
    def put(path: Path, _: random.Random) -> None:
        if path.is_dir():
            shutil.rmtree(path)
            shutil.copytree(other, path)
        else:
            shutil.copy(other, path)

    return put


def _without_its_sum(path: Path) -> None:
    sums = next(folder / SUMS for folder in path.parents if (folder / SUMS).exists())
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if path.name not in line))
