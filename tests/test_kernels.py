"""The compiled kernels of the spiking network against the plain loop.

Sums in another order round differently, and a potential within rounding of the threshold may then spike in
one computation and not in the other. So equal spikes are asked for where there is no such doubt: with
inputs and weights that are multiples of 1/64, whose sums are exact in any order (all else that a potential
goes through is the same operations in the same order), and with other numbers where the plain loop itself
spikes alike in single and double precision.
"""

import itertools
import os
import subprocess
import sys

import pytest
import torch

from digimus.errors import InputError
from digimus.models import build, kernels_autograd
from digimus.models.kernels_autograd import Loop, run
from digimus.models.lif import leaky_filter
from digimus.models.spiking import lif_loop
from digimus.models.surrogates import SURROGATES

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
KAPPA = 0.8
SIZES = [  # batch, time, input, unit, output
    (1, 1, 1, 1, 1),
    (1, 9, 3, 1, 2),
    (3, 1, 2, 5, 1),
    (5, 16, 7, 19, 3),
    (9, 12, 4, 33, 17),
    (8, 10, 85, 64, 33),
    (17, 8, 5, 130, 40),
]
CASES = [
    dict(hard=hard, adaptation=adaptation, learnt=learnt)
    for hard, adaptation, learnt in itertools.product((True, False), (0.0, 1.5), (False, True))
]


def problem(sizes, dtype, *, bias=0.25, step=1 / 64):
    """Inputs, weights and what the readout's gradient is; all but the last are multiples of `step`."""
    batch, time, n_inputs, n, n_outputs = sizes
    rng = torch.Generator().manual_seed(sum(sizes))

    def draw(*shape, scale=1.0):
        values = torch.randn(shape, generator=rng, dtype=torch.float64) * scale
        return ((values / step).round() * step if step else values).to(dtype)

    arguments = dict(
        inputs=draw(batch, time, n_inputs, scale=0.5),
        w_in=draw(n, n_inputs, scale=2 / n_inputs**0.5),
        w=draw(n, n, scale=1.5 / n**0.5),
        b=torch.full((n,), bias, dtype=dtype),
        readout=draw(n_outputs, n),
        beta=torch.linspace(0.5, 0.95, n, dtype=dtype),
        rho=torch.linspace(0.6, 0.9, n, dtype=dtype),
    )
    return arguments, torch.randn((batch, time, n_outputs), generator=rng, dtype=dtype)


def plain(inputs, w_in, w, b, readout, beta, rho, loop):
    """What `run` computes, by the plain loop."""
    current = torch.nn.functional.linear(inputs.transpose(0, 1), w_in, b)
    reset = "hard" if loop.hard else "soft"
    if loop.noise is not None:
        current = current + loop.noise
    spikes = lif_loop(
        current, w, beta, loop.threshold, loop.surrogate, reset=reset, adaptation=loop.adaptation, rho=rho
    )
    if readout is None:
        return spikes
    return leaky_filter(torch.nn.functional.linear(spikes, readout), loop.kappa).transpose(0, 1)


def loop_of(hard=True, adaptation=0.0, surrogate="fast_sigmoid", noise=None):
    return Loop(0.5, adaptation, KAPPA, SURROGATES[surrogate], hard, noise)


def results(function, arguments, loop, grad):
    """Spikes, readout, and the gradient of each argument that takes part."""
    leaves = {
        name: x.detach().clone().requires_grad_() if isinstance(x, torch.Tensor) else x
        for name, x in arguments.items()
    }
    with torch.no_grad():
        spikes = function(**{**leaves, "readout": None}, loop=loop)
    readout = function(**leaves, loop=loop)
    (readout * grad).sum().backward()
    gradients = {name: x.grad for name, x in leaves.items() if getattr(x, "grad", None) is not None}
    return spikes, readout.detach(), gradients


def relative(found, expected):
    """The largest difference, as a share of the largest number."""
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30))


