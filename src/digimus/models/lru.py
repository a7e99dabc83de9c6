"""The diagonal state-space baseline: linear recurrent units between gated pointwise layers.

Every layer is x + gate(gelu(y)), y the real part of C h + D u, where u is x after LayerNorm and
h_t = lambda h_{t-1} + gamma B u_t elementwise over complex states (Orvieto et al. 2023; the parallel
evaluation is that of S5, Smith et al. 2023). lambda = exp(-exp(nu) + i exp(theta)) lies inside the unit
circle whatever is learnt, and gamma = sqrt(1 - |lambda|^2) keeps the states' size.

Complex numbers are pairs of real ones. The recurrence is taken in chunks: inside a chunk as one real
product with a triangular matrix for each state, and from chunk to chunk as a short loop.
"""

import math

import torch
from torch import nn

from digimus.models.settings import check_whole

CHUNK = 16
SMALLEST, LARGEST = 0.9, 0.999
"""Bounds of the initial |lambda|: memories of about 10 to 1,000 steps."""
LARGEST_ANGLE = math.pi / 10


class LRU(nn.Module):
    """Layers of diagonal linear recurrences and a linear readout.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
        The units are the width of the residual stream.
    n_layers : int
    n_hidden : int, optional
        Complex states of a layer; by default n_units.
    """

    recurrent_weight = None  # its states do not act on each other
    widths = ("n_units", "n_hidden")

    def __init__(self, n_inputs, n_outputs, *, rng, n_units=80, n_layers=2, n_hidden=None):
        super().__init__()
        n_hidden = n_units if n_hidden is None else n_hidden
        check_whole("models.lru.n_layers", n_layers, hint="2 layers are the default.")
        check_whole("models.lru.n_hidden", n_hidden)
        self.encoder = nn.Linear(n_inputs, n_units)
        self.layers = nn.ModuleList(_Layer(n_units, n_hidden, rng) for _ in range(n_layers))
        self.readout = nn.Linear(n_units, n_outputs)
        with torch.no_grad():
            for layer in (self.encoder, self.readout):
                layer.weight.normal_(0, 1 / math.sqrt(layer.in_features), generator=rng)
                layer.bias.zero_()

    def run(self, inputs):
        """Readout (batch, time, output) and the stream after the last layer (batch, time, unit)."""
        x = self.encoder(inputs)
        for layer in self.layers:
            x = layer(x)
        return self.readout(x), x

    def forward(self, inputs):
        """Raw readout, shape (batch, time, output)."""
        return self.run(inputs)[0]


class _Layer(nn.Module):
    def __init__(self, n_units, n_states, rng):
        super().__init__()
        self.norm = nn.LayerNorm(n_units)
        size = torch.rand(n_states, generator=rng) * (LARGEST**2 - SMALLEST**2) + SMALLEST**2
        angle = torch.rand(n_states, generator=rng) * LARGEST_ANGLE + 1e-4
        self.nu = nn.Parameter(torch.log(-0.5 * torch.log(size)))
        self.theta = nn.Parameter(torch.log(angle))
        # Real parts above imaginary ones.
        self.b = nn.Parameter(torch.randn(2 * n_states, n_units, generator=rng) / math.sqrt(2 * n_units))
        self.c = nn.Parameter(torch.randn(n_units, 2 * n_states, generator=rng) / math.sqrt(n_states))
        self.d = nn.Parameter(torch.randn(n_units, generator=rng))
        self.gate = nn.Linear(n_units, 2 * n_units)
        with torch.no_grad():
            self.gate.weight.normal_(0, 1 / math.sqrt(n_units), generator=rng)
            self.gate.bias.zero_()

    def forward(self, x):
        u = self.norm(x)
        decay = torch.exp(self.nu)
        gamma = torch.sqrt(-torch.expm1(-2 * decay))
        driven = nn.functional.linear(u, self.b * torch.cat([gamma, gamma])[:, None])
        states = diagonal_recurrence(driven, decay, torch.exp(self.theta))
        y = nn.functional.linear(states, self.c) + self.d * u
        return x + nn.functional.glu(self.gate(nn.functional.gelu(y)), -1)


def diagonal_recurrence(driven, decay, angle):
    """h_t = lambda h_{t-1} + x_t with lambda = exp(-decay + i angle), from h = 0 before the first step.

    Parameters
    ----------
    driven : torch.Tensor, shape (batch, time, 2 n)
        Real parts of the n inputs, then their imaginary parts.
    decay, angle : torch.Tensor, shape (n,)

    Returns
    -------
    torch.Tensor, shape (batch, time, 2 n)
        The states, likewise.
    """
    batch, n_steps, n = driven.shape[0], driven.shape[1], len(decay)
    n_chunks = -(-n_steps // CHUNK)
    x = nn.functional.pad(driven, (0, 0, 0, n_chunks * CHUNK - n_steps))
    # (states, chunk steps of the real and then of the imaginary parts, batch and chunks)
    x = x.reshape(batch, n_chunks, CHUNK, 2, n).permute(4, 3, 2, 1, 0)
    x = x.reshape(n, 2 * CHUNK, n_chunks * batch)
    real, imaginary = _powers(decay, angle)
    within = torch.bmm(_rotations(*(_lower(part) for part in (real, imaginary))), x)
    within = within.reshape(n, 2 * CHUNK, n_chunks, batch).unbind(2)
    # What the last state of a chunk adds to each step of the next: lambda^1 to lambda^CHUNK.
    onward = _rotations(real[:, 1:, None], imaginary[:, 1:, None])
    chunks = [within[0]]
    for part in within[1:]:
        last = chunks[-1][:, [CHUNK - 1, 2 * CHUNK - 1]]
        chunks.append(torch.baddbmm(part, onward, last))
    states = torch.stack(chunks, 2).reshape(n, 2, CHUNK, n_chunks, batch).permute(4, 3, 2, 1, 0)
    return states.reshape(batch, n_chunks * CHUNK, 2 * n)[:, :n_steps]


def _powers(decay, angle):
    """Real and imaginary parts of lambda^0 to lambda^CHUNK, each (n, CHUNK + 1)."""
    steps = torch.arange(CHUNK + 1, device=decay.device, dtype=decay.dtype)
    size = torch.exp(-decay[:, None] * steps)
    return size * torch.cos(angle[:, None] * steps), size * torch.sin(angle[:, None] * steps)


def _lower(powers):
    """Triangular matrices (n, CHUNK, CHUNK) with lambda^(t - s) in row t and column s <= t."""
    steps = torch.arange(CHUNK, device=powers.device)
    lag = steps[:, None] - steps[None, :]
    return torch.where(lag >= 0, powers[:, lag.clamp(min=0)], 0.0)


def _rotations(real, imaginary):
    """A complex matrix as a real one that acts on real parts above imaginary parts."""
    return torch.cat([torch.cat([real, -imaginary], -1), torch.cat([imaginary, real], -1)], -2)
