"""Score weights that torchvision publishes by the paper's protocols, on the images of the arm `imagenet`. Not a stage.

`python -m pipeline.evaluate_weights resnet-50 resnet50-0676ba61.pth` prints top-1 and top-5 error by centre crop, 10
crops and fully convolutional; resnet-18-B, resnet-34-B, resnet-50, -101 and -152 are known. It needs data/imagenet
(`dvc repro prepare@imagenet` under profile paper) and decodes its 50,000 photographs seven times: on a GPU as long as
that takes, on 2 cores about a day. torchvision itself reports 23.87 % for the centre crop of this file; it is another
recipe than the paper's, so nothing of it goes into results/.
"""

from pathlib import Path

import torch

from pipeline import stage
from pipeline.params import profile_of, read_params
from replication.arms import arm_of, found
from replication.errors import UserError
from replication.nets.by_name import build
from replication.nets.convert import fold_normalisation, from_torchvision, read_weights

# Of torchvision's preprocessing, in 0..1.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main() -> None:
    options = stage.arguments(__doc__, net="resnet-50, resnet-18-B, …", weights="a state dict of torchvision, .pth")
    params, arm = read_params(), arm_of("imagenet")
    device = stage.choose_device(params.device)
    images = stage.images_of(params, arm)
    recipe = profile_of(params).recipe(arm, options.net, data=images.meta.identity)
    classes = len(images.meta.classes)
    net = build(options.net, classes, bottleneck_stride="3x3")
    state = fold_normalisation(from_torchvision(options.net, read_weights(Path(options.weights))), STD)
    if len(state["fc.bias"]) != classes:
        raise UserError(
            f"{options.weights} tells {len(state['fc.bias'])} classes apart, but {images.meta.name} has {classes}; "
            "prepare ImageNet itself: dvc repro prepare@imagenet with profile: paper."
        )
    net.load_state_dict(state)
    net.to(device, memory_format=torch.channels_last)
    batches = found(arm.feed)(images, recipe, device)
    batches.mean = 255 * torch.tensor(MEAN, device=device)[None, :, None, None].expand_as(batches.mean).contiguous()
    for protocol in arm.protocols:
        scores = found(protocol.score)(net, batches)
        print(f"{protocol.name}: top-1 error {scores.error(1):.2f} %, top-5 error {scores.error(5):.2f} %", flush=True)


if __name__ == "__main__":
    stage.run(main)