def check(arguments, loop, grad, tolerance):
    """Our results and the plain loop's are the same; the spikes."""
    spikes, readout, gradients = results(run, arguments, loop, grad)
    expected_spikes, expected_readout, expected_gradients = results(plain, arguments, loop, grad)
    assert torch.equal(spikes, expected_spikes)
    assert relative(readout, expected_readout) < tolerance
    for name, expected in expected_gradients.items():
        if expected.abs().max() == 0:
            assert name not in gradients or gradients[name].abs().max() == 0, name
        else:
            assert relative(gradients[name], expected) < tolerance, name
    return spikes


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_option_and_size_is_the_plain_loop(sizes, dtype):
    rates, n = [], SIZES.index(sizes)
    for k, case in enumerate(CASES):
        arguments, grad = problem(sizes, dtype)
        if not case["learnt"]:
            arguments |= dict(beta=0.8, rho=0.9)
        # Over the sizes every option meets every surrogate.
        loop = loop_of(case["hard"], case["adaptation"], list(SURROGATES)[(n + k) % 3])
        rates.append(float(check(arguments, loop, grad, TOLERANCE[dtype]).mean()))
    if sizes[1] > 1 and sizes[3] > 1:
        assert all(0.02 < rate < 0.8 for rate in rates)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_numbers_of_a_real_network_spike_alike_where_rounding_decides_nothing(dtype):
    arguments, grad = problem((16, 100, 20, 96, 10), torch.float64, step=None)
    arguments |= dict(beta=0.8187, rho=0.97)
    short = {name: x.float() if isinstance(x, torch.Tensor) else x for name, x in arguments.items()}
    both = [plain(**{**values, "readout": None}, loop=loop_of()) for values in (arguments, short)]
    assert torch.equal(both[0], both[1].double())
    chosen = short if dtype == torch.float32 else arguments
    spikes = check(chosen, loop_of(), grad.to(dtype), TOLERANCE[dtype])
    assert 0.03 < spikes.mean() < 0.5


@pytest.mark.parametrize(("bias", "rate"), [(-50.0, 0.0), (50.0, 1.0)])
@pytest.mark.parametrize("case", [{}, dict(hard=False, adaptation=1.5)], ids=str)
def test_silent_and_saturated_networks(bias, rate, case):
    arguments, grad = problem((9, 15, 4, 37, 5), torch.float32, bias=bias)
    arguments |= dict(beta=0.8, rho=0.9)
    spikes = check(arguments, loop_of(**case), grad, 1e-5)
    assert spikes.mean() == rate


def test_layouts_in_memory_do_not_matter():
    arguments, grad = problem((6, 12, 8, 21, 4), torch.float64)
    expected = results(run, arguments, loop_of(), grad)
    inputs = arguments["inputs"]
    wide = torch.zeros(12, 6, 16, dtype=torch.float64).transpose(0, 1)
    wide[:, :, ::2] = inputs
    others = dict(
        inputs=wide[:, :, ::2],
        w=arguments["w"].t().contiguous().t(),
        w_in=arguments["w_in"].t().contiguous().t(),
        b=torch.stack([arguments["b"]] * 2, 1)[:, 0],
        beta=torch.stack([arguments["beta"]] * 2, 1)[:, 0],
    )
    assert not any(x.is_contiguous() for x in others.values())
    leaves = {name: x.detach().requires_grad_() for name, x in {**arguments, **others}.items()}
    readout = run(**leaves, loop=loop_of())
    assert torch.equal(readout, expected[1])
    (readout.transpose(0, 1) * grad.transpose(0, 1)).sum().backward()
    for name, gradient in expected[2].items():
        if name == "inputs":  # a product of torch's, whose order may depend on the layout
            assert relative(leaves[name].grad, gradient) < 1e-14
        else:
            assert torch.equal(leaves[name].grad, gradient), name


