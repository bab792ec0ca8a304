"""What the runs of params.yaml would take, before anything is fetched or trained: `make plan PROFILE=paper GPU=10`.

Each net trains on random images for a second in either precision (half a minute for a study of 14). Times are those of
one training after the other, on this machine, and on a GPU at the TFLOP/s that are given: an assumption, as no GPU is
measured here. Memory is an estimate, see `study.cost.memory`.
"""

import argparse
import os

from pipeline import stage
from pipeline.params import profile_of, read_params
from pipeline.plan import runs_of
from replication.arms import ARMS
from replication.sources import DATASETS
from replication.study.cost import duration, memory, training_flop
from replication.training.speed import images_per_second

COLUMNS = f"{'run':32} {'seeds':>5} {'iterations':>10} {'M MACs':>8} {'fp32':>9} {'bf16':>9} {'GPU':>9} {'memory':>9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", help="another than that of params.yaml")
    parser.add_argument("--gpu", type=float, default=10.0, help="TFLOP/s that a GPU sustains")
    options, params = parser.parse_args(), read_params()
    if options.profile:
        params = params.model_copy(update={"profile": options.profile})
    profile, device, all_seeds = profile_of(params), stage.choose_device(params.device), [0.0, 0.0, 0.0]
    for arm in (arm for arm in ARMS.values() if runs_of(params, arm)):
        classes, section = DATASETS[profile.dataset(arm)].classes, params.section(arm)
        print(f"\n{arm.words}, profile {params.profile}, on {device.type}\n{COLUMNS}", flush=True)
        for run in (run for run in runs_of(params, arm) if run.seed == section.seeds[0]):
            recipe = profile.recipe(arm, run.net, run.variant, override=section.override)
            images, flop = recipe.schedule.iterations * recipe.schedule.batch_size, training_flop(recipe, classes)
            rates = [images_per_second(recipe, classes, device, precision) for precision in ("fp32", "bf16")]
            took = [*(images / rate for rate in rates), flop / (options.gpu * 1e12)]
            all_seeds = [total + len(section.seeds) * more for total, more in zip(all_seeds, took, strict=True)]
            times = " ".join(f"{duration(seconds):>9}" for seconds in took)
            macs, room = flop / images / 6e6, f"{memory(recipe, classes):5.1f} GiB"
            counts = f"{len(section.seeds):5} {recipe.schedule.iterations:10,} {macs:8,.0f}"
            print(f"{run.path:32} {counts} {times} {room} {'*' if recipe.precision == 'bf16' else ''}", flush=True)
    print(f"\n{'all, with every seed':57} {' '.join(f'{duration(seconds):>9}' for seconds in all_seeds)}")
    print(f"The GPU is taken to sustain {options.gpu:g} TFLOP/s. Recipes are in fp32, or where a * stands in bf16.")
    if os.getloadavg()[0] > 1:
        print("This machine is at work on something else; idle, it would take less than this.")


if __name__ == "__main__":
    stage.run(main)
