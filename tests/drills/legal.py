"""What params.yaml and the profiles may say, and what it means: a second opinion, without the code of the first."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

Legal = Callable[[Any], bool]
TASKS = {"cifar": ("digits", "cifar10"), "imagenet": ("digits", "tiny_imagenet", "imagenet")}
TASKS["localization"] = TASKS["rcnn"] = TASKS["imagenet"]
TASKS["detection"] = ("digit_scenes", "bccd", "voc07", "coco", "voc")
STARTS = {"localization": {"backbone": "imagenet"}, "rcnn": {"backbone": "imagenet", "proposals": "localization"}}
STARTS["detection"] = {"backbone": "imagenet"}
SOURCES = {
    "cifar10": ("official", "binary", "parquet", "folder"),
    "tiny_imagenet": ("parquet", "folder"),
    "imagenet": ("archives", "folder", "parquet"),
    "voc": ("devkit",),
    "voc07": ("devkit",),
    "bccd": ("devkit",),
    "coco": ("folder",),
}
TABLE_1 = re.compile("(plain-(18|34)|resnet-(18|34)-[ABC]|resnet-(50|101|152))")
IMAGENET = re.compile("(plain-(18|34)|resnet-(18|34)-[ABC]|resnet-(50|101|152)|vgg-16|vgg-19|googlenet)")


def whole(least: int, most: int) -> Legal:
    return lambda value: type(value) is int and least <= value <= most


def real(low: float, high: float, above: bool = False, below: bool = False) -> Legal:
    """From `low` to `high`; `above` and `below`: without them."""

    def legal(value: Any) -> bool:
        number = type(value) in (int, float) and math.isfinite(value)
        return number and low <= value <= high and not (above and value == low) and not (below and value == high)

    return legal


def one_of(*values: str) -> Legal:
    return lambda value: type(value) is str and value in values


def flag(value: Any) -> bool:
    return type(value) is bool


def many(of: Legal, least: int = 0) -> Legal:
    return lambda values: type(values) is list and len(values) >= least and all(of(value) for value in values)


def text(value: Any) -> bool:
    return type(value) is str and bool(value.strip()) and value.isprintable()


RATE, MILLIARD = real(0, 100, above=True), whole(1, 10**9)
COMMON: dict[str, Legal] = {
    "input_size": whole(4, 4096),
    "train_images": MILLIARD,
    "shortcut.subsample": one_of("stride", "average"),
    "shortcut.zero_channels": one_of("split", "end"),
    "initialisation": one_of("fan_in", "fan_out"),
    "bn_group": whole(1, 100_000),
    "bn_statistics": one_of("running", "recomputed"),
    "optimiser.momentum": real(0, 1, below=True),
    "optimiser.nesterov": flag,
    "optimiser.weight_decay": real(0, 1),
    "optimiser.weight_decay_scope": one_of("all", "weights"),
    "schedule.batch_size": whole(1, 100_000),
    "schedule.iterations": MILLIARD,
    "schedule.learning_rate": RATE,
    "schedule.drops": many(MILLIARD),
    "schedule.drop_factor": real(0, 1, above=True, below=True),
    "precision": one_of("fp32", "bf16"),
    "logging.log_every": MILLIARD,
    "logging.evaluate_every": MILLIARD,
}
PLATEAU: dict[str, Legal] = {
    "schedule.plateau.window": MILLIARD,
    "schedule.plateau.points": real(-100, 100),
    "schedule.plateau.most": whole(1, 100),
}
WARMUP: dict[str, Legal] = {
    "warmup.from_depth": MILLIARD,
    "warmup.learning_rate": RATE,
    "warmup.until_train_error_below": real(0, 100, above=True, below=True),
    "warmup.window": MILLIARD,
}
SEED = whole(0, 2**32 - 1)
# Keys with a default, which no profile needs to have.
OPTIONAL: dict[str, Legal] = {
    "weights_seed": lambda value: value is None or SEED(value),
    "order_seed": lambda value: value is None or SEED(value),
    "optimiser.rate_in_momentum": flag,
    "block": one_of("two_layers", "bottleneck", "one_layer"),
    "max_pooling": one_of("padded", "rounded_up"),
}
ARM_OF_OPTIONAL = {"block": "cifar", "max_pooling": "imagenet"}
# In which a net must be as its backbone; at their default where they are missing.
BACKBONE = {
    "shortcut.subsample": "",
    "shortcut.zero_channels": "",
    "bottleneck_stride": "",
    "max_pooling": "padded",
}
OWN: dict[str, dict[str, Legal]] = {
    "cifar": WARMUP
    | {
        "augmentation.pad": whole(0, 4096),
        "augmentation.mirror": flag,
        "augmentation.zero": one_of("after_mean", "before_mean"),
        "test": one_of("single_view"),
    },
    "imagenet": {
        "bottleneck_stride": one_of("1x1", "3x3"),
        "augmentation.shorter_side": lambda value: many(whole(1, 10_000))(value) and len(value) == 2,
        "augmentation.mirror": flag,
        "augmentation.colour": real(0, 10),
        "test.shorter_side": whole(1, 10_000),
        "test.scales": many(whole(1, 10_000), least=1),
        "test.mirrored": flag,
    },
}
SHARE = real(0, 1, above=True)
OWN["localization"] = OWN["imagenet"] | {
    "maps": one_of("conv3", "conv4", "conv5"),
    "anchors.sides": lambda value: many(whole(1, 10_000), least=1)(value) and len(value) <= 20,
    "anchors.ratios": lambda value: many(real(0.01, 100), least=1)(value) and len(value) <= 20,
    "sampling.anchors": whole(1, 10_000),
    "sampling.positive": SHARE,
    "sampling.positive_from": SHARE,
    "sampling.negative_below": SHARE,
    "visible": SHARE,
    "merged_from": SHARE,
}


OWN["rcnn"] = {key: OWN["imagenet"][key] for key in OWN["imagenet"] if not key.startswith("test")} | {
    "regions.proposals": whole(1, 10_000),
    "regions.positive": SHARE,
    "regions.positive_from": SHARE,
    "merged_from": SHARE,
}
SIDE, COUNT, SIDES = whole(1, 10_000), whole(1, 100_000), OWN["localization"]["anchors.sides"]
OWN["detection"] = {
    "bottleneck_stride": one_of("1x1", "3x3"),
    "maps": one_of("conv3", "conv4"),
    "frozen": one_of("none", "conv1", "conv2", "conv3", "conv4"),
    "norm": one_of("fixed", "live"),
    "bn_statistics": one_of("running"),
    "anchors.sides": SIDES,
    "anchors.ratios": OWN["localization"]["anchors.ratios"],
    "sampling.anchors": COUNT,
    "sampling.positive": SHARE,
    "sampling.positive_from": SHARE,
    "sampling.negative_below": SHARE,
    "sampling.inside": flag,
    "proposals.overlap": SHARE,
    "proposals.least_side": real(0, 10_000),
    **{f"proposals.{when}.{key}": COUNT for when in ("training", "test") for key in ("before", "after")},
    "regions.regions": COUNT,
    "regions.positive": SHARE,
    "regions.positive_from": SHARE,
    "regions.background_from": real(0, 1),
    "regions.beta": real(0, 100, above=True),
    "regions.pool": one_of("max", "align"),
    "regions.size": whole(1, 64),
    "difficult": flag,
    **{f"{when}.{key}": SIDE for when in ("augmentation", "test") for key in ("shorter_side", "longer_side")},
    "augmentation.mirror": flag,
    "test.score_from": real(0, 1, below=True),
    "test.overlap": SHARE,
    "test.most": COUNT,
}
MAY_BE_NONE = {"schedule.plateau", "warmup"}


class Illegal(Exception):
    """A value that must not be accepted, with its key."""


def must(right: object, key: str) -> None:
    if not right:
        raise Illegal(key)


def meant(project: Path) -> tuple[dict[str, dict[str, Any]], int | None]:
    """What params.yaml and its profile mean: by task and run, "resnet-20/seed-0", the fields of its recipe; and the
    threads of a training.

    Raises:
        Illegal: something that `check` must not accept.
    """
    params = _read(project / "params.yaml")
    _keys(params, {"profile", "depth", "device", "processes", "compile", "jobs", "data", *TASKS}, "")
    must(one_of("auto", "cpu", "cuda", "mps")(params["device"]), "device")
    must(whole(1, 10_000)(params["processes"]), "processes")
    must(one_of("auto", "always", "never")(params["compile"]), "compile")
    must(params["jobs"] == "auto" or whole(1, 1000)(params["jobs"]), "jobs")
    depth = params["depth"]
    must(is_cifar_net(f"resnet-{depth}") and type(depth) is int, "depth")
    _keys(params["data"], set(SOURCES), "data.")
    for name, place in params["data"].items():
        _keys(place, {"source", "root", "url"}, f"data.{name}.", optional={"url"})
        must(one_of(*SOURCES[name])(place["source"]), f"data.{name}.source")
        must(text(place["root"]), f"data.{name}.root")
        must(place.get("url") is None or text(place["url"]), f"data.{name}.url")
    must(type(params["profile"]) is str and params["profile"], "profile")
    profile = _profile(project / "pipeline/profiles", params["profile"])
    threads = profile.pop("threads", None)
    found = {task: _runs(task, params[task], profile[task], depth if task == "cifar" else None) for task in TASKS}
    for run in (run for task in STARTS for run in found[task].values()):
        starts = {role: found[task].get(f"{run['net']}/seed-{run['seed']}") for role, task in run["starts"].items()}
        must(all(starts.values()), "nets")
        for key, default in BACKBONE.items() if "backbone" in starts else ():
            must(run.get(key, default) == starts["backbone"].get(key, default), key)
    return found, threads


def _profile(folder: Path, name: str) -> dict[str, Any]:
    """A profile with its bases merged in."""
    sections: dict[str, Any] = {}
    seen: list[str] = []
    while name:
        must(type(name) is str and re.fullmatch(r"[\w-]+", name) and name not in seen, "base")
        must((folder / f"{name}.yaml").exists(), "profile" if not seen else "base")
        seen.append(name)
        values = _read(folder / f"{name}.yaml")
        _keys(values, {"base", "threads", *TASKS}, "", optional={"base", "threads", *TASKS})
        name = values.pop("base", None)
        must("threads" not in values or whole(1, 1024)(values["threads"]), "threads")
        for task, section in values.items():
            must(isinstance(section, dict) or task == "threads", task)
        sections = merged(values, sections)
    must(TASKS.keys() <= sections.keys(), "base")
    for task in TASKS:
        section = sections[task]
        variants = section.setdefault("variants", {})
        must(isinstance(variants, dict), "variants")
        for name, variant in variants.items():
            must(variant is None or (isinstance(variant, dict) and text(variant.get("why"))), name)
            must(variant is None or text(str(variant.get("section", "none"))), "section")
        must(task == "rcnn" or one_of(*TASKS[task])(section.get("dataset")), "dataset")
    return sections


def _runs(task: str, section: dict[str, Any], profile: dict[str, Any], depth: int | None) -> dict[str, Any]:
    """The runs of a task and their fields."""
    optional = {"checkpoints", "ensembles", "override"}
    _keys(section, {"nets", "seeds", *optional}, f"{task}.", optional=optional)
    of_table = {"imagenet": IMAGENET, "localization": TABLE_1, "rcnn": TABLE_1, "detection": TABLE_1}.get(task)
    is_net = (lambda net: type(net) is str and bool(of_table.fullmatch(net))) if of_table else is_cifar_net
    nets = section["nets"]
    must(many(text)(nets) and len(set(nets)) == len(nets), "nets")
    seeds, ensembles, override = section["seeds"], section.get("ensembles", []), section.get("override", {})
    must(many(whole(0, 2**32 - 1), least=1)(seeds) and len(set(seeds)) == len(seeds), "seeds")
    must(many(many(is_net, least=2))(ensembles), "ensembles")
    must(all(len(set(ensemble)) == len(ensemble) for ensemble in ensembles), "ensembles")
    must(isinstance(override, dict), "override")
    checkpoints = section.get("checkpoints", [])
    must(many(whole(0, 10**12))(checkpoints) and len(set(checkpoints)) == len(checkpoints), "checkpoints")
    of_profile = {key: value for key, value in profile.items() if key not in ("dataset", "variants")}
    runs = {}
    for path in nets:
        net, slash, name = path.partition("/")
        must(is_net(net), "nets")
        if not slash:
            runs[path] = (net, merged(of_profile, override), {})
            continue
        variant = profile["variants"].get(name)
        must(name and variant, "nets")
        changes = {key: value for key, value in variant.items() if key not in ("why", "section")}
        runs[path] = (net, merged(merged(of_profile, changes), override), {"variant": name})
    if runs and depth and f"resnet-{depth}" not in nets:
        runs[f"resnet-{depth}"] = (f"resnet-{depth}", merged(of_profile, override), {})
    for net, fields, _ in runs.values():
        _fields(task, net, fields)
        must(all(at <= fields["schedule"]["iterations"] for at in checkpoints), "checkpoints")
    must(
        task == "rcnn"
        or len(
            {(f.get("input_size"), f["test"]["shorter_side"] if task != "cifar" else 0) for _, f, _ in runs.values()}
        )
        < 2,
        "input_size",
    )
    return {
        f"{path}/seed-{seed}": dict(flat({key: value for key, value in fields.items() if key != "starts"}))
        | {"task": task, "net": net, "seed": seed, "starts": _starts(fields)}
        | variant
        for path, (net, fields, variant) in runs.items()
        for seed in seeds
    }


def _starts(fields: dict[str, Any]) -> dict[str, str]:
    return {role: task for role, task in (fields.get("starts") or {}).items() if task is not None}


def _fields(task: str, net: str, fields: dict[str, Any]) -> None:
    """Each field by itself, and then those that must fit each other."""
    rules = {key: rule for key, rule in COMMON.items() if key != "input_size" or task != "detection"} | OWN[task]
    starts = fields.get("starts", {})
    must(isinstance(starts, dict), "starts")
    known = STARTS.get(task, {})
    must(all(role in known and start == known[role] for role, start in _starts(fields).items()), "starts")
    must(task != "rcnn" or "proposals" in _starts(fields), "starts")
    values = flat({key: value for key, value in fields.items() if key != "starts"})
    found = {key: value for key, value in values if not (value is None and key in MAY_BE_NONE)}
    for prefix, optional in (("schedule.plateau.", PLATEAU), ("warmup.", WARMUP)):
        if any(key.startswith(prefix) for key in found):
            rules = rules | optional
    rules = rules | {key: OPTIONAL[key] for key in found if key in OPTIONAL and ARM_OF_OPTIONAL.get(key, task) == task}
    for key in [*found, *rules]:
        must(key in rules and key in found and rules[key](found[key]), key)
    batch, iterations = found["schedule.batch_size"], found["schedule.iterations"]
    drops = found["schedule.drops"]
    must(drops == sorted(set(drops)) and all(drop < iterations for drop in drops), "drops")
    must(not (drops and "schedule.plateau.window" in found), "plateau")
    must(found["logging.evaluate_every"] % found["logging.log_every"] == 0, "evaluate_every")
    must(batch % found["bn_group"] == 0, "bn_group")
    must(not found["optimiser.nesterov"] or found["optimiser.momentum"] > 0, "nesterov")
    if task == "detection":
        _fields_of_detection(found, fields)
        return
    size = found["input_size"]
    stride = {"conv3": 8, "conv4": 16}.get(found.get("maps", ""), 32)
    last = size // 4 if task == "cifar" else -(-size // stride)
    must(found["bn_group"] * last**2 > 1, "bn_group")  # a batch-norm statistic of one value is none
    if task == "cifar":
        must(size % 4 == 0, "input_size")
        must(found["augmentation.pad"] <= size, "pad")
        must(found.get("block") != "bottleneck" or int(net.partition("-")[2]) % 18 == 2, "block")
    else:
        least, most = found["augmentation.shorter_side"]
        must(size >= 32, "input_size")
        must(least <= most and (task == "rcnn" or size <= least), "shorter_side")
        must(task == "rcnn" or size <= found["test.shorter_side"], "shorter_side")
        must(task != "imagenet" or size <= min(found["test.scales"]), "scales")
        if task == "localization":
            must(found["sampling.negative_below"] <= found["sampling.positive_from"], "negative_below")


def _fields_of_detection(found: dict[str, Any], fields: dict[str, Any]) -> None:
    must(found["frozen"] == "none" or found["frozen"] <= found["maps"], "frozen")
    must(found["norm"] == "live" or _starts(fields), "norm")
    must(found["sampling.negative_below"] <= found["sampling.positive_from"], "negative_below")
    must(found["regions.background_from"] < found["regions.positive_from"], "background_from")
    for when in ("augmentation", "test"):
        must(32 <= found[f"{when}.shorter_side"] <= found[f"{when}.longer_side"], "shorter_side")


def is_cifar_net(net: Any) -> bool:
    match = type(net) is str and re.fullmatch(r"(?:plain|resnet)-([1-9][0-9]{0,3})", net)
    return bool(match) and int(match[1]) % 6 == 2 and int(match[1]) >= 8 and int(match[1]) not in (50, 152)


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with `changes` over it, mappings by their keys."""
    both = dict(values)
    for key, change in changes.items():
        two = isinstance(both.get(key), dict) and isinstance(change, dict)
        both[key] = merged(both[key], change) if two else change
    return both


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that is no mapping, or an empty one, with its path."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _keys(values: Any, known: set[str], where: str, optional: set[str] = frozenset()) -> None:
    must(isinstance(values, dict), where.rstrip(".").rpartition(".")[2] or "yaml")
    for key in values:
        must(key in known, str(key))
    for key in known - optional:
        must(key in values, key)


def _read(path: Path) -> dict[str, Any]:
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except Exception as error:
        raise Illegal(path.name) from error
