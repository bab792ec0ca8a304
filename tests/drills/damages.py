"""What can be wrong with a source: each damage by its name, for each of the sound sources that it can happen to."""

import os
import pickle
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from made_files import tar, write_parquet

from drills.pictures import Picture, pixels_of
from drills.sound import Images, Source

# Changes a source, and returns what is in it now: nothing where it must be refused; None where it cannot be known, so
# that other pixels or labels must be told.
Damage = Callable[[Source, random.Random], Images | None]
REFUSED: Images = []
SPRUNG = Path("sprung")  # what hostile code would make
CLIMBING = tar({"../sprung": b"!"}, "w:gz")
HIDDEN = (".DS_Store", "._x.png", "Thumbs.db")
BATCHES = "cifar-10-batches-py"

# --- what can be wrong with a file


def other_picture(picture: Picture, source: Source, dice: random.Random) -> Images | None:
    """One image of a tree or of a parquet file is another file."""
    if source.name == "folder":
        path = dice.choice(source.images())
        old = pixels_of(path.read_bytes())
        content, new = picture(old)
        path.write_bytes(content)
    else:
        path = dice.choice(source.files("*.parquet"))
        rows = pyarrow.parquet.read_table(path).to_pylist()
        row = dice.choice(rows)
        image = row.get("img") or row["image"]
        old = pixels_of(image["bytes"])
        image["bytes"], new = picture(old)
        write_parquet(path, rows)
    fits = new is not None and source.dataset.input_size in (None, new.shape[0])
    return source.with_pixels(old, new) if fits else REFUSED


def _in(pattern: str, change: Callable[[Path, random.Random], object], then: str = "refused") -> Damage:
    """Change one of the files that a pattern finds; after that they are refused, unchanged or unknown."""

    def damage(source: Source, dice: random.Random) -> Images | None:
        change(dice.choice(source.files(pattern)), dice)
        return {"refused": REFUSED, "same": source.truth, "unknown": None}[then]

    return damage


def cut(path: Path, dice: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: dice.randrange(len(content))])


def flip(path: Path, dice: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def instead(make: Callable[[Path], object]) -> Callable[[Path, random.Random], object]:
    """Something else under the name of a file."""

    def change(path: Path, _: random.Random) -> None:
        path.unlink()
        make(path)

    return change


def _copied_to(name: str) -> Callable[[Path, random.Random], object]:
    return lambda path, _: shutil.copy(path, path.with_name(name))


def _packed(damage: Damage) -> Damage:
    """To an archive, without what was unpacked from it."""

    def damaged(source: Source, dice: random.Random) -> Images | None:
        shutil.rmtree(source.root / BATCHES)
        return damage(source, dice)

    return damaged


class _Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(SPRUNG.absolute()),)


def _of_files(pattern: str, flipped: str = "refused") -> dict[str, Damage]:
    """What any file can suffer."""
    return {
        "a file cut": _in(pattern, cut),
        "a bit flipped": _in(pattern, flip, flipped),
        "a file lost": _in(pattern, lambda path, _: path.unlink()),
        "a pipe for a file": _in(pattern, instead(os.mkfifo)),
        "/dev/zero for a file": _in(pattern, instead(lambda path: path.symlink_to("/dev/zero"))),
        "a folder for a file": _in(pattern, instead(Path.mkdir)),
        "a dangling link for a file": _in(pattern, instead(lambda path: path.symlink_to("nowhere"))),
        "a hostile pickle for a file": _in(pattern, lambda path, _: path.write_bytes(pickle.dumps(_Hostile()))),
        "a climbing archive for a file": _in(
            pattern, lambda path, _: path.write_bytes(tar({"../sprung": b"!"}, "w:gz"))
        ),
    }


# --- what can be wrong with a tree


def _beside(make: Callable[[Path], object], then: str = "same") -> Damage:
    """Something more in the folder of a class."""
    return _in("train/**/*.*[gG]", lambda path, _: make(path.parent), then)


def _among(name: str, make: Callable[[Path], object], then: str = "refused") -> Damage:
    """Something more among the folders of the classes."""
    return _in("train/*/*", lambda path, _: make(path.parents[1] / name), then)


def _in_root(change: Callable[[Path], object]) -> Damage:
    def damage(source: Source, _: random.Random) -> Images:
        change(source.root)
        return REFUSED

    return damage


def _link_class(path: Path, _: random.Random) -> None:
    """A class folder that lies elsewhere."""
    folder = path.parent
    shutil.move(folder, folder.parents[2] / "elsewhere")
    folder.symlink_to(folder.parents[2] / "elsewhere")


def _rename(suffix: str) -> Callable[[Path, random.Random], object]:
    return lambda path, _: path.rename(path.with_suffix(suffix))


