"""Stage `train-depth`: train the residual net of params.yaml's `depth`, unless the list of nets has it already.

Makes runs/depth/<net>/seed-<n>/. `dvc exp run -S depth=110` comes here: about 60 seconds in profile quick, an hour
in profile cpu.
"""

import shutil

from pipeline import stage
from pipeline.params import RUNS, read_params, runs_of_depth
from pipeline.train import train_run


def main() -> None:
    params = read_params()
    folder = RUNS / "depth"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    runs = runs_of_depth(params)
    if not runs:
        note = f"resnet-{params.depth} is in the list of nets: it is trained by the stage `train`, not twice.\n"
        (folder / "nothing-to-train.txt").write_text(note)
        print(note, end="")
    for run in runs:
        train_run(params, "cifar", run)


if __name__ == "__main__":
    stage.run(main)
