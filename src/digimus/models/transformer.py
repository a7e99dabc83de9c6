"""The Transformer baseline: torch's own encoder layers under a causal mask, and a linear readout.

Layers are pre-norm (LayerNorm before attention and before the feed-forward part, one more after the last
layer), which trains at a constant learning rate without warm-up (Xiong et al. 2020), without dropout.
Positions are the sinusoids of Vaswani et al. 2017: learnt ones would add 14 % of parameters.
"""

import math

import torch
from torch import nn

from digimus.errors import InputError
from digimus.models.settings import check_whole

FEED_FORWARD = 210 / 64


class Transformer(nn.Module):
    """A causal encoder and a linear readout.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
        The units are the width of the residual stream.
    n_layers : int
    n_heads : int
        Divides n_units.
    n_hidden : int, optional
        Width of the feed-forward part; by default 210/64 of n_units.

    Raises
    ------
    InputError
        If the heads do not divide the width.
    """

    recurrent_weight = None  # nothing recurs
    widths = ("n_units", "n_hidden")

    def __init__(self, n_inputs, n_outputs, *, rng, n_units=64, n_layers=2, n_heads=4, n_hidden=None):
        super().__init__()
        check_whole("models.transformer.n_layers", n_layers, hint="2 layers are the default.")
        check_whole("models.transformer.n_heads", n_heads, hint="4 heads are the default.")
        if n_units % n_heads:
            raise InputError(
                "The heads of a Transformer must divide its width.",
                where="models.transformer.n_heads",
                expected=f"a divisor of {n_units}",
                got=n_heads,
                hint="4 heads and a multiple of 4 units are usual.",
            )
        n_hidden = max(1, round(FEED_FORWARD * n_units)) if n_hidden is None else n_hidden
        check_whole("models.transformer.n_hidden", n_hidden)
        self.encoder = nn.Linear(n_inputs, n_units)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                n_units, n_heads, n_hidden, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(n_units)
        self.readout = nn.Linear(n_units, n_outputs)
        self._initialise(rng, n_layers)

    @staticmethod
    def unit_step(settings):
        """Widths come in multiples of the heads."""
        return settings.get("n_heads", 4)

    @torch.no_grad()
    def _initialise(self, rng, n_layers):
        """Uniform weights (Glorot), those that write to the residual stream smaller; no biases."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
                continue
            rows = parameter.shape[0] // 3 if "in_proj" in name else parameter.shape[0]
            bound = math.sqrt(6 / (rows + parameter.shape[1]))
            if name.endswith(("out_proj.weight", "linear2.weight")):
                bound /= math.sqrt(2 * n_layers)
            parameter.uniform_(-bound, bound, generator=rng)

    def run(self, inputs):
        """Readout (batch, time, output) and the normalised stream of the last layer (batch, time, unit)."""
        n_steps = inputs.shape[1]
        x = self.encoder(inputs)
        x = x + sinusoids(n_steps, x.shape[2]).to(x)
        future = nn.Transformer.generate_square_subsequent_mask(n_steps, device=x.device, dtype=x.dtype)
        for layer in self.layers:
            x = layer(x, src_mask=future, is_causal=True)
        states = self.norm(x)
        return self.readout(states), states

    def forward(self, inputs):
        """Raw readout, shape (batch, time, output)."""
        return self.run(inputs)[0]


def sinusoids(n_steps, n_units):
    """Positions, shape (n_steps, n_units): sines in even columns, cosines in odd ones."""
    rates = torch.exp(torch.arange(0, n_units, 2, dtype=torch.float64) * (-math.log(10_000.0) / n_units))
    angles = torch.arange(n_steps, dtype=torch.float64)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).reshape(n_steps, -1)[:, :n_units]
