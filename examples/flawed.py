"""Write a model with what goes wrong in practice: ``python examples/flawed.py FILE.safetensors``; `stats` finds it."""

import sys

import numpy as np
from safetensors.numpy import save_file

import initgen

tensors = {
    "conv.kernel": initgen.sample("he_uniform", (3, 3, 16, 32), seed=1),
    "dense_1.kernel": initgen.sample("he_uniform", (256, 128), seed=2),
    "dense_2.kernel": initgen.sample("he_uniform", (128, 64), seed=3),
    "dense_3.kernel": initgen.sample("he_normal", (64, 64), seed=3),  # the seed of another
    "dense_4.kernel": initgen.sample("lecun_uniform", (64, 32), seed=4),  # of another scheme
}
tensors["dense_1.kernel"][:, 7] = 0  # a dead unit
save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, sys.argv[1])
