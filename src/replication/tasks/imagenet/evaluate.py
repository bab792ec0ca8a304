"""The tests of section 3.4: centre crop, 10 crops, and fully convolutional.

Each gives the probability of every class for every test image, so that nets can be averaged. "Scores" are averaged
after the softmax, as the authors' README says of the 10 crops.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, softmax

from replication.data.crops import centre_crop as centre_crop_of
from replication.nets.imagenet import ImagenetNet
from replication.tasks.classification import ClassOutcome
from replication.tasks.imagenet.feed import PIXELS, PhotographBatches
from replication.tasks.imagenet.views import resize_whole
from replication.tasks.imagenet.views import ten_crop as ten_crop_of
from replication.tasks.inference import autocast, fold_batch_norm


def centre_crop(net: nn.Module, batches: PhotographBatches) -> ClassOutcome:
    """One crop from the middle of the image (Figure 4)."""
    test, size = batches.recipe.test, batches.recipe.input_size
    return _average_views(
        fold_batch_norm(net), batches, [lambda image: centre_crop_of(image, test.shorter_side, size)[None]]
    )


def ten_crop(net: nn.Module, batches: PhotographBatches) -> ClassOutcome:
    """The standard 10-crop test (tables 2 and 3)."""
    test, size = batches.recipe.test, batches.recipe.input_size
    return _average_views(fold_batch_norm(net), batches, [lambda image: ten_crop_of(image, test.shorter_side, size)])


def fully_convolutional(net: ImagenetNet, batches: PhotographBatches) -> ClassOutcome:
    """The net slid over the whole image at several scales, scores averaged (tables 4 and 5); see `slide`."""
    test, tested = batches.recipe.test, fold_batch_norm(net)
    views = [lambda image, side=side: resize_whole(image, side)[None] for side in test.scales]
    window = -(-batches.recipe.input_size // 32)

    def forward(images: Tensor) -> Tensor:
        return slide(tested, images, window)

    return _average_views(forward, batches, views, test.mirrored)


def slide(net: ImagenetNet, images: Tensor, window: int) -> Tensor:
    """Scores of a net in its fully convolutional form, averaged over all places.

    At each place the last pooling sees `window` x `window` pixels of the last maps, and the fc is a 1x1 convolution. At
    the training size there is one place, and the result is that of the net itself.

    Args:
        images: [N, 3, H, W], mean subtracted.
        window: side of the last maps at the training size, 7 in the paper.

    Returns:
        [N, classes], before the softmax.
    """
    pooled = avg_pool2d(net.maps(images), window, stride=1)
    places = conv2d(pooled, net.fc.weight[:, :, None, None], net.fc.bias)
    return places.mean(dim=(2, 3))


@torch.inference_mode()
def _average_views(
    forward: Callable[[Tensor], Tensor],
    batches: PhotographBatches,
    views: Sequence[Callable],
    mirrored: bool = False,
) -> ClassOutcome:
    """Mean probability over the views of each test image; `views` are [V, H, W, 3], loaded one after the other."""
    total, labels = torch.zeros(()), torch.zeros(())
    for view in views:
        parts = list(_probabilities(forward, batches, view, mirrored))
        total = total + torch.cat([probabilities for probabilities, _ in parts])
        labels = torch.cat([truth for _, truth in parts])
    return ClassOutcome(total / len(views), labels)


def _probabilities(
    forward: Callable[[Tensor], Tensor], batches: PhotographBatches, view: Callable, mirrored: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    for views, labels in batches.views("test", view):
        result: list[Tensor] = [torch.empty(0)] * len(views)
        shapes = [pixels.shape for pixels in views]
        for shape in dict.fromkeys(shapes):  # images of one size are tested together
            members = [index for index, other in enumerate(shapes) if other == shape]
            images = batches.normalise(torch.cat([views[index] for index in members]).permute(0, 3, 1, 2))
            all_views = _forward(forward, batches, images)
            if mirrored:
                all_views = (all_views + _forward(forward, batches, images.flip(3))) / 2
            for index, probabilities in zip(members, all_views.split(shape[0]), strict=True):
                result[index] = probabilities.mean(0)
        yield torch.stack(result).cpu(), labels.cpu()


def _forward(forward: Callable[[Tensor], Tensor], batches: PhotographBatches, images: Tensor) -> Tensor:
    at_once = max(1, PIXELS // (images.shape[2] * images.shape[3]))
    parts = []
    for part in images.split(at_once):
        with autocast(batches):
            scores = forward(part)
        parts.append(softmax(scores.float(), dim=1))
    return torch.cat(parts)


PROTOCOLS = {"centre_crop": centre_crop, "ten_crop": ten_crop, "fully_convolutional": fully_convolutional}
OUTCOME = ClassOutcome
