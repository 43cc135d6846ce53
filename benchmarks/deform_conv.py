"""Time deformable convolution: this project's, torchvision's and a plain one.

The three take turns in one process, so that a busy machine slows all alike;
the table gives medians in milliseconds.
"""

import statistics
import time

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor

from mmdet_ps.ops import deform_conv2d
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    run_command,
    whole_number,
)

# Batch, channels in and out, height and width: levels of a small network on
# 240x160 images, and of a ResNet-50 on 1500x900 ones.
SHAPES = [
    (8, 64, 64, 5, 8),
    (8, 64, 64, 10, 15),
    (8, 64, 64, 20, 30),
    (4, 128, 64, 20, 30),
    (1, 256, 256, 54, 94),
    (1, 512, 256, 108, 188),
]


def make_inputs(shape: tuple[int, ...], device: str) -> dict[str, Tensor]:
    """Leaves of a modulated 3x3 deformable convolution."""
    batch, channels, outputs, height, width = shape
    inputs = dict(
        input=torch.randn(batch, channels, height, width),
        offset=torch.randn(batch, 18, height, width),
        weight=torch.randn(outputs, channels, 3, 3) * 0.02,
        mask=torch.rand(batch, 9, height, width),
        bias=torch.randn(outputs),
    )
    return {k: v.to(device).requires_grad_() for k, v in inputs.items()}


def ours(input, offset, weight, mask, bias) -> Tensor:
    return deform_conv2d(input, offset, weight, mask, bias, 1, 1)


def of_torchvision(input, offset, weight, mask, bias) -> Tensor:
    return torchvision.ops.deform_conv2d(
        input, offset, weight, bias, padding=1, mask=mask
    )


def plain(input, offset, weight, mask, bias) -> Tensor:
    return F.conv2d(input, weight, bias, padding=1)


def time_once(function, inputs: dict[str, Tensor]) -> tuple[float, float]:
    """Seconds of one forward and one backward."""

    def now() -> float:
        if inputs['input'].is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    start = now()
    output = function(**inputs)
    middle = now()
    leaves = list(inputs.values())
    torch.autograd.grad(output.sum(), leaves, allow_unused=True)
    return middle - start, now() - middle


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--repeats', type=whole_number(1), default=7)
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    functions = {'ours': ours, 'torchvision': of_torchvision, 'conv': plain}
    heads = [f'{n} {part}' for part in ('fwd', 'bwd') for n in functions]
    threads = torch.get_num_threads()
    print(f'torch {torch.__version__}, {threads} threads, {args.device}, ms')
    print(f'{"N, C, O, H, W":>22} ' + ' '.join(f'{h:>15}' for h in heads))
    for shape in SHAPES:
        inputs = make_inputs(shape, args.device)
        times = {head: [] for head in heads}
        for repeat in range(args.repeats + 1):
            for name, function in functions.items():
                forward, backward = time_once(function, inputs)
                if repeat:  # the first warms up
                    times[f'{name} fwd'].append(forward * 1e3)
                    times[f'{name} bwd'].append(backward * 1e3)
        medians = [statistics.median(times[head]) for head in heads]
        cells = ' '.join(f'{value:15.2f}' for value in medians)
        print(f'{", ".join(map(str, shape)):>22} {cells}', flush=True)


if __name__ == '__main__':
    run_command(main)
