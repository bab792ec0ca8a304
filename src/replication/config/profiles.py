"""Profiles: how large the study is run. A profile says what differs from its base; `paper` is whole.

    base: paper
    threads: 1            # of each training on a CPU
    cifar:
      schedule: {iterations: 4000, drops: [2000, 3000]}
      variants:
        no-warmup: {why: "does ResNet-110 need its warm-up?", warmup: {from_depth: 1000000}}

A variant is a named override of the recipe, with a sentence that says what it is for; null removes one of the base.
A variant that is an experiment of the paper names its `section` of the paper.
"""

from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from replication.config.recipe import Data, Recipe
from replication.config.validation import merge, validate
from replication.errors import UserError
from replication.files import make_read_error, require_regular
from replication.tasks import TASKS, Task

DEFAULT = "default"  # the variant that is the profile's own recipe
NOT_PREPARED = Data(name="not prepared yet", pixels="", fingerprint="")


def named(net: str, variant: str) -> str:
    """How a net under a variant is written, in params.yaml and in tables: "resnet-110/no-warmup"."""
    return net if variant == DEFAULT else f"{net}/{variant}"


@dataclass(frozen=True)
class Profile:
    """A profile with its bases merged in: by task, the fields that all its nets share."""

    name: str
    path: Path
    sections: dict[str, dict[str, Any]]
    threads: int | None = None  # of each training on a CPU, as the last bits depend on it; None: the machine decides
    bases: tuple[str, ...] = ()  # whose fields it takes over, the nearest first

    def dataset(self, task: Task) -> str:
        """The data set of a task.

        Raises:
            UserError: it is no data set of the task.
        """
        section = task.images_folder
        dataset = self.sections[section].get("dataset")
        if dataset not in task.datasets:
            raise UserError(
                f"{self.path}: {section}.dataset: {dataset!r} is not {' or '.join(task.datasets)}.",
                kind="unknown",
                key=f"{section}.dataset",
                file=self.path,
            )
        return dataset

    def variants(self, task: Task) -> dict[str, dict[str, Any]]:
        """The variants of a task by name: `why`, the `section` of an experiment of the paper, and what differs."""
        return {name: changes for name, changes in self.sections[task.name].get("variants", {}).items() if changes}

    def recipe(
        self,
        task: Task,
        net: str,
        variant: str = DEFAULT,
        seed: int = 0,
        data: Data = NOT_PREPARED,
        override: dict[str, Any] | None = None,
    ) -> Recipe:
        """The recipe of one run; `override` is put over the variant's fields.

        Raises:
            UserError: the net or variant is unknown, or a field has a wrong value.
        """
        task.check_net(net)
        fields = {key: value for key, value in self.sections[task.name].items() if key not in ("dataset", "variants")}
        where = f"{self.path}, {task.name}"
        if variant != DEFAULT:
            if variant not in self.variants(task):
                known = ", ".join(self.variants(task)) or "none"
                raise UserError(
                    f"{where}: there is no variant {variant!r}. The profile's variants: {known}.",
                    kind="unknown",
                    key=f"{task.name}.variants",
                    file=self.path,
                )
            fields = merge(
                fields, {k: v for k, v in self.variants(task)[variant].items() if k not in ("why", "section")}
            )
            where += f".variants.{variant}"
        if override:
            fields = merge(fields, override)
            where += f" with {task.name}.override"
        run = {"task": task.name, "net": net, "variant": variant, "seed": seed, "data": data}
        return validate(task.recipe, fields | run, where, self.path)


def read_profile(folder: Path, name: str) -> Profile:
    """The profile `folder`/<name>.yaml.

    Raises:
        UserError: it or its base is missing, it names an unknown task, or a variant lacks its sentence.
    """
    path = folder / f"{name}.yaml"
    sections, bases = {}, [name]
    values = _read(path)
    while base := values.pop("base", None):
        sections = merge(values, sections)
        if base in bases or not (folder / f"{base}.yaml").exists():
            file = folder / f"{bases[-1]}.yaml"
            raise UserError(
                f"{file}: base: {base!r} is not another profile in {folder}; name one, such as paper.",
                kind="unknown",
                key="base",
                file=file,
            )
        bases.append(base)
        values = _read(folder / f"{base}.yaml")
    sections = merge(values, sections)
    threads = sections.pop("threads", None)
    for task in TASKS:
        if task not in sections:
            raise UserError(
                f"{path} and its bases have no section {task}; add it to {folder / bases[-1]}.yaml, or write "
                "`base: paper`.",
                kind="missing",
                key=task,
                file=path,
            )
    for task, section in sections.items():
        _check_variants(section.get("variants", {}), f"{task}.variants", path)
    return Profile(name, path, sections, threads, tuple(bases[1:]))


def _check_variants(variants: Any, key: str, path: Path) -> None:
    """Refuse variants without a sentence that says what they are for.

    Raises:
        UserError: names the variant.
    """

    def refuse(key: str, problem: str) -> NoReturn:
        raise UserError(f"{path}: {key}: {problem}.", kind="invalid", key=key, file=path)

    if not isinstance(variants, dict):
        refuse(key, f"{variants!r} is not a mapping of names to the fields that differ")
    for name, changes in variants.items():
        if changes is None:
            continue
        why = changes.get("why") if isinstance(changes, dict) else None
        if not (isinstance(why, str) and why.strip() and why.isprintable()):
            refuse(f"{key}.{name}", "needs `why`, one line of text, and the fields that differ")
        section = str(changes.get("section", "none"))
        if not (section.strip() and section.isprintable()):
            refuse(f"{key}.{name}.section", f"{section!r} is not a section such as 4.1; remove it")


def _read(path: Path) -> dict[str, Any]:
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise UserError(
            f"{path} is empty or not a mapping; restore it with `git checkout {path}`.", kind="damaged", file=path
        )
    threads = values.get("threads", 1)
    if type(threads) is not int or not 1 <= threads <= 1024:
        raise UserError(
            f"{path}: threads: expected a whole number of threads for each training, found {threads!r}.",
            key="threads",
            file=path,
        )
    for key, section in values.items():
        if key not in ("base", "threads") and (key not in TASKS or not isinstance(section, dict)):
            raise UserError(
                f"{path}: {key}: expected `base`, `threads` or the section of a task ({', '.join(TASKS)}).",
                kind="invalid" if key in TASKS else "unknown",
                key=str(key),
                file=path,
            )
    return values


def read_yaml(path: Path) -> Any:
    """YAML 1.2, in which DVC's 1e-4 is a number.

    Raises:
        UserError: it is missing, or not YAML.
    """
    try:
        return deepcopy(_parse(require_regular(path).read_text(encoding="utf-8")))
    except OSError as error:
        message = f"{path} is not a file; run from the project's root, or restore it with `git checkout {path}`."
        raise make_read_error(path, error, message) from error
    except (YAMLError, ValueError, RecursionError) as error:  # a date that is none, say; or a thousand brackets
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}.", kind="damaged", file=path) from error


@lru_cache(maxsize=64)  # the page reads the paper's profile 25 times
def _parse(text: str) -> Any:
    return YAML(typ="safe").load(text)
