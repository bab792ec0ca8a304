"""Mutations: a random key of params.yaml or of a profile set to a random bad or odd value, and then the stage `check`.

What it accepts must be legal by a second opinion (`legal.py`), and the recipes that it writes must say what was meant.
Each fiftieth is tried in an interpreter of its own, as a user starts the stage.
"""

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from conftest import PROJECT
from ruamel.yaml import YAML

from drills import legal
from drills.project import Ended, copy, run
from drills.runner import Silent, Trial
from replication.errors import UserError

PARAMS = "params.yaml"
FILES = [PARAMS, "pipeline/profiles/quick.yaml", "pipeline/profiles/paper.yaml"]  # quick's base is paper
RUN = {
    "cifar": {"nets": ["plain-20", "resnet-20", "resnet-110/no-warmup"], "seeds": [0, 1]},
    "imagenet": {"nets": ["plain-18", "resnet-18-A"], "ensembles": [["plain-18", "resnet-18-A"]]},
    "localization": {"nets": ["resnet-18-A"]},
    "rcnn": {"nets": ["resnet-18-A"]},
    "detection": {"nets": ["resnet-18-A"]},
}
HERE = "VALUE-HERE"  # of a value that is put in as text: YAML itself is a part of what is tried
# As they are typed.
ODD = [
    *("", "~", "true", "no", "yes", '"yes"', "0", "-1", "1", "2", "3", "8", "1.5", "0.1", "1e-4", "-0.0", "1e3", "+5"),
    *("1e20", "1e30", "1e400", ".inf", "-.inf", ".nan", "nan", "100000000000000000000", "600000000000000000002"),
    *("9" * 5000, '"5"', "0x10", "1_000", "017", "2024-02-28", "2024-02-30", "1:30", "!!int x", "!!float x"),
    *("[]", "{}", "[1, 2]", "[0.1]", "[.nan]", "[true]", "[[1]]", "[2, 1]", "[1, 1]", "{a: 1}", "!!set {a}", "*a"),
    *("&a [*a]", '""', '" "', '"\\uD800"', '"\\0"', '"a\\nb"', "../..", "a/b", "<b>x</b>", "é", "@", "? x"),
    *("!!python/name:os.system", "!!binary aGk=", "plain-20", "resnet-20", "resnet-50", "resnet-21", "vgg-16"),
    *("[plain-20]", "[resnet-20, resnet-20]", "[resnet-20/no-warmup]", "cifar10", "digits", "quick", "paper", "cpu"),
    *("folder", "fp32", "FP32", "cuda", "stride", "all", "32", "64", "4096", "auto", "resnet-20/", "/no-warmup"),
    *("resnet-20/no-warmup", "resnet-20/default", "resnet-20/a/b", "resnet-34-A/rcnn", "[resnet-18-A]"),
    *("{backbone: imagenet}", "{backbone: ~}"),
]  # fmt: skip
NO_FIELDS = [
    *("task", "net", "variant", "seed", "data", "dataset", "variants", "base", "why", "profile", "schedule.iteration"),
]
PAIRS = [  # overrides whose parts are legal, and some of which are not together
    "{optimiser: {nesterov: true, momentum: 0}}",
    "{optimiser: {nesterov: true}}",
    "{schedule: {drops: [], plateau: {window: 5000, points: 0.1, most: 3}}}",
    "{schedule: {plateau: {window: 5000, points: 0.1, most: 3}}}",
    "{schedule: {drops: [], plateau: {window: 5000, points: 0.1}}}",
    "{bn_group: 1, input_size: 32}",
    "{bn_group: 1}",
    "{schedule: {batch_size: 100}}",
    "{logging: {log_every: 3}}",
    "{warmup: ~}",
    "{test: {scales: [37]}}",
    "{regions: {proposals: 5, positive: 0.5, positive_from: 0.5}}",
    "{regions: {proposals: 5}}",
    "{regions: ~}",
    "{starts: {backbone: ~}}",
    "{starts: {backbone: localization}}",
    "{starts: {proposals: localization}}",
    "{input_size: 4, augmentation: {pad: 4}}",
    "{input_size: 4, augmentation: {pad: 5}}",
]

Document = dict[str, Any]


