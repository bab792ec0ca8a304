"""How fast nets train here, and what each choice of arithmetic is worth: `python benchmarks/throughput.py [net …]`.

Prints images a second and peak memory for fp32 and bf16, with maps in NCHW and in channels_last, as ratios to fp32
NCHW measured in the same run. Random images, batch 128, batch-norm groups of 64, no data loading. Takes about two
minutes for ResNet-20 and ResNet-56 on 2 cores; expect bf16 with channels_last near 2 on a CPU with bf16 instructions.
"""

import resource
import sys
import time

import torch
from torch.nn.functional import cross_entropy

from replication.nets.by_name import build

BATCH, GROUP, SIZE, SECONDS = 128, 64, 32, 8.0


def images_per_second(net: str, dtype: torch.dtype, layout: torch.memory_format, device: torch.device) -> float:
    """Median rate of training steps over about eight seconds, after two steps of warm-up."""
    module = build(net).to(device, memory_format=layout)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    images = torch.randn(BATCH, 3, SIZE, SIZE, device=device).contiguous(memory_format=layout)
    labels = torch.randint(0, 10, (BATCH,), device=device)
    times: list[float] = []
    while sum(times[2:]) < SECONDS:
        start = time.perf_counter()
        optimiser.zero_grad()
        for group, truth in zip(images.split(GROUP), labels.split(GROUP), strict=True):
            with torch.autocast(device.type, torch.bfloat16, enabled=dtype is torch.bfloat16):
                scores = module(group)
            (cross_entropy(scores.float(), truth, reduction="sum") / BATCH).backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return BATCH / sorted(times[2:])[len(times[2:]) // 2]


def main() -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    layouts = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
    print(f"torch {torch.__version__}, {device.type}, {torch.get_num_threads()} threads, batch {BATCH}")
    for net in sys.argv[1:] or ["resnet-20", "resnet-56"]:
        first = None
        for dtype in (torch.float32, torch.bfloat16):
            for name, layout in layouts.items():
                rate = images_per_second(net, dtype, layout, device)
                first = first or rate
                print(f"{net:12} {str(dtype)[6:]:9} {name:14} {rate:8.0f} images/s   {rate / first:5.2f} x", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform != "darwin" else 2**30)
    print(f"peak memory of the process: {peak:.1f} GiB")


if __name__ == "__main__":
    main()
