"""Evaluate published weights by the paper's protocols, on the images of their task. Not a stage.

`python -m pipeline.evaluate_weights resnet-50 resnet50-0676ba61.pth` prints top-1 and top-5 error by centre crop, 10
crops and fully convolutional; resnet-18-B, resnet-34-B, resnet-50, -101 and -152 are known. It needs data/imagenet
(`dvc repro prepare@imagenet` under profile paper) and decodes its 50,000 photographs seven times: about a day on 2
cores; on a GPU decoding sets the time. torchvision reports 23.87 % for the centre crop of this file. Its recipe is not
the paper's, so nothing goes into results/.

`python -m pipeline.evaluate_weights resnet-56 resnet56-4bfd9763.th` evaluates the CIFAR nets of
akamaster/pytorch_resnet_cifar10 on data/cifar (`dvc repro prepare@cifar` under profile cpu) in seconds; on the official
pixels expect 8.27, 7.37, 6.90 and 6.61 % for 20, 32, 44 and 56 layers.
"""

from pathlib import Path

import torch

from pipeline import stage
from pipeline.params import WORK, profile_of, read_params
from replication.data.classes import find_outputs
from replication.data.sources import DATASETS
from replication.errors import UserError
from replication.nets.by_name import build
from replication.nets.convert import MEAN, STD, fold_normalisation, from_akamaster, from_torchvision, read_weights
from replication.nets.names import NETS
from replication.tasks import get_task
from replication.training.device import choose_device


def main() -> None:
    options = stage.arguments(__doc__, net="resnet-50, resnet-18-B, …", weights="a state dict, .pth or .th")
    photographs = options.net in NETS
    params, task = read_params(), get_task("imagenet" if photographs else "cifar")
    device = choose_device(params.device, WORK)
    images = stage.images_of(params, task)
    recipe = profile_of(params).recipe(task, options.net, data=images.meta.identity, override={"precision": "fp32"})
    classes = len(images.meta.classes)
    net = build(options.net, classes, bottleneck_stride="3x3")
    converted = from_torchvision if photographs else from_akamaster
    state = fold_normalisation(converted(options.net, read_weights(Path(options.weights))), STD)
    if len(state["fc.bias"]) != classes or images.meta.name in task.datasets[:-1]:
        raise UserError(
            f"{options.weights} has {len(state['fc.bias'])} classes, but {images.meta.name} has {classes}; "
            f"prepare {task.label} itself: dvc repro prepare@{task.name} with profile: paper.",
            kind="conflict",
            key="profile",
            file=Path(options.weights),
        )
    outputs = find_outputs(images.meta.classes, DATASETS[task.datasets[-1]].class_names, task.datasets[-1])
    net.load_state_dict(state | {key: state[key][outputs] for key in ("fc.weight", "fc.bias")})
    net.to(device, memory_format=torch.channels_last)
    batches = task.code("feed").make_batches(images, recipe, device)
    batches.mean = 255 * torch.tensor(MEAN, device=device)[None, :, None, None].expand_as(batches.mean).contiguous()
    for protocol in task.protocols:
        values = task.code("evaluate").PROTOCOLS[protocol.name](net, batches).metrics()
        errors = [f"{metric.label} {values[metric.name]:.2f} %" for metric in protocol.metrics]
        print(f"{protocol.name}: {', '.join(errors)}", flush=True)


if __name__ == "__main__":
    stage.run(main)