def trials(dice: random.Random, shared: Path) -> Iterator[Trial]:
    """1,000, of all kinds in turn."""
    template = _template(shared / "template")
    kinds = [_value, _value, _override, _value, _unknown, _value, _override, _lost, _value, _twice, _value, _text]
    texts = {name: (template / name).read_text() for name in FILES}
    for number in range(1000):
        name, path, changed = kinds[number % len(kinds)](dice, dice.choice(FILES), texts)
        new = number % 50 == 49
        words = f"{name} in an interpreter of its own" if new else name
        keys = [str(key) for key in path if not isinstance(key, int)][-2:]
        yield Trial(words, partial(_checked, template, changed, keys, new), names=(PARAMS, "pipeline/profiles/"))


Keys = tuple[Any, ...]  # of keys and of places in lists
Mutation = tuple[str, Keys, dict[str, bytes]]  # in words; where, if its refusal must say so; files and new contents


def _value(dice: random.Random, file: str, texts: dict[str, str]) -> Mutation:
    document = _load(texts[file])
    *above, key = dice.choice(_paths(document))
    odd = dice.choice(ODD)
    _at(document, above)[key] = HERE
    return f"{file}: {_dotted(above, key)}: {odd[:40]}", (*above, key), _dump(file, document, odd)


def _override(dice: random.Random, _: str, texts: dict[str, str]) -> Mutation:
    document, task, odd = _load(texts[PARAMS]), dice.choice(list(legal.TASKS)), dice.choice(ODD)
    fields = [*legal.COMMON, *legal.OWN[task], *legal.PLATEAU, *NO_FIELDS]
    path = dice.choice(fields).split(".")
    if dice.random() < 0.15:
        path, odd = [], dice.choice(PAIRS)
    _at(document, [task])["override"] = _nested(path, HERE)
    return f"{task}.override.{'.'.join(path)}: {odd[:40]}", tuple(path), _dump(PARAMS, document, odd)


def _unknown(dice: random.Random, file: str, texts: dict[str, str]) -> Mutation:
    """A key that is there, with a letter left out."""
    document = _load(texts[file])
    *above, key = dice.choice([path for path in _paths(document) if isinstance(path[-1], str) and len(path[-1]) > 3])
    place = dice.randrange(len(key))
    slip = key[:place] + key[place + 1 :]
    section = _at(document, above)
    section[slip] = deepcopy(section[key]) if dice.random() < 0.5 else section.pop(key)
    return f"{file}: {_dotted(above, key)} as {slip}", (), _dump(file, document)


def _lost(dice: random.Random, file: str, texts: dict[str, str]) -> Mutation:
    document = _load(texts[file])
    *above, key = dice.choice(_paths(document))
    del _at(document, above)[key]
    return f"{file}: {_dotted(above, key)} is lost", (), _dump(file, document)


def _twice(dice: random.Random, file: str, texts: dict[str, str]) -> Mutation:
    """A line, a key or an entry of a list, a second time."""
    lines = texts[file].splitlines()
    place = dice.choice([i for i, line in enumerate(lines) if re.match(r" *(- |[\w-]+:)", line)])
    lines.insert(dice.choice([place, place + 1]), lines[place])
    return f"{file}: line {place + 1} stands there twice", (), {file: "\n".join([*lines, ""]).encode()}


def _text(dice: random.Random, file: str, texts: dict[str, str]) -> Mutation:
    """The file as an editor, a merge or a bad disk leaves it."""
    text = texts[file]
    place = dice.randrange(len(text))
    ways: dict[str, bytes] = {
        "CRLF": text.replace("\n", "\r\n").encode(),
        "BOM": text.encode("utf-8-sig"),
        "UTF-16": text.encode("utf-16"),
        "latin-1": (text + "# \xe9\n").encode("latin-1"),
        "tabs": re.sub("^  ", "\t", text, flags=re.MULTILINE).encode(),
        "a NUL": f"{text[:place]}\0{text[place:]}".encode(),
        "its end lost": text[:place].encode(),
        "its beginning lost": text[place:].encode(),
        "a character lost": (text[:place] + text[place + 1 :]).encode(),
        "a conflict": f"<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n".encode(),
        "two documents": f"{text}---\n{text}".encode(),
        "brackets": ("[" * 3000).encode(),
        "zeros": bytes(len(text)),
        "nothing": b"",
        "a list": b"- 1\n",
    }
    way = dice.choice(list(ways))
    return f"{file}: {way}, {place}", (), {file: ways[way]}


