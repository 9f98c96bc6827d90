"""The same two passes by torch: ``torch_probe.py DEPTH WIDTH BATCH``. Prints mean squares of outputs and gradients."""

import sys

import torch

depth, width, batch = map(int, sys.argv[1:])
torch.manual_seed(0)
layers = []
for _ in range(depth):
    linear = torch.nn.Linear(width, width, bias=False)
    torch.nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
    layers += [linear, torch.nn.ReLU()]
x = torch.randn(batch, width, requires_grad=True)
outputs = [x]
for layer in layers:
    outputs.append(layer(outputs[-1]))
for output in outputs[1:-1]:
    output.retain_grad()
outputs[-1].backward(torch.randn(batch, width))
for output in outputs[:-1:2]:
    print(float(output.detach().square().mean()), float(output.grad.square().mean()))
