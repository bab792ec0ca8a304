"""Studies, as the page and the claims read them: a folder of results, and columns computed from its recipes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from replication.config.profiles import DEFAULT, Profile, read_profile
from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.nets.names import depth_of
from replication.paper import published_spread
from replication.results import schema
from replication.results.fidelity import RANK, Difference, differences, fidelity, find_override, find_paper_recipe
from replication.results.labels import setup_name
from replication.results.schema import JOINED
from replication.results.tables import (
    CURVES,
    GRADIENTS,
    OPTIONAL,
    PRECISION,
    RECIPES,
    RESPONSES,
    RUNS,
    SCORES,
    TABLES,
    TableRow,
    read_reruns,
    read_tables,
    suggest_restore,
)
from replication.runs.curve import ERROR, TRAIN
from replication.tasks import Task
from replication.verdicts import rule

Number = tuple[str, str]  # protocol and metric of scores.csv


def no_layers() -> pd.DataFrame:
    """An empty table of responses or gradients."""
    return pd.DataFrame(columns=schema.columns(schema.LayerRow))


@dataclass(frozen=True, eq=False)
class Study:
    """The results of one task under one profile; `label` names the override or the pixels, if they are not its own.

    `runs` has one row per run, as in runs.csv with what follows from its recipe (layers, fidelity, dataset, pixels,
    iterations, batch_size); `scores` one row per number; `curves` one row per point; `responses` and `gradients`, where
    they were measured, one row per layer; `precision` one row per point of a precision-recall curve. `paper` is the
    paper's profile.
    """

    task: Task
    profile: str
    label: str
    paper: Profile
    recipes: dict[str, Recipe]
    runs: pd.DataFrame
    scores: pd.DataFrame
    curves: pd.DataFrame
    responses: pd.DataFrame = field(default_factory=no_layers)
    gradients: pd.DataFrame = field(default_factory=no_layers)
    precision: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=schema.columns(schema.PrecisionRow)))
    reruns: Sequence[TableRow] = ()  # of others; in none of the tables above

    @cached_property  # a page asks some thousand times
    def name(self) -> str:
        """Its setup as on the page: "CIFAR-10, 1/16 schedule, 3 seeds"."""
        recipe, seeds = self.recipes[self.default["recipe"].iloc[0]], self.default.groupby("net").size()
        return setup_name(recipe, self.paper_recipe, self.label, seeds.tolist())

    @property
    def folder(self) -> str:
        """Below results/."""
        return "/".join(filter(None, (self.profile, self.task.name, self.label)))

    @cached_property
    def default(self) -> pd.DataFrame:
        """Runs of the default variant, which tables and claims use; all runs if there are none."""
        runs = self.runs[self.runs["variant"] == DEFAULT]
        return self.runs if runs.empty else runs

    @property
    def nets(self) -> list[str]:
        """Nets that were run, each once, in the order of the tables."""
        return list(dict.fromkeys(self.runs.loc[self.runs["variant"] == DEFAULT, "net"]))

    @property
    def fidelity(self) -> str:
        """The fidelity of its best run."""
        return min(self.default["fidelity"], key=RANK.__getitem__)

    @property
    def dataset(self) -> str:
        return str(self.default["dataset"].iloc[0])

    @property
    def pixels(self) -> str:
        return str(self.default["pixels"].iloc[0])

    @property
    def iterations(self) -> int:
        return int(self.default["iterations"].max())

    @property
    def share(self) -> float:
        """The length of its schedule as a share of the paper's."""
        return self.iterations / self.paper_recipe.schedule.iterations

    @property
    def has_paper_data(self) -> bool:
        return self.fidelity != "proxy"

    @property
    def drops(self) -> tuple[float, ...]:
        """Where the learning rate drops, as shares of the schedule."""
        first = self.default.iloc[0]
        return tuple(drop / first["iterations"] for drop in first["dropped_at"])

    @cached_property
    def paper_recipe(self) -> Recipe:
        """The paper's recipe of the first run's net."""
        return find_paper_recipe(self.recipes[self.default["recipe"].iloc[0]], self.task, self.paper)

    def runs_named(self, name: str) -> pd.DataFrame:
        """Runs of a net, or of a net under a variant, "resnet-110/no-warmup"."""
        return self.runs_of(*_parts(name))

    def has(self, name: str) -> bool:
        """Whether a net, or a net under a variant, was run."""
        return not self.runs_named(name).empty

    def fidelity_of(self, names: Sequence[str]) -> str:
        """The worst fidelity among the runs of some nets; that of the study if none of them was run."""
        used = [fidelity for name in names for fidelity in self.runs_named(name)["fidelity"]]
        return max(used, key=RANK.__getitem__) if used else self.fidelity

    def sample(self, name: str, protocol: str, metric: str) -> rule.Sample | None:
        """The errors of all seeds of a net, or of a net under a variant; None if there are none.

        Runs of the paper's own recipe and data get the spread that others published for it, if there is one.
        """
        net, variant = _parts(name)
        errors, spread = self.errors(net, protocol, metric, variant), published_spread(self.task.name, protocol, metric)
        return self._sample(net, variant, errors, protocol, ("scores", net, variant, protocol, metric), spread)

    def sample_differences(
        self, name: str, first: Number, second: Number, lone_errors: Sequence[Number]
    ) -> rule.Sample | None:
        """By how many points the first of two errors of a net, or of a net under a variant, exceeds the second, a value
        a seed; None: not measured.

        Args:
            first, second: protocol and metric.
            lone_errors: protocol and metric of the percent of images that the first alone, and that the second alone,
                gets wrong. The variance of a value is at least that over images. It follows from these, or from the
                two errors where these were not measured.
        """
        net, variant = _parts(name)
        errors = [self.errors(net, *number, variant) for number in (first, second)]
        if any(values.empty for values in errors):
            return None
        counted = [self.errors(net, *number, variant) for number in lone_errors]
        has_counted = counted and not any(values.empty for values in counted)
        a, b = (float(values.mean()) for values in (counted if has_counted else errors))
        least = max(100 * (a + b) - (a - b) ** 2, 100.0) / self.images(net, second[0], variant)  # never quite none
        source = ("difference", net, variant, *first, *second)
        return rule.Sample((errors[0] - errors[1]).sort_index().to_numpy(float), least, source=source)

    def sample_at(self, name: str, iteration: int) -> rule.Sample | None:
        """The errors of all seeds on the test images at a point of the curves; None if there is no such point."""
        net, variant = _parts(name)
        curve = self.curve(net, "test", variant)
        values, source = curve.loc[curve["iteration"] == iteration, "value"], ("curves", net, variant, iteration)
        return self._sample(net, variant, values, self.task.headline, source)

    def first_test_from(self, names: Sequence[str], share: float) -> int:
        """The first iteration, from a share of the schedule on, with a test error of one of the nets; 0: none."""
        curves = [self.curve(net, "test", variant) for net, variant in map(_parts, names)]
        iterations = (int(iteration) for curve in curves for iteration in curve["iteration"])
        return min((iteration for iteration in iterations if iteration >= share * self.iterations), default=0)

    def iterations_until(self, name: str, error: float) -> rule.Sample | None:
        """The first point of each seed's curve with a training error below `error` percent, its end if there is none.

        Their variance is at least that of rounding to the points of the curve.
        """
        net, variant = _parts(name)
        curve = self.curve(net, "train", variant)
        if curve.empty:
            return None
        below = curve["iteration"].where(curve["value"] < error, self.iterations)
        step = self.iterations / curve.groupby("seed").size().max()
        source = ("below", net, variant, error, self.iterations)
        return rule.Sample(below.groupby(curve["seed"]).min().to_numpy(float), step**2 / 12, source=source)

    def sample_of_layers(
        self, table: pd.DataFrame, name: str, sums_up: Callable[[pd.DataFrame], float]
    ) -> rule.Sample | None:
        """One number per seed from a table with one row per layer, `responses` or `gradients`; None if it has no rows.

        Its variance is at least that of rounding to four places.
        """
        net, variant = _parts(name)
        rows = table[(table["net"] == net) & (table["variant"] == variant)]
        if rows.empty:
            return None
        learned = not (self.runs_of(net, variant)["status"] == "chance").any()
        values = [float(sums_up(of_seed)) for _, of_seed in rows.groupby("seed")]
        return rule.Sample(np.array(values), 1e-8 / 12, learned, source=(net, variant))

    def _sample(
        self, net: str, variant: str, errors: pd.Series, protocol: str, source: tuple[Any, ...],
        published: Sequence[tuple[float, int]] = (),
    ) -> rule.Sample | None:  # fmt: skip
        if errors.empty:
            return None
        runs = self.runs_of(net, variant)
        exact = published and set(runs["fidelity"]) == {"exact"}
        learned = not (runs["status"] == "chance").any()
        spread = rule.pooled(published) if exact else None
        sample = rule.of_errors(errors, self.images(net, protocol, variant), learned, spread)
        return replace(sample, source=source)

    def runs_of(self, net: str, variant: str = DEFAULT) -> pd.DataFrame:
        """Runs of a net, or of all nets of an ensemble "a + b"."""
        nets = dict.fromkeys(net.split(JOINED))  # an ensemble of seeds has its net several times
        return self.runs.iloc[sorted(at for member in nets for at in self._run_places.get((member, variant), ()))]

    def errors(self, net: str, protocol: str, metric: str, variant: str = DEFAULT) -> pd.Series:
        """A net's scores by a protocol, in percent, one value a seed; empty if there are none."""
        rows = self._scores(net, protocol, variant)
        return rows.loc[rows["metric"] == metric].set_index("seed")["value"]

    def ensemble_of(self, net: str, variant: str = DEFAULT) -> str | None:
        """The name of the largest ensemble of seeds of a net, "net + net + …"; None if there is none."""
        names = {name for name in self.scores.loc[self.scores["variant"] == variant, "net"] if JOINED in name}
        return max((name for name in names if set(name.split(JOINED)) == {net}), key=len, default=None)

    def curve(self, net: str, split: str, variant: str = DEFAULT) -> pd.DataFrame:
        """Points of a net's error on a split, "train" or "test": seed, iteration, value in percent."""
        metric = ERROR if split == TRAIN else self.task.curve_metric.name
        return self.curves.iloc[self._curve_places.get((net, split, metric, variant), [])]

    def images(self, net: str, protocol: str, variant: str = DEFAULT) -> int:
        """Images behind one value of a protocol; 0 if there is none."""
        rows = self._scores(net, protocol, variant)
        return 0 if rows.empty else int(rows["images"].iloc[0])

    def differences(self, recipe: str) -> list[Difference]:
        """The differences of a recipe of the study, by its hash, from the paper's."""
        return differences(self.recipes[recipe], find_paper_recipe(self.recipes[recipe], self.task, self.paper))

    @cached_property
    def override(self) -> dict[str, Any]:
        """The fields in which it differs from its profile, "schedule.iterations" say; {} if that is unknown."""
        recipe = self.recipes[self.default["recipe"].iloc[0]]
        try:
            return find_override(recipe, read_profile(self.paper.path.parent, self.profile))
        except UserError:  # the profile has changed since, or is gone
            return {}

    def _scores(self, net: str, protocol: str, variant: str) -> pd.DataFrame:
        return self.scores.iloc[self._score_places.get((net, protocol, variant), [])]

    # The positions of a net's rows in a table: a page looks up some thousand of them.
    @cached_property
    def _run_places(self) -> dict[tuple[str, ...], Any]:
        return self.runs.groupby(["net", "variant"]).indices

    @cached_property
    def _score_places(self) -> dict[tuple[str, ...], Any]:
        return self.scores.groupby(["net", "protocol", "variant"]).indices

    @cached_property
    def _curve_places(self) -> dict[tuple[str, ...], Any]:
        return self.curves.groupby(["net", "split", "metric", "variant"]).indices