def _template(folder: Path) -> Path:
    shutil.copytree(PROJECT / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    params = legal.merged(_load((PROJECT / PARAMS).read_text()), RUN)
    (folder / PARAMS).write_bytes(_dump(PARAMS, params)[PARAMS])
    profile = _load((folder / FILES[1]).read_text()) | {"threads": 1}
    (folder / FILES[1]).write_bytes(_dump(FILES[1], profile)[FILES[1]])
    (folder / "src").symlink_to(PROJECT / "src")
    return folder


def _checked(template: Path, changed: dict[str, bytes], keys: list[str], new: bool, folder: Path) -> None:
    """Run `check` on the changed files, and compare what it made of them with the second opinion."""
    project = copy(template, folder / "project")
    for name, content in changed.items():
        (project / name).write_bytes(content)
    ended = _in_an_interpreter(project) if new else run(project, "check", first=_hash_no_code)
    try:
        wanted, threads = legal.meant(project)
    except legal.Illegal as illegal:
        if ended.code == 0:
            raise Silent(f"accepted, though {illegal} must not be") from None
        _with_key(ended, keys)
    try:
        ended.check()
    except UserError as error:
        raise RuntimeError(f"refused, though it is legal: {error}") from error
    for task, runs in wanted.items():
        folder = project / "recipes" / task / "runs"
        made = {path: json.loads(path.read_text()) for path in sorted(folder.rglob("seed-*.json"))}
        found = {
            path.relative_to(folder).with_suffix("").as_posix(): dict(legal.flat(recipe))
            for path, recipe in made.items()
        }
        listed = json.loads((folder / "list.json").read_text())
        if sorted(f"{name}/seed-{seed}" for name, seed in listed["runs"]) != sorted(runs):
            raise Silent(f"other runs of {task} are listed than meant: {listed['runs']}")
        if listed["threads"] != threads:
            raise Silent(f"{listed['threads']} threads are listed; meant were {threads}")
        if found.keys() != runs.keys():
            raise Silent(f"the runs of {task} are {', '.join(found)}; meant were {', '.join(runs)}")
        for name, fields in runs.items():
            given = dict(legal.flat({key: value for key, value in fields.items() if value not in (None, {})}))
            if found[name] != given:
                differing = {key for key in found[name] | given if found[name].get(key) != given.get(key)}
                raise Silent(f"{task}, {name}: other than meant: {differing}")


def _hash_no_code() -> None:
    """It is no part of what is tried, and takes half a second."""
    from pipeline import code

    code.write_digests = Path.mkdir


def _with_key(ended: Ended, keys: list[str]) -> None:
    """Raise what a refusal said; it has the key that was changed, or the one above."""
    try:
        ended.check()
    except UserError as error:
        if keys and "is not YAML" not in str(error) and not any(key in str(error) for key in keys):
            raise RuntimeError(f"{'.'.join(keys)} is not named: {error}") from error
        raise


def _in_an_interpreter(project: Path) -> Ended:
    done = subprocess.run([sys.executable, "-m", "pipeline.check"], cwd=project, capture_output=True, text=True)
    return Ended(done.returncode, done.stderr)


def _load(text: str) -> Document:
    return YAML(typ="safe").load(text)


def _dump(file: str, document: Document, odd: str = "") -> dict[str, bytes]:
    yaml, text = YAML(typ="safe"), StringIO()
    yaml.default_flow_style = False
    yaml.dump(document, text)
    return {file: text.getvalue().replace(HERE, odd).encode()}


def _paths(values: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all that stands in a document, sections and entries of lists too."""
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    return [path for key, value in pairs for path in ((*above, key), *_paths(value, (*above, key)))]


def _at(document: Any, path: Iterator[Any]) -> Any:
    for key in path:
        document = document[key]
    return document


def _nested(path: list[str], value: Any) -> Any:
    return {path[0]: _nested(path[1:], value)} if path else value


def _dotted(above: list[Any], key: Any) -> str:
    return ".".join(map(str, (*above, key)))
