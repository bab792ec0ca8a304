"""Stage `evaluate`: score every trained net of an arm by the paper's protocols, and write evaluations/<arm>.csv.

`python -m pipeline.evaluate cifar`: the net of the last iteration on the single original view (section 4.2).
`python -m pipeline.evaluate imagenet`: centre crop, 10 crops, and fully convolutional at five scales (3.4), top-1 and
top-5, for every net and for the ensembles of params.yaml. On 2 cores 10 seconds for the quick study of an arm; 5 to 15
seconds a net for CIFAR-10, 3 (18 layers) to 5 minutes (34) a net for Tiny ImageNet.
"""

import csv
from collections.abc import Iterator

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from pipeline import stage
from pipeline.params import EVALUATIONS, Params, Run, images_of, read_params, recipe_of, runs_of
from replication.errors import UserError
from replication.evaluation import PROTOCOLS, Scores, average, recompute_bn_statistics, top1_error
from replication.feed.batches import Batches, make_batches
from replication.images.store import Images
from replication.nets.by_name import build
from replication.nets.names import EARLIER
from replication.runs.folder import NET
from replication.training import read_run

COLUMNS = ["net", "seed", "protocol", "top1_error", "top5_error", "images"]


def main() -> None:
    arm = stage.arguments(__doc__, arm="cifar or imagenet").arm
    params = read_params()
    images = images_of(params, arm)
    device = stage.choose_device(params.device)
    rows = list((score_cifar if arm == "cifar" else score_imagenet)(params, images, device))
    EVALUATIONS.mkdir(exist_ok=True)
    with (EVALUATIONS / f"{arm}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def score_cifar(params: Params, images: Images, device: torch.device) -> Iterator[dict[str, object]]:
    """A row a run: the single original view (section 4.2)."""
    for run in runs_of(params, "cifar"):
        net, batches = load(params, "cifar", run, images, device)
        error = top1_error(net, batches)
        print(f"{run.net} · seed {run.seed}: test error {error:.2f} %", flush=True)
        yield {
            "net": run.net, "seed": run.seed, "protocol": "single_view",
            "top1_error": round(error, 4), "images": batches.test_count,
        }  # fmt: skip


def score_imagenet(params: Params, images: Images, device: torch.device) -> Iterator[dict[str, object]]:
    """A row a run and protocol, then a row an ensemble, seed and protocol."""
    members: dict[tuple[str, int], dict[str, Scores]] = {}
    for run in runs_of(params, "imagenet"):
        net, batches = load(params, "imagenet", run, images, device)
        # The earlier systems are not fully convolutional; the paper quotes their own multi-scale results.
        protocols = [name for name in PROTOCOLS if name != "fully_convolutional" or run.net not in EARLIER]
        scores = {protocol: PROTOCOLS[protocol](net, batches) for protocol in protocols}
        yield from rows_of(run.net, run.seed, scores)
        if any(run.net in ensemble for ensemble in params.imagenet.ensembles):
            members[run.net, run.seed] = scores
    for ensemble in params.imagenet.ensembles:
        if not set(ensemble) <= set(params.imagenet.nets):
            continue
        for seed in params.imagenet.seeds:
            scored = [members[net, seed] for net in ensemble]
            common = [protocol for protocol in PROTOCOLS if all(protocol in scores for scores in scored)]
            joined = {protocol: average([scores[protocol] for scores in scored]) for protocol in common}
            yield from rows_of(" + ".join(ensemble), seed, joined)


def rows_of(net: str, seed: int, scores: dict[str, Scores]) -> Iterator[dict[str, object]]:
    """Top-1 and top-5 error by each protocol."""
    for protocol, found in scores.items():
        errors = {"top1_error": round(found.error(1), 4), "top5_error": round(found.error(5), 4)}
        yield {"net": net, "seed": seed, "protocol": protocol, **errors, "images": len(found.labels)}
    text = ", ".join(f"{protocol} {found.error(1):.2f} %" for protocol, found in scores.items())
    print(f"{net} · seed {seed}: top-1 error {text}", flush=True)


def load(
    params: Params, arm: str, run: Run, images: Images, device: torch.device
) -> tuple[nn.Module, Batches]:  # fmt: skip
    """A trained net and the data that it is tested on.

    Raises:
        UserError: its weights are missing, or it was trained under another recipe or on other pixels.
    """
    record = read_run(run.folder)
    recipe = recipe_of(params, arm, run.net, run.seed, images.identity)
    if record.recipe != recipe:
        raise UserError(
            f"{run.folder} was trained under another recipe or on other data; run `dvc repro` to train it again."
        )
    net = build(recipe.net, len(images.meta.classes), **recipe.net_options)
    try:
        net.load_state_dict(load_file(run.folder / NET))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise UserError(
            f"{run.folder / NET} cannot be read ({error}); delete {run.folder} and run `dvc repro`."
        ) from error
    net.to(device, memory_format=torch.channels_last)
    batches = make_batches(images, recipe, device)
    if recipe.bn_statistics == "recomputed":
        recompute_bn_statistics(net, batches)
    return net, batches


if __name__ == "__main__":
    stage.run(main)