TREE: dict[str, Damage] = {
    "a pipe beside": _beside(lambda folder: os.mkfifo(folder / "x.png")),
    "/dev/zero beside": _beside(lambda folder: (folder / "x.png").symlink_to("/dev/zero")),
    "a dangling link beside": _beside(lambda folder: (folder / "x.png").symlink_to("nowhere")),
    "a folder x.png": _beside(lambda folder: (folder / "x.png").mkdir()),
    "a link to itself": _beside(lambda folder: (folder / "x.png").symlink_to("x.png")),
    "hidden files": _beside(lambda folder: [(folder / name).touch() for name in HIDDEN]),
    "checkpoints of notebooks": _beside(lambda folder: shutil.copytree(folder, folder / ".ipynb_checkpoints")),
    "checkpoints among the classes": _among(".ipynb_checkpoints", Path.mkdir, "same"),
    "a name that is not UTF-8": _beside(lambda folder: (folder / os.fsdecode(b"\xff.png")).touch(), "refused"),
    "an image twice": _beside(lambda folder: shutil.copy(next(folder.glob("*.*")), folder / "twice.png"), "refused"),
    "a class folder elsewhere": _in("train/*/*.*[gG]", _link_class, "same"),
    "upper-case endings": _in("train/**/*.*[gG]", _rename(".PNG"), "same"),
    "a strange ending": _in("train/**/*.*[gG]", _rename(".dat")),
    "an empty class": _beside(lambda folder: [path.unlink() for path in folder.iterdir() if path.is_file()], "refused"),
    "a class lost": _in("train/*/*", lambda path, _: shutil.rmtree(path.parent)),
    "a class more": _among("zebra", Path.mkdir),
    "a link upwards among the classes": _among("zz", lambda path: path.symlink_to("..")),
    "a file for a split": _in_root(lambda root: [shutil.rmtree(root / "train"), (root / "train").touch()]),
    "nothing at all": _in_root(shutil.rmtree),
    "images one level up": _in_root(lambda root: [p.rename(p.parents[1] / p.name) for p in root.glob("*/*/*.*")]),
}