def _parts(name: str) -> tuple[str, str]:
    net, _, variant = name.partition("/")
    return net, variant or DEFAULT


def read_studies(results: Path, task: Task, paper: Profile, needed: bool = True) -> list[Study]:
    """All committed studies of a task, the one nearest to the paper first.

    By fidelity, then data set, then length; of equals, a profile's own before those with a label. One of nets of a
    single depth comes after all that compare depths.

    Args:
        results: folder with <profile>/<task>/, and <profile>/<task>/<label>/, of each study.
        needed: there must be one.

    Raises:
        UserError: there is none, though it is needed, or a table is damaged.
    """
    # By any of its files: a study that lost one is an error, not left out.
    places = (f"*/{task.name}/{below}{name}" for below in ("", "*/") for name in (RECIPES, *TABLES))
    folders = sorted({path.parent for place in places for path in results.glob(place)})
    if not folders and needed:
        raise UserError(
            f"{results} has no study of the task {task.name}; make one with `dvc repro tabulate@{task.name}`.",
            kind="missing",
            file=results,
        )
    studies = [read_study(folder, results, task, paper) for folder in folders]
    return sorted(studies, key=_nearness)


def read_study(folder: Path, results: Path, task: Task, paper: Profile) -> Study:
    """The study in `results`/<profile>/<task>/ or a folder in it.

    Raises:
        UserError: a table is missing or damaged.
    """
    profile, _, *label = folder.relative_to(results).parts
    recipes, tables = read_tables(folder, task)
    if strange := {recipe.data.name for recipe in recipes.values()}.difference(task.datasets):
        choices, name = " or ".join(task.datasets), min(strange)
        raise UserError(
            f"{folder / RECIPES}: data.name is {name!r}, not {choices}; {suggest_restore(folder)}.",
            kind="damaged",
            key="data.name",
            file=folder / RECIPES,
        )
    runs, *others = (
        pd.DataFrame(tables[name], columns=schema.columns((TABLES | OPTIONAL)[name]))
        for name in (RUNS, SCORES, CURVES, RESPONSES, GRADIENTS, PRECISION)
    )
    table = add_recipe_columns(runs, recipes, task, paper)
    return Study(task, profile, "/".join(label), paper, recipes, table, *others, read_reruns(folder, task))


