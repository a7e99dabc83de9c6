"""The kernels of `digimus.models.kernels` as one function that torch differentiates.

It takes a network from its inputs to its readout, or to its spikes, and gives the gradients of all weights
and of learnt time constants. `usable` says whether numba compiles the kernels here, and tells the log once
if it does not.
"""

import logging
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from digimus.errors import InputError
from digimus.models.surrogates import fast_sigmoid, rectangular, triangular

log = logging.getLogger(__name__)
DTYPES = (torch.float32, torch.float64)
SURROGATE_KINDS = {fast_sigmoid: 0, triangular: 1, rectangular: 2}
"""Surrogates that the kernels know, as numbered there."""

_LARGEST_KEPT = 2**28
_N_KEPT = 2
_idle = []


@dataclass(frozen=True)
class Loop:
    """What a network's loop over time is, beside its weights and decays.

    Attributes
    ----------
    threshold, adaptation, kappa : float
    surrogate : callable
        A key of `SURROGATE_KINDS`.
    hard : bool
        Hard reset, else soft.
    noise : torch.Tensor, shape (time, batch, unit), optional
        Added to the current.
    """

    threshold: float
    adaptation: float
    kappa: float
    surrogate: object
    hard: bool
    noise: torch.Tensor | None = None


@cache
def usable(dtype):
    """Whether numba compiles the kernels for a type on this machine; a line in the log if not."""
    try:
        _try(dtype)
    except Exception as error:  # whatever numba or the compiler below it finds wrong
        reason = next(iter(str(error).splitlines()), "")
        log.warning("Spiking networks run without numba: %s: %s", type(error).__name__, reason)
        return False
    return True


def _try(dtype):
    """One step of one unit, forward and back."""
    loop = Loop(0.5, 0.0, 0.5, fast_sigmoid, True)
    # Whoever asks first may be in inference mode, whose tensors have no gradients.
    with torch.inference_mode(False), torch.enable_grad():
        one = torch.ones(1, 1, dtype=dtype, requires_grad=True)
        run(torch.ones(1, 1, 1, dtype=dtype), one, one, one[0], one, 0.5, 0.5, loop).sum().backward()


def run(inputs, w_in, w, b, readout, beta, rho, loop):
    """The network's readout without its bias, or its spikes.

    Parameters
    ----------
    inputs : torch.Tensor, shape (batch, time, input)
    w_in, w, b : torch.Tensor, shape (unit, input), (unit, unit), (unit,)
    readout : torch.Tensor, shape (output, unit), or None
        Without it the result is the spikes.
    beta, rho : float or torch.Tensor, shape (unit,)
        Decays of membrane and adaptation in a step.
    loop : Loop

    Returns
    -------
    torch.Tensor, shape (batch, time, output) or (time, batch, unit)

    Raises
    ------
    InputError
        For inputs of another type or number than the weights take.
    """
    if inputs.ndim != 3 or inputs.shape[2] != w_in.shape[1] or inputs.dtype != b.dtype:
        raise InputError(
            "These inputs do not fit the network.",
            where="inputs",
            expected=f"(batch, time, {w_in.shape[1]}) of {b.dtype}",
            got=f"{tuple(inputs.shape)} of {inputs.dtype}",
            hint="A network's .float() and .double() change its type.",
        )
    # Inside `forward` gradients are always off, and `needs_input_grad` does not tell whether they were.
    wanted = torch.is_grad_enabled()
    return SpikingFunction.apply(inputs, w_in, w, b, readout, beta, rho, loop, wanted)


