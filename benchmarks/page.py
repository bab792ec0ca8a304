"""How long the page of a large study takes, and how large it is: `python -m benchmarks.page`.

Makes up results in a temporary folder, of 30 nets of section 4.2 and all of 4.1, with 10 seeds each, under each of the
four profiles; builds the page of them, and prints seconds and MB. Takes two minutes, most of them to write the results.
`--profile` prints instead where the time goes, function by function, without the notebook.
"""

import argparse
import cProfile
import pstats
import resource
import runpy
import tempfile
import time
from pathlib import Path

import numpy as np

from pipeline.params import PROFILES
from pipeline.report import BENCHMARKS, NOTEBOOKS, PARTS
from replication.config.profiles import Profile, read_profile
from replication.config.recipe import Data
from replication.nets.names import IMAGENET_DEPTHS, NETS, depth_of
from replication.report.notebooks import join_notebooks, run_notebook
from replication.report.page import render_page
from replication.results.add import Result, add_results
from replication.runs.curve import Point
from replication.runs.record import RunRecord
from replication.tasks import TASKS, Task
from replication.tasks.build import count_net

DEPTHS = [depth for depth in range(8, 104, 6) if depth not in IMAGENET_DEPTHS]
MADE_UP = {
    "cifar": [f"{kind}-{depth}" for kind in ("plain", "resnet") for depth in DEPTHS],
    "imagenet": [net for net in NETS if net.startswith(("plain", "resnet"))],
}
PROVENANCE = {
    "date": "2026-01-02", "commit": "0123456789abcdef", "dirty": False, "versions": {"torch": "2.14.1"},
    "machine": {"cpu": "a CPU", "cores": 2, "device": "cpu", "threads": 1},
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("quick", "cpu", "cpu-long", "paper"):
            for task, nets in MADE_UP.items():
                profile, numbers = read_profile(PROFILES, name), np.random.default_rng(0)
                made = [
                    _made_up(profile, TASKS[task], net, seed, numbers) for net in nets for seed in range(options.seeds)
                ]
                add_results(Path(folder) / name / task, made)
        parameters = {"results": folder, "profile": "quick", "profiles": PROFILES.resolve()}
        parameters["benchmarks"] = BENCHMARKS.resolve()
        notebook = join_notebooks([NOTEBOOKS / f"{name}.py" for name in PARTS])
        start = time.perf_counter()
        if options.profile:
            _print_profile(notebook, parameters)
        else:
            body = run_notebook(notebook, parameters)
            text, used = (
                render_page(body.outside["first"], body.html, body.headings),
                resource.getrusage(resource.RUSAGE_CHILDREN),
            )
            seconds, busy = time.perf_counter() - start, used.ru_utime + used.ru_stime
            print(f"{seconds:.1f} s, of the processor {busy:.1f} s; {len(text.encode()) / 1e6:.2f} MB")


def _made_up(profile: Profile, task: Task, net: str, seed: int, numbers: np.random.Generator) -> Result:
    """A run whose curve falls, and whose error falls with depth unless the net is plain."""
    dataset = profile.dataset(task)
    data = Data(name=dataset, pixels="official", fingerprint="0123456789abcdef")
    recipe = profile.recipe(task, net, seed=seed, data=data)
    end = 8 + (0.05 if net.startswith("plain") else -0.02) * depth_of(net) + numbers.normal(0, 0.2)
    last, logging = recipe.schedule.iterations, recipe.logging
    at = [*range(logging.log_every, last, logging.log_every), last]
    errors = np.clip(end + 80 * np.exp(-5 * np.array(at) / last) + numbers.normal(0, 0.3, len(at)), 0, 100).round(4)
    curve = [Point(now, "train", "error", error) for now, error in zip(at, errors.tolist(), strict=True)]
    curve += [
        point._replace(split="test", metric=task.curve_metric.name)
        for point in curve
        if point.iteration % logging.evaluate_every == 0 or point.iteration == last
    ]
    counted = count_net(recipe, 10)
    record = RunRecord(
        recipe=recipe, status="trained", parameters=counted.parameters, macs=counted.macs, warmup_ended_at=None,
        dropped_at=list(recipe.schedule.drops), seconds=600.0, images_per_second=900.0, starts=1, processes=1,
        mlflow_run_id="0123456789abcdef", provenance=PROVENANCE,
    )  # fmt: skip
    scores = [
        {"protocol": protocol.name, "metric": metric.name, "value": round(end / (1 + place), 4), "images": 10_000}
        for protocol in task.protocols
        for place, metric in enumerate(protocol.metrics)
    ]
    return Result(record, curve, scores)


def _print_profile(notebook: dict, parameters: dict[str, object]) -> None:
    """Run the cells of the notebook in this process."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    cells.insert(1, "\n".join(f"{key} = {str(value)!r}" for key, value in parameters.items()))
    with tempfile.TemporaryDirectory() as folder, cProfile.Profile() as profile:
        script = Path(folder) / "page.py"
        script.write_text("\n".join(cells), encoding="utf-8")
        runpy.run_path(str(script))
    pstats.Stats(profile).sort_stats("cumulative").print_stats(60)


if __name__ == "__main__":
    main()