def add_recipe_columns(runs: pd.DataFrame, recipes: dict[str, Recipe], task: Task, paper: Profile) -> pd.DataFrame:
    """Rows of runs.csv with columns that follow from their recipes."""
    of_run = [recipes[key] for key in runs["recipe"]]
    # pandas reads None among texts as a missing number, which is neither false nor a text.
    texts = {column: runs[column].fillna("") for column in ("mlflow_run_id", "threads") if column in runs}
    return runs.assign(
        **texts,
        layers=[depth_of(recipe.net) for recipe in of_run],
        fidelity=[fidelity(recipe, find_paper_recipe(recipe, task, paper)) for recipe in of_run],
        dataset=[recipe.data.name for recipe in of_run],
        pixels=[recipe.data.pixels for recipe in of_run],
        iterations=[recipe.schedule.iterations for recipe in of_run],
        batch_size=[recipe.schedule.batch_size for recipe in of_run],
    )


def _nearness(study: Study) -> tuple[Any, ...]:
    nearest = max(study.task.datasets.index(name) for name in set(study.runs["dataset"]))
    of_one_depth = study.runs["layers"].nunique() < 2  # it does not compare depths, which the paper is about
    return (of_one_depth, RANK[study.fidelity], -nearest, bool(study.label), -study.iterations, study.name)
