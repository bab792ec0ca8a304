"""Stage `analyse`: how strongly the layers of a trained net respond (Figure 7): runs/<arm>/<run>/seed-<n>-responses/.

`python -m pipeline.analyse cifar resnet-56 0`, after `train`. One pass over the test images: seconds on 2 cores.
Expect a mean deviation near 1.5 for a plain net of 56 layers and near 1.1 for the residual one after the paper's
schedule; `responses.csv` has a row a layer.
"""

from pipeline import stage
from pipeline.params import read_params
from pipeline.plan import OF_DEPTH, finished, named_run, planned
from replication.analyses.layers import write_responses
from replication.analyses.responses import responses_of_run


def main() -> None:
    options = stage.arguments(__doc__, arm="cifar", run="plain-56, resnet-110, …", seed="0, 1, …")
    run, params = named_run(options.arm, options.run, options.seed), read_params()
    if stage.skipped(run.responses, planned(run.recipe_file)):
        return
    finished(run)  # its folder holds no other run
    deviations = responses_of_run(run.folder, stage.images_of(params, run.arm), stage.choose_device(params.device))
    write_responses(run.responses, deviations)
    mean = sum(deviations) / len(deviations)
    print(f"{run.path.removeprefix(OF_DEPTH)} · seed {run.seed}: standard deviation of the responses {mean:.2f}")


if __name__ == "__main__":
    stage.run(main)
