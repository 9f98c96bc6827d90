"""A job by torch and safetensors."""

import torch
from job import BOUND, STD, run
from safetensors.torch import save_file

FILL = {
    "ones": torch.nn.init.ones_,
    "uniform": lambda tensor: torch.nn.init.uniform_(tensor, -BOUND, BOUND),
    "normal": lambda tensor: torch.nn.init.normal_(tensor, std=STD),
    "truncated": lambda tensor: torch.nn.init.trunc_normal_(tensor, std=STD, a=-2 * STD, b=2 * STD),
}


def draw(law: str, shape: tuple[int, ...], dtype: str) -> torch.Tensor:
    return FILL[law](torch.empty(shape, dtype=getattr(torch, dtype)))


if __name__ == "__main__":
    torch.manual_seed(0)
    run(draw, save_file)
