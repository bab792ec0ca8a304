"""Sources: trees, archives and parquet files as they are found, damaged, odd or hostile, and then the stage `prepare`.

What it accepts must be the very pixels and labels, or be told as not official; the old store stays until the new one is
made; of the user's own files none is changed; and no code of a file is run.
"""

import os
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from drills.damages import DAMAGES, SPRUNG, Damage, other_picture
from drills.pictures import PICTURES
from drills.project import files_of
from drills.runner import FORK, Silent, Trial
from drills.sound import SOUND, Images, Source
from replication.data.index import read_images
from replication.data.sources.prepare import describe, prepare
from replication.errors import UserError


def trials(dice: random.Random, shared: Path) -> Iterator[Trial]:
    """Each damage of each source once, and each picture in one of the sources that hold pictures."""
    for kind, of_kind in DAMAGES.items():
        for name, damage in of_kind.items():
            act = partial(_prepared, SOUND[kind], damage, dice.random())
            yield Trial(f"{kind}: {name}", act, names=("/root", "data."), seconds=30)
    with_pictures = [kind for kind in SOUND if kind.endswith(("tree", "parquet"))]
    for number, (name, picture) in enumerate(PICTURES.items()):
        kind = with_pictures[number % len(with_pictures)]
        act = partial(_prepared, SOUND[kind], partial(other_picture, picture), dice.random())
        yield Trial(f"{kind}: {name} as an image", act, names=("/root",), seconds=30)


def _prepared(make: Callable[[Path], Source], damage: Damage, seed: float, folder: Path) -> None:
    """Prepare a sound source, damage it, and prepare it again."""
    os.chdir(folder)
    source, store = make(folder / "root"), folder / "data"
    make_store = partial(prepare, store, source.dataset, source.place, source.requirements)
    first = FORK.Process(target=make_store)  # files that are open stay so in a process
    first.start()
    first.join()
    old, wanted = files_of(store), damage(source, random.Random(seed))
    users = _files_of_the_user(source.root)
    try:
        meta = make_store()
    except UserError:
        if files_of(store) != old:
            raise Silent("the old store is gone") from None
        raise
    finally:
        if lost := users.items() - _files_of_the_user(source.root).items():
            raise Silent(f"of the user's own files are changed or gone: {sorted(name for name, _ in lost)}")
        if SPRUNG.exists():
            raise Silent("code of the source was run")
    found = images_in(store, source)
    if found != source.truth and meta.is_official:
        raise Silent("other pixels or labels are called official")
    if wanted is None and found != source.truth:
        raise UserError(f"{source.root}: {describe(meta)}.")
    if wanted is not None and found not in (source.truth, wanted):
        raise Silent(f"{len(set(found) - set(wanted))} images are read as what they are not; {describe(meta)}")


def images_in(store: Path, source: Source) -> Images:
    images = read_images(store, source.root)
    labels = {"train": images.train_labels.tolist(), "test": images.test_labels.tolist()}
    return sorted(
        (split, label, np.asarray(images.load(split, i)).tobytes())
        for split, of_split in labels.items()
        for i, label in enumerate(of_split)
    )


def _files_of_the_user(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of the last change of all that is no folder."""
    found = [path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()]
    return {
        os.fsencode(path).decode(errors="replace"): (s.st_size, s.st_mtime_ns) for path in found for s in [path.lstat()]
    }
