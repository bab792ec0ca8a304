"""Stage `score`: test one trained net by the protocols of its arm, and write runs/<arm>/<run>/seed-<n>-scores/.

`python -m pipeline.score imagenet resnet-34-A 0`, after `train`: centre crop, 10 crops, and fully convolutional at five
scales (3.4), top-1 and top-5; of the arm `cifar`, the single original view (4.2). Probabilities are kept for ensembles.
On 2 cores seconds for CIFAR-10, minutes for Tiny ImageNet, whose images are seen 16 times each.
"""

from pipeline import stage
from pipeline.params import read_params
from pipeline.plan import OF_DEPTH, finished, folders_before, named_run, planned
from replication.arms import found, step_of
from replication.evaluation.score import score_run
from replication.evaluation.scores import rows_of, write_scores
from replication.training.tracking import log_scores


def main() -> None:
    options = stage.arguments(
        __doc__, arm="cifar, imagenet or localization", run="resnet-110, resnet-110/no-warmup, …", seed="0, 1, …"
    )
    run, params = named_run(options.arm, options.run, options.seed), read_params()
    if stage.skipped(run.scores, planned(run.recipe_file)):
        return
    record = finished(run)
    step = step_of(record.recipe)
    images, device = stage.images_of(params, run.arm), stage.choose_device(params.device)
    scores = score_run(run.folder, images, device, *folders_before(run, planned(run.recipe_file)))
    picture = found(step.draw)(images, scores) if step.draw else None
    write_scores(run.scores, scores, step, picture)
    log_scores(record, rows_of(scores, step), stage.tracking_of(params, record.recipe, run.path))
    stage.forget(record.recipe)  # DVC starts this stage once it has the run in its cache
    metrics = {protocol.name: protocol.metrics[0] for protocol in step.protocols}
    text = ", ".join(f"{name} {of.value(metrics[name].name):.2f} %" for name, of in scores.items())
    print(f"{run.path.removeprefix(OF_DEPTH)} · seed {run.seed}: {step.metric.words} {text}")


if __name__ == "__main__":
    stage.run(main)
