"""The model card of a study: README.md, made from its tables alone. Needs neither torch nor pandas."""

import io
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ruamel.yaml import YAML

from replication.config.profiles import named, read_profile
from replication.config.recipe import Recipe
from replication.data.sources import DATASETS
from replication.errors import UserError
from replication.files import write_durably
from replication.results.commands import command_of
from replication.results.fidelity import RANK, differences, fidelity, find_override, find_paper_recipe
from replication.results.labels import describe_label
from replication.results.schema import JOINED, TRAINING
from replication.results.tables import RUNS, SCORES, TableRow, read_tables
from replication.tasks import Task

CARD = "README.md"
NEARNESS = {
    "exact": "The paper's own experiment, by its recipe and on its images.",
    "reduced": "**Not the paper's experiment**: the paper's images, but another recipe.",
    "proxy": "**Not the paper's experiment, but a stand-in for it**: other images than the paper's.",
}


def write_card(folder: Path, results: Path, task: Task, profiles: Path) -> None:
    """Write the card of the study in `folder`, below `results`. Equal tables give equal bytes.

    Raises:
        UserError: a table is damaged, or the card cannot be written.
    """
    write_durably(folder / CARD, card(folder, results, task, profiles).encode())


def card(folder: Path, results: Path, task: Task, profiles: Path) -> str:
    """The text of a card, in Markdown: what the nets are, their errors, how to load them, and what makes them.

    Raises:
        UserError: a table is damaged.
    """
    recipes, tables = read_tables(folder, task)
    profile, _, *label = folder.relative_to(results).parts
    runs, paper = tables[RUNS], read_profile(profiles, "paper")
    of_runs = [recipes[row["recipe"]] for row in runs]
    pairs = [(recipe, find_paper_recipe(recipe, task, paper)) for recipe in of_runs]
    first, data = of_runs[0], of_runs[0].data
    nearness = sorted({fidelity(*pair) for pair in pairs}, key=RANK.__getitem__)
    names = list(dict.fromkeys(named(recipe.net, recipe.variant) for recipe in of_runs))
    try:
        override = find_override(first, read_profile(profiles, profile))
    except UserError:  # the profile has changed since, or is gone
        override = {}
    again = command_of(task, profile, names, sorted({recipe.seed for recipe in of_runs}), override)
    up, minutes = "../" * (2 + len(label)), sum(row["seconds"] for row in runs) / 60
    machines = "; ".join(sorted({row["machine"] for row in runs}))
    parts = [
        [f"# Nets of section {task.section}: {', '.join([profile, *describe_label('/'.join(label), data.pixels)])}"],
        [
            f"Made by the stage `tabulate` from the tables beside it ([their columns]({up}README.md)). Errors are "
            "those of the last iteration: the test set selects nothing."
        ],
        [f"{NEARNESS[kind]} Fidelity: {kind}." for kind in nearness],
        _facts(of_runs),
        _differences(pairs),
        ["## Errors"],
        ["In percent; mean ± standard deviation over the seeds, where there are several."],
        _errors(tables[SCORES], task),
        ["## Runs"],
        _runs(runs, task),
        ["## Weights"],
        [
            "They are not in git. This makes them again, and DVC keeps them; these runs took "
            f"{minutes:,.0f} minutes of training on {machines}."
        ],
        ["```sh", again, "```"],
        _loading(task, first),
    ]
    text = "\n\n".join("\n".join(lines) for lines in parts if lines)
    return f"{_front_matter(tables[SCORES], task, first)}{text}\n"


def _front_matter(rows: Sequence[TableRow], task: Task, recipe: Recipe) -> str:
    """The head of the card for machines: a model-index with data set, metric and value of each net."""
    dataset, words = DATASETS.get(recipe.data.name), task.protocol(task.headline).label
    about = {"name": dataset.name if dataset else recipe.data.name, "type": recipe.data.name, "split": "test"}
    values: dict[str, list[float]] = {}
    for row in rows:
        is_headline = (row["protocol"], row["metric"]) == (task.headline, task.metric.name)
        if is_headline and JOINED not in row["net"]:
            values.setdefault(named(row["net"], row["variant"]), []).append(row["value"])
    index = []
    for name, of_net in values.items():
        std = f", std {stdev(of_net):.2f}" if len(of_net) > 1 else ""
        metric = {"type": task.metric.name, "value": round(mean(of_net), 2)}
        metric["name"] = f"{task.metric.label} in percent, {words}, mean of n = {len(of_net)}{std}"
        kind = "object-detection" if task.has_own_net else "image-classification"
        index.append({"name": name, "results": [{"task": {"type": kind}, "dataset": about, "metrics": [metric]}]})
    head: dict[str, Any] = {"license": "mit", "tags": [task.name, "replication"], "model-index": index}
    yaml, text = YAML(), io.StringIO()
    yaml.representer.ignore_aliases = lambda _: True  # no anchors
    yaml.width = 1000
    yaml.dump(head, text)
    return f"---\n{text.getvalue()}---\n\n"