def test_spikes_alone_carry_gradients_too():
    arguments, _ = problem((6, 20, 8, 21, 4), torch.float64)
    arguments["readout"] = None
    grad = torch.randn(20, 6, 21, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for surrogate in SURROGATES:
        loop = loop_of(False, 1.5, surrogate)
        check(arguments, loop, grad, 1e-10)


def test_noise_enters_the_current():
    arguments, grad = problem((6, 20, 8, 21, 4), torch.float64)
    noise = torch.randn(20, 6, 21, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    loud = check(arguments, loop_of(noise=noise), grad, 1e-10)
    assert not torch.equal(loud, check(arguments, loop_of(), grad, 1e-10))


def network_and_inputs(dtype=torch.float32, **settings):
    network = build("digimus", 6, 3, n_units=40, seed=2, **settings).to(dtype)
    inputs = torch.randn(7, 25, 6, generator=torch.Generator().manual_seed(1), dtype=dtype)
    return network, inputs


def gradients_of(network, outputs):
    network.zero_grad()
    outputs.square().sum().backward()
    return [p.grad.clone() for p in network.parameters() if p.grad is not None]


def same(first, second):
    return all(torch.equal(x, y) for x, y in zip(first, second, strict=True))


def test_the_same_bits_twice_and_whether_or_not_gradients_are_wanted():
    network, inputs = network_and_inputs()
    first = network(inputs)
    gradients = gradients_of(network, first)
    second = network(inputs)
    assert torch.equal(first, second) and same(gradients, gradients_of(network, second))
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert torch.equal(network(inputs), first)


@pytest.mark.parametrize("settings", [{}, dict(adaptation=1.5, learn_time_constants=True)], ids=str)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients_one_step_is_kept_and_all_steps_with_them(monkeypatch, settings, mode):
    network, inputs = network_and_inputs(**settings)
    rows, plain = [], kernels_autograd._Kept
    monkeypatch.setattr(kernels_autograd, "_idle", [])
    monkeypatch.setattr(kernels_autograd, "_Kept", lambda *a: (rows.append(plain(*a)), rows[-1])[1])
    wanted, spikes = network(inputs), network.spikes(inputs)
    assert [kept.v.shape[0] for kept in rows] == [25 * 7, 25 * 7]
    rows.clear()
    with mode():
        outputs, alone = network(inputs), network.spikes(inputs)
    assert [kept.v.shape[0] for kept in rows] == [7, 7]
    assert outputs.grad_fn is None and not outputs.requires_grad
    assert torch.equal(outputs, wanted) and torch.equal(alone, spikes) and alone.any()
    largest = max(kept._block.nbytes for kept in rows)
    rows.clear()
    assert all(block.nbytes <= largest for block in kernels_autograd._idle)
    # Fixed weights need no way back either, and what a mode left behind does not stop one.
    assert not network.requires_grad_(False)(inputs).requires_grad
    assert gradients_of(network.requires_grad_(True), network(inputs))


def test_one_row_of_a_batch_does_not_depend_on_the_others():
    network, inputs = network_and_inputs()
    assert torch.equal(network(inputs)[:3], network(inputs[:3]))


def test_memory_in_use_is_not_handed_out_again():
    network, inputs = network_and_inputs()
    expected = [gradients_of(network, network(x)) for x in (inputs, 2 * inputs, inputs[:3, :9])]
    first, second, third = network(inputs), network(2 * inputs), network(inputs[:3, :9])
    for outputs, gradients in zip((second, first, third), (expected[k] for k in (1, 0, 2)), strict=True):
        assert same(gradients_of(network, outputs), gradients)


def test_a_graph_that_is_kept_can_be_taken_back_twice():
    network, inputs = network_and_inputs()
    loss = network(inputs).square().sum()
    loss.backward(retain_graph=True)
    once = [p.grad.clone() for p in network.parameters()]
    network(inputs + 1).sum()
    network.zero_grad()
    loss.backward()
    assert same(once, [p.grad for p in network.parameters()])
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_freed_memory_is_used_again():
    network, inputs = network_and_inputs()
    network(inputs).sum().backward()
    blocks = {block.ctypes.data for block in kernels_autograd._idle}
    outputs = network(inputs)
    assert outputs.grad_fn is not None and len(kernels_autograd._idle) < len(blocks)
    del outputs
    assert {block.ctypes.data for block in kernels_autograd._idle} == blocks


SCRIPT = """
import hashlib, torch
from digimus.models import build
network = build("alif", 6, 3, n_units=40, seed=2, learn_time_constants=True)
outputs = network(torch.randn(7, 25, 6, generator=torch.Generator().manual_seed(1)))
outputs.square().sum().backward()
assert network.kernel == "numba"
values = [outputs.detach(), *(p.grad for p in network.parameters())]
print(hashlib.sha256(b"".join(x.contiguous().numpy().tobytes() for x in values)).hexdigest())
"""


def test_numbers_of_threads_do_not_change_the_bits():
    found = set()
    for n_threads in ("1", "2"):
        names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, n_threads)}
        command = [sys.executable, "-c", SCRIPT]
        found.add(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    assert len(found) == 1 and len(found.pop()) > 60


FIRST = """
import torch
from digimus.models import build
network, inputs = build("digimus", 6, 3, n_units=40, seed=2), torch.randn(7, 25, 6)
with torch.inference_mode():
    outputs = network(inputs)
    assert network.kernel == "numba"
assert torch.equal(network(inputs), outputs)
network(inputs).sum().backward()
print(network.kernel)
"""


def test_a_first_call_in_inference_mode_keeps_the_compiled_loop():
    found = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "numba" and "without numba" not in found.stderr


# Which loop a network takes

KERNELS = [
    ({}, "numba", "torch"),
    ({"adaptation": 1.5}, "numba", "plain"),
    ({"reset": "soft"}, "numba", "plain"),
    ({"learn_time_constants": True}, "numba", "plain"),
    ({"excitatory_share": 0.8, "mask": 0.5}, "numba", "torch"),
    ({"preset": "earlier"}, "numba", "torch"),
    ({"recurrent_noise": 0.3}, "numba", "torch"),
    ({"delay_steps": 3}, "plain", "plain"),
]


@pytest.mark.parametrize(("settings", "compiled", "otherwise"), KERNELS, ids=str)
def test_a_network_tells_its_kernel_and_all_kernels_agree(settings, compiled, otherwise):
    network, inputs = network_and_inputs(torch.float64, **settings)
    found = []
    for compiles, kernel in ((True, compiled), (False, otherwise)):
        network.compiles = compiles
        assert network.kernel == kernel
        torch.manual_seed(4)
        outputs = network(inputs)
        found.append([outputs.detach(), *gradients_of(network, outputs)])
    for ours, expected in zip(*found, strict=True):
        assert relative(ours, expected) < 1e-10


def test_what_the_kernels_do_not_know_takes_another_loop():
    network, inputs = network_and_inputs()
    network.surrogate = lambda x: 1 / (1 + x.abs())
    assert network.kernel == "torch"
    network.to(torch.bfloat16)
    network.surrogate = SURROGATES["fast_sigmoid"]
    assert network.kernel == "torch" and network(inputs.bfloat16()).dtype == torch.bfloat16


def test_without_a_compiler_torch_computes_the_same_and_the_log_says_so_once(monkeypatch, caplog):
    network, inputs = network_and_inputs()
    expected = network(inputs)

    def fail(dtype):
        raise RuntimeError("no compiler\nmore")

    monkeypatch.setattr(kernels_autograd, "_try", fail)
    kernels_autograd.usable.cache_clear()
    try:
        for _ in range(3):
            torch.testing.assert_close(network(inputs), expected, rtol=1e-5, atol=1e-5)
        assert network.kernel == "torch"
        assert [r.getMessage() for r in caplog.records] == [
            "Spiking networks run without numba: RuntimeError: no compiler"
        ]
    finally:
        kernels_autograd.usable.cache_clear()
    monkeypatch.undo()
    assert network.kernel == "numba"


@pytest.mark.parametrize("change", [lambda x: x[:, :, :5], lambda x: x.double(), lambda x: x[0]])
def test_inputs_that_do_not_fit_are_refused(change):
    network, inputs = network_and_inputs()
    with pytest.raises(InputError, match="do not fit"):
        network(change(inputs))
