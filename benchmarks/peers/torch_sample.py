"""The job as it is done with torch: ``torch_sample.py LAW ROWS COLUMNS FILE``."""

import sys

import torch

law, rows, columns, path = sys.argv[1:]
weight = torch.empty(int(rows), int(columns))
if law == "he_uniform":
    torch.nn.init.kaiming_uniform_(weight, nonlinearity="relu")
else:
    torch.nn.init.normal_(weight, std=0.02)
if path.endswith(".npy"):
    import numpy as np

    np.save(path, weight.numpy())
else:
    from safetensors.torch import save_file

    save_file({"weight": weight}, path)