class SpikingFunction(torch.autograd.Function):
    """`run`, and its gradients."""

    @staticmethod
    def forward(ctx, inputs, w_in, w, b, readout, beta, rho, loop, wanted):
        """The arguments and the result of `run`, and whether gradients may be asked for."""
        from digimus.models import kernels

        inputs = inputs.contiguous()
        shape = _Shape.of(inputs, b, readout)
        keeps = wanted and any(ctx.needs_input_grad)
        kept = _Kept(shape, keeps, bool(loop.adaptation))
        decays = _decays(shape, beta, rho)
        y = shape.empty(shape.batch, shape.time, shape.output)
        spikes = shape.empty(shape.time, shape.batch, shape.unit) if readout is None else shape.nothing()
        noise = shape.nothing() if loop.noise is None else loop.noise.contiguous()
        kernels.forward(
            _array(inputs), _array(noise), _array(_weights_in(shape, w_in)),
            _array(_weights_on(shape, w, readout)), _array(b.contiguous()), *map(_array, decays),
            *shape.numbers(loop.threshold, loop.adaptation), loop.hard,
            *shape.numbers(loop.kappa, 1 - loop.kappa), keeps,
            kept.v, kept.a, kept.units, kept.ends, _array(spikes), _array(y),
            *shape.work("tile", "row", "batch", "batch", "batch", "width"),
        )  # fmt: skip
        if keeps:
            ctx.save_for_backward(inputs, w_in, w, readout, *decays)
            ctx.shape, ctx.kept, ctx.loop = shape, kept, loop
            ctx.learnt = ctx.needs_input_grad[5] or ctx.needs_input_grad[6]
        return spikes if readout is None else y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        """Gradients of inputs, weights, bias, readout and decays."""
        from digimus.models import kernels

        inputs, w_in, w, readout, *decays = ctx.saved_tensors
        shape, kept, loop = ctx.shape, ctx.kept, ctx.loop
        grad = grad.contiguous()
        no_y = shape.empty(shape.batch, shape.time, 0)
        grad_y, grad_spikes = (no_y, grad) if readout is None else (grad, shape.nothing())
        d_in, d_on = shape.zeros(shape.input, shape.width), shape.zeros(shape.unit, shape.row)
        d_b = shape.zeros(shape.width)
        d_beta, d_rho = (torch.zeros(shape.unit, dtype=torch.float64) for _ in range(2))
        current = shape.nothing()
        if ctx.needs_input_grad[0]:
            current = shape.empty(shape.time, shape.batch, shape.unit)
        kernels.backward(
            _array(grad_y), _array(grad_spikes), _array(inputs), _array(_weights_back(shape, w, readout)),
            *map(_array, decays), *shape.numbers(loop.threshold, loop.adaptation), loop.hard,
            *shape.numbers(loop.kappa, 1 - loop.kappa), SURROGATE_KINDS[loop.surrogate], ctx.learnt,
            kept.v, kept.a, kept.units, kept.ends, *map(_array, (d_in, d_on, d_b, d_beta, d_rho, current)),
            *shape.work("row", "tile", "batch", "batch", "width", "width"),
            np.empty(shape.batch * shape.unit, np.int32), np.empty(shape.unit + 1, np.int64),
            np.arange(shape.batch, dtype=np.int32),
        )  # fmt: skip
        n = shape.unit
        needs = ctx.needs_input_grad
        return (
            (current @ w_in).transpose(0, 1) if needs[0] else None,
            d_in[:, :n].t(),
            d_on[:, :n].t(),
            d_b[:n],
            None if readout is None else d_on[:, shape.width : shape.width + shape.output].t(),
            (d_beta / decays[1]).to(grad.dtype) if needs[5] else None,
            d_rho.to(grad.dtype) if needs[6] else None,
            None,
            None,
        )


def _array(tensor):
    return tensor.detach().numpy()


