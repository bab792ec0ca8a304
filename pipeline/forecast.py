"""Estimate the cost of the runs of params.yaml before anything is trained: `make plan PROFILE=paper GPU=10`.

Each net trains on random images for a second in either precision (half a minute for a study of 14). Times are for
one training after the other, on this machine, and on a GPU at the TFLOP/s that you give: no GPU is measured. Memory is
an estimate, see `replication.cost.memory`; disk is what a run keeps, see `gb_kept`.
"""

import argparse
import os

from pipeline import stage
from pipeline.params import WORK, profile_of, read_params
from pipeline.plan import runs_of
from replication.cost import gb_kept, gb_prepared, memory, training_flop
from replication.data.sources import DATASETS
from replication.tasks import TASKS
from replication.training.device import choose_device
from replication.training.speed import images_per_second
from replication.words import format_duration

COLUMNS = f"{'run':32} {'seeds':>5} {'iterations':>10} {'M MACs':>8} {'memory':>9} {'disk':>9} {'fp32':>9} {'bf16':>9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", help="another than that of params.yaml")
    parser.add_argument("--gpu", type=float, help="TFLOP/s that your GPU sustains")
    options, params = parser.parse_args(), read_params()
    if options.profile:
        params = params.model_copy(update={"profile": options.profile})
    profile, device, all_times, disk = profile_of(params), choose_device(params.device, WORK), [0.0] * 3, 0.0
    for task in (task for task in TASKS.values() if runs_of(params, task)):
        data, section, runs = DATASETS[profile.dataset(task)], params.section(task), runs_of(params, task)
        nets, seeds, images_of_task = {run.net for run in runs}, len(section.seeds), 0.0
        print(f"\n{task.label}, profile {params.profile}, on {device.type}; nets: {len(nets)}, runs: {len(runs)}")
        print(f"{COLUMNS} {'GPU':>9}" if options.gpu else COLUMNS, flush=True)
        for run in (run for run in runs if run.seed == section.seeds[0]):
            recipe = profile.recipe(task, run.net, run.variant, override=section.override)
            images, flop = recipe.schedule.iterations * recipe.schedule.batch_size, training_flop(recipe, data.classes)
            times = [
                images / images_per_second(recipe, data.classes, device, precision) for precision in ("fp32", "bf16")
            ]
            times += [flop / (options.gpu * 1e12)] if options.gpu else []
            all_times = [total + seeds * more for total, more in zip(all_times, times, strict=False)]
            disk, images_of_task = disk + seeds * gb_kept(recipe, data), gb_prepared(recipe, data)
            counts = f"{seeds:5} {recipe.schedule.iterations:10,} {flop / images / 6e6:8,.0f}"
            rooms = f"{memory(recipe, data.classes):5.1f} GiB {1000 * gb_kept(recipe, data):6,.0f} MB"
            words = " ".join(f"{format_duration(seconds):>9}" for seconds in times)
            print(f"{run.name:32} {counts} {rooms} {words}{' *' if recipe.precision == 'bf16' else ''}", flush=True)
        disk += images_of_task
    print(f"\n{'all, with every seed':77} {' '.join(f'{format_duration(seconds):>9}' for seconds in all_times)}")
    print("Recipes are in fp32; * marks bf16. Tests and the proposals for R-CNN are not counted.")
    print(f"Disk: {disk:.1f} GB, prepared images included; twice that where DVC's cache has to copy its files.")
    if options.gpu:
        print(f"GPU: at the given {options.gpu:g} TFLOP/s; no GPU was measured.")
    if os.getloadavg()[0] > 1:
        print("warning: the machine is busy, the estimate is unreliable.")


if __name__ == "__main__":
    stage.run(main)
