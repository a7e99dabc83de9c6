"""The optimiser: torch's own Adam, bit for bit, without what that imports."""

import subprocess
import sys

import pytest
import torch

from digimus.training.adam import Adam


def _moved(make, gradients, rates):
    generator = torch.Generator().manual_seed(3)
    shapes = [(5, 4), (7,), (1,)]
    parameters = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    parameters.append(torch.nn.Parameter(torch.ones(2)))  # never has a gradient
    optimizer = make(parameters)
    for given, rate in zip(gradients, rates, strict=True):
        optimizer.zero_grad()
        for parameter, gradient in zip(parameters, given, strict=False):
            parameter.grad = gradient.clone()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    return parameters, optimizer


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_it_gives_the_bits_of_torch(weight_decay):
    generator = torch.Generator().manual_seed(4)
    gradients = [
        [torch.randn(shape, generator=generator) for shape in [(5, 4), (7,), (1,)]] for _ in range(20)
    ]
    rates = [0.1 / (1 + k) for k in range(20)]
    ours, own = _moved(lambda p: Adam(p, lr=1.0, weight_decay=weight_decay), gradients, rates)
    theirs, torchs = _moved(
        lambda p: torch.optim.Adam(p, lr=1.0, weight_decay=weight_decay, fused=True), gradients, rates
    )
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b)
        assert set(own.state.get(a, {})) == set(torchs.state.get(b, {}))
        for name, value in own.state.get(a, {}).items():
            assert torch.equal(value, torchs.state[b][name])
    assert ours[3] not in own.state


def test_a_step_without_gradients_moves_nothing():
    parameter = torch.nn.Parameter(torch.ones(3))
    Adam([parameter], lr=1.0).step()
    assert torch.equal(parameter, torch.ones(3))


def test_training_does_not_import_torchs_compiler():
    code = (
        "import sys, torch; from digimus.training.adam import Adam; p = torch.nn.Parameter(torch.ones(2));"
        "o = Adam([p], lr=.1); o.zero_grad(); p.sum().backward(); o.step();"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
