"""The GRU baseline: torch's own layer and a linear readout (Cho et al. 2014)."""

from torch import nn

from digimus.models.gated import GatedLayer


class GRU(GatedLayer):
    """One GRU layer and a linear readout.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
    """

    def __init__(self, n_inputs, n_outputs, *, rng, n_units=136):
        super().__init__(nn.GRU, n_inputs, n_outputs, n_units, rng)