def _lines(pattern: str, change: Callable[[list[str]], list[str]], then: str = "refused") -> Damage:
    def changed(path: Path, _: random.Random) -> None:
        path.write_text("".join(change(path.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")

    return _in(pattern, changed, then)


def _named(name: str) -> Callable[[list[str]], list[str]]:
    """The first image of a list is called otherwise."""
    return lambda lines: [f"{name}\t" + lines[0].partition("\t")[2], *lines[1:]]


LISTS: dict[str, Damage] = {
    "CRLF": _in("val/*.txt", lambda path, _: path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n")), "same"),
    "an empty line": _lines("val/*.txt", lambda lines: [*lines, "\n"]),
    "a line twice": _lines("val/*.txt", lambda lines: [*lines, lines[0]]),
    "a line lost": _lines("val/*.txt", lambda lines: lines[1:]),
    "an image for another": _lines("val/*.txt", lambda lines: [lines[1], *lines[1:]], "refused"),
    "an image above": _lines("val/*.txt", _named("../../train/n00000001/images/n00000001_0.JPEG"), "refused"),
    "/dev/zero named": _lines("val/*.txt", _named("/dev/zero")),
    "/etc/passwd named": _lines("val/*.txt", _named("/etc/passwd")),
    "a class twice": _lines("wnids.txt", lambda lines: [*lines, lines[0]]),
    "a class of another name": _lines("wnids.txt", lambda lines: ["n00000009\n", *lines[1:]]),
    "Latin-1": _in("wnids.txt", lambda path, _: path.write_bytes(b"\xe9\n")),
}


# --- what can be wrong with parquet


def _rows(change: Callable[[list[dict[str, Any]]], object], then: str = "refused") -> Damage:
    def changed(path: Path, _: random.Random) -> None:
        rows = pyarrow.parquet.read_table(path).to_pylist()
        write_parquet(path, change(rows) or rows)

    return _in("train*.parquet", changed, then)


def _labels(change: Callable[[int], Any], then: str = "refused", kind: pyarrow.DataType | None = None) -> Damage:
    def changed(path: Path, _: random.Random) -> None:
        table = pyarrow.parquet.read_table(path)
        labels = pyarrow.array([change(label) for label in table["label"].to_pylist()], kind)
        place = table.schema.get_field_index("label")
        pyarrow.parquet.write_table(table.set_column(place, "label", labels), path)

    return _in("train*.parquet", changed, then)


def _more(name: str, make: Callable[[Path], object], then: str = "same") -> Damage:
    return _in("train*.parquet", lambda path, _: make(path.with_name(name)), then)


def _column(row: dict[str, Any]) -> str:
    return "img" if "img" in row else "image"


PARQUET: dict[str, Damage] = {
    "whole floats for labels": _labels(float, "same"),
    "halves for labels": _labels(lambda label: label + 0.5),
    "texts for labels": _labels(str),
    "truths for labels": _labels(bool),
    "labels of 8 bits": _labels(int, "same", pyarrow.uint8()),
    "labels above": _labels(lambda label: label + 1),
    "labels below": _labels(lambda label: label - 1),
    "labels missing": _labels(lambda label: label or None),
    "labels of 2**63": _labels(lambda label: label + 2**63, kind=pyarrow.uint64()),
    "labels not a number": _labels(lambda label: float("nan") if label else 0.0),
    "labels in lists": _labels(lambda label: [label]),
    "all of one class": _labels(lambda label: 0, "unknown"),  # of a part, where there are several files
    "no rows": _rows(lambda rows: rows[:0] or [{_column(rows[0]): rows[0][_column(rows[0])], "label": 0}]),
    "a row twice": _rows(lambda rows: rows.append(rows[0])),
    "bytes for images": _rows(lambda rows: [row | {_column(row): row[_column(row)]["bytes"]} for row in rows], "same"),
    "paths for images": _rows(lambda rows: [row | {_column(row): {"path": "x.png"}} for row in rows]),
    "an image missing": _rows(lambda rows: rows[0].update({_column(rows[0]): None})),
    "another column": _rows(lambda rows: [row | {"more": 1} for row in rows], "same"),
    "columns of other names": _rows(lambda rows: [{f"{key}_": value for key, value in row.items()} for row in rows]),
    "a file twice": _in("train*.parquet", _copied_to("train-9.parquet")),
    "a table of text": _in("train*.parquet", lambda path, _: path.write_text("img,label\n0,0\n")),
    "a pipe beside": _more("train-9.parquet", os.mkfifo),
    "/dev/zero beside": _more("train-9.parquet", lambda path: path.symlink_to("/dev/zero")),
    "a folder beside": _more("train-9.parquet", Path.mkdir),
}


# --- what can be wrong with records and archives


def _records(change: Callable[[bytearray], object], then: str = "refused") -> Damage:
    def changed(path: Path, _: random.Random) -> None:
        content = bytearray(path.read_bytes())
        path.write_bytes(change(content) or content)

    return _in("*/data_batch*.bin", changed, then)


def _swapped(first: str, second: str, then: str = "refused") -> Damage:
    def damage(source: Source, _: random.Random) -> Images | None:
        (a,), (b,) = source.files(first), source.files(second)
        a.rename(source.root / "between")
        b.rename(a)
        (source.root / "between").rename(b)
        return {"refused": REFUSED, "same": source.truth, "unknown": None}[then]

    return damage


RECORDS: dict[str, Damage] = {
    "a label above": _records(lambda content: content.__setitem__(0, 4)),
    "a label of 255": _records(lambda content: content.__setitem__(0, 255)),
    "another label": _records(lambda content: content.__setitem__(0, 3 - content[0]), "unknown"),
    "an empty batch": _records(lambda content: content.clear()),
    "a batch twice as long": _records(lambda content: content * 2),
    "a batch for another": _in("*/data_batch_1.bin", _copied_to("data_batch_2.bin"), "unknown"),
    "batches in another order": _swapped("*/data_batch_1.bin", "*/data_batch_3.bin", "same"),
    "the test for a batch": _swapped("*/data_batch_1.bin", "*/test_batch.bin"),
    "a class more": _in("*/batches.meta.txt", lambda path, _: path.write_text("a\nb\nc\nd\ne\n")),
    "names that are not UTF-8": _in("*/batches.meta.txt", lambda path, _: path.write_bytes(b"a\nb\nc\n\xff\n"), "same"),
}

DAMAGES: dict[str, dict[str, Damage]] = {
    "CIFAR-10, tree": TREE,
    "CIFAR-10, parquet": _of_files("*.parquet", "unknown") | PARQUET,
    "CIFAR-10, binary": _of_files("**/*.bin", "unknown") | RECORDS,
    "CIFAR-10, archive": {name: _packed(damage) for name, damage in _of_files("*.gz").items()},
    "CIFAR-10, batches": _of_files(f"{BATCHES}/*"),
    "Tiny ImageNet, tree": _of_files("**/*.txt", "unknown") | LISTS,
    "Tiny ImageNet, parquet": {"the splits swapped": _swapped("train*.parquet", "valid*.parquet")},
    "ImageNet, tree": TREE | {"an image cut": _in("**/*.JPEG", cut)},
    "ImageNet, parquet": PARQUET,
    "ImageNet, archives": _of_files("*.tar") | {"the splits swapped": _swapped("*train.tar", "*val.tar")},
}