def _facts(recipes: Sequence[Recipe]) -> list[str]:
    recipe, data = recipes[0], recipes[0].data
    dataset, side = DATASETS.get(data.name), recipe.input_size
    lengths = sorted({recipe.schedule.iterations for recipe in recipes})
    return [
        f"* Data: {f'{dataset.name}, {dataset.classes} classes' if dataset else data.name}. Pixels: {data.pixels}; "
        f"sha256 of pixels and labels `{data.fingerprint}…`.",
        f"* Input: RGB, {side}x{side} pixels.",
        f"* Training: {' or '.join(f'{length:,}' for length in lengths)} iterations of {recipe.schedule.batch_size} "
        f"images, in {recipe.precision}.",
    ]


def _differences(pairs: Sequence[tuple[Recipe, Recipe]]) -> list[str]:
    """The differences from the paper, each value once."""
    lines: dict[str, None] = {}
    for pair in pairs:
        for difference in differences(*pair):
            source = "our reading of the paper" if difference.section == "not said" else "the paper"
            lines[f"* {difference.what}: {_value(difference.here)}; {source}: {_value(difference.paper)}"] = None
    return ["What differs from the paper:", "", *lines] if lines else []


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:,}" if isinstance(value, int) else str(value)


def _errors(rows: Sequence[TableRow], task: Task) -> list[str]:
    """A row a number; an ensemble of seeds has its net once, with how many they are."""
    values: dict[tuple[str, str, str], list[TableRow]] = {}
    for row in rows:
        values.setdefault((row["net"], row["variant"], row["protocol"], row["metric"]), []).append(row)
    lines = ["| net | protocol | metric | % | n | images |", "|---|---|---|---|---|---|"]
    for (net, variant, protocol, metric), group in values.items():
        members = net.split(JOINED)
        name = named(net if len(set(members)) == len(members) else members[0], variant)
        name += f", {len(members)} seeds together" if len(set(members)) < len(members) else ""
        errors = [row["value"] for row in group]
        spread = f" ± {stdev(errors):.2f}" if len(errors) > 1 else ""
        words = "training, its end", "training error"
        if protocol != TRAINING:
            tested = task.protocol(protocol)
            words = tested.label, next(choice.label for choice in tested.metrics if choice.name == metric)
        cells = name, *words, f"{mean(errors):.2f}{spread}", str(len(errors)), f"{group[0]['images']:,}"
        lines.append(_row(cells))
    return lines


def _runs(rows: Sequence[TableRow], task: Task) -> list[str]:
    lines = ["| net | seed | recipe | parameters | multiply-adds | ended | commit |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        ended = "better than chance" if row["status"] == "trained" else "no better than chance"
        if not task.has_chance_level:
            ended = "n/a: classes too imbalanced for a chance level"
        counts = str(row["seed"]), f"`{row['recipe']}`", f"{row['parameters']:,}", f"{row['macs'] / 1e6:,.1f} M"
        lines.append(_row((named(row["net"], row["variant"]), *counts, ended, f"`{row['commit']}`")))
    return lines


def _loading(task: Task, recipe: Recipe) -> list[str]:
    run = f"runs/{task.name}/{named(recipe.net, recipe.variant)}/seed-{recipe.seed}"
    if task.has_own_net:
        return [
            f"A net with layers of its own is not loaded for raw images; `{run}/net.safetensors` has its weights, "
            f"which `python -m pipeline.evaluate {task.name} {named(recipe.net, recipe.variant)} {recipe.seed}` tests."
        ]
    return [
        "```python",
        "import replication",
        "",
        f'net = replication.load("{run}")  # or its net.safetensors alone, wherever it lies',
        f"probabilities = net(images)  # raw uint8 [n, 3, {recipe.input_size}, {recipe.input_size}] → [n, classes]",
        "net.classes  # their names",
        "```",
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