@dataclass(frozen=True)
class _Shape:
    """Sizes of one call; `width` is that of a row of units in whole vectors, `row` with its outputs."""

    batch: int
    time: int
    input: int
    unit: int
    output: int
    dtype: torch.dtype
    width: int
    row: int

    @classmethod
    def of(cls, inputs, b, readout):
        from digimus.models.kernels import padded

        n, n_outputs, size = len(b), 0 if readout is None else len(readout), b.dtype.itemsize
        width = padded(n, size)
        return cls(*inputs.shape, n, n_outputs, b.dtype, width, width + padded(n_outputs, size, 1))

    def empty(self, *sizes):
        return torch.empty(sizes, dtype=self.dtype)

    def zeros(self, *sizes):
        return torch.zeros(sizes, dtype=self.dtype)

    def nothing(self):
        """A tensor for what is not there."""
        return self.empty(0, 0, 0)

    def numbers(self, *values):
        """Numbers of the network's type; a wider one would make the arithmetic wider."""
        kind = np.float32 if self.dtype == torch.float32 else np.float64
        return [kind(value) for value in values]

    def work(self, *names):
        """Working space of a kernel, zeros."""
        from digimus.models.kernels import ROWS

        sizes = {
            "tile": (ROWS, self.width),
            "row": (self.batch, self.row),
            "batch": (self.batch, self.width),
            "width": (self.width,),
        }
        lengths = [math.prod(sizes[name]) for name in names]
        parts = np.split(self.zeros(sum(lengths)).numpy(), np.cumsum(lengths)[:-1])
        return [part.reshape(sizes[name]) for name, part in zip(names, parts, strict=True)]


def _decays(shape, beta, rho):
    """beta, 1 - beta, rho and 1 - rho of every unit."""
    found = []
    for decay in (beta, rho):
        if isinstance(decay, torch.Tensor):
            found += [decay.detach().contiguous(), 1 - decay.detach()]
        else:
            found += [torch.full((shape.unit,), value, dtype=shape.dtype) for value in (decay, 1 - decay)]
    return found


def _weights_in(shape, w_in):
    """W_in by input, in panels."""
    weights = shape.zeros(shape.input, shape.width)
    weights[:, : shape.unit] = w_in.t()
    return _panels(weights)


def _panels(weights):
    """A matrix cut into panels of columns, each in one piece of memory: (panel, row, column)."""
    from digimus.models.kernels import padded

    return weights.unflatten(1, (-1, padded(1, weights.itemsize))).transpose(0, 1).contiguous()


def _weights_on(shape, w, readout):
    """Where a unit's spike goes: a column of W, then one of the readout."""
    weights = shape.zeros(shape.unit, shape.row)
    weights[:, : shape.unit] = w.t()
    if readout is not None:
        weights[:, shape.width : shape.width + shape.output] = readout.t()
    return weights


def _weights_back(shape, w, readout):
    """W, and below it the readout, in panels."""
    weights = shape.zeros(shape.width + shape.output, shape.width)
    weights[: shape.unit, : shape.unit] = w
    if readout is not None:
        weights[shape.width :, : shape.unit] = readout
    return _panels(weights)


class _Kept:
    """What the way back needs: potentials, adaptation, and which units spiked.

    They lie in one block of memory, which is used again once nothing refers to this object: fresh memory
    costs as much as the arithmetic that fills it. A block in use is never handed out twice.
    """

    def __init__(self, shape, keeps, adapts):
        n_rows = shape.batch * (shape.time if keeps else 1)
        n_values = n_rows * shape.width
        n_listed = (n_rows if keeps else 1) * shape.unit + 64  # they are written in whole vectors
        size = shape.dtype.itemsize
        parts = [n_values * size, n_values * size if adapts else 0, n_listed * 4]
        places = np.cumsum([0] + [-(-part // 64) * 64 for part in parts])
        self._block = _take(int(places[-1]))
        kind = np.float32 if size == 4 else np.float64
        pieces = [self._block[at : at + part] for at, part in zip(places, parts, strict=False)]
        self.v = pieces[0].view(kind).reshape(n_rows, shape.width)
        self.a = pieces[1].view(kind).reshape(-1, shape.width)
        self.units = pieces[2].view(np.int32)
        self.ends = np.zeros(n_rows + 1, np.int64)

    def __del__(self):
        block = self.__dict__.get("_block")
        if block is not None and len(_idle) < _N_KEPT and block.nbytes <= _LARGEST_KEPT:
            _idle.append(block)


def _take(n_bytes):
    """A block of memory of at least so many bytes, with what it held before."""
    try:
        block = _idle.pop()
    except IndexError:
        block = None
    if block is None or block.nbytes < n_bytes:
        block = torch.empty(n_bytes, dtype=torch.uint8).numpy()
    return block
