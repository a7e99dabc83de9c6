"""The LIF recurrence with all of its options, as a plain loop that torch differentiates.

v_t = beta (v_{t-1} - reset) + (1 - beta) (I_t + sum over d of W_d s_{t-d}),  s_t = [v_t >= v_th + b a_t],
a_t = rho a_{t-1} + (1 - rho) s_{t-1}; the reset is v_{t-1} s_{t-1} (hard) or v_th s_{t-1} (soft), b the
adaptation, W_d the weights with a delay of d steps. It is what the faster loops are held against:
`digimus.models.lif.LIFLoop` and the kernels of `digimus.models.kernels`.
"""

import torch

RESETS = ("hard", "soft")


class Spike(torch.autograd.Function):
    """1 where x >= 0, else 0; its derivative is a surrogate's."""

    @staticmethod
    def forward(ctx, x, surrogate):
        """Spikes in the shape and type of x."""
        ctx.save_for_backward(x)
        ctx.surrogate = surrogate
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        """The gradient times the surrogate derivative."""
        (x,) = ctx.saved_tensors
        return grad * ctx.surrogate(x), None


def lif_loop(
    current, weight, beta, threshold, surrogate, *, reset="hard", adaptation=0.0, rho=0.0, delays=None
):
    """Spikes for an input current.

    Parameters
    ----------
    current : torch.Tensor, shape (time, batch, unit)
    weight : torch.Tensor, shape (unit, unit)
        W[post, pre].
    beta : float or torch.Tensor, shape (unit,)
        Decay of the membrane in a step.
    threshold : float
    surrogate : callable
        One of `digimus.models.surrogates.SURROGATES`.
    reset : {"hard", "soft"}
    adaptation : float
        By how much the threshold of a unit that spikes at every step rises in the end.
    rho : float or torch.Tensor, shape (unit,)
        Decay of the adaptation in a step.
    delays : torch.Tensor of int, shape (unit, unit), optional
        Steps from a spike of `pre` to its arrival at `post`; one without.

    Returns
    -------
    torch.Tensor, shape (time, batch, unit)
    """
    by_delay = _weights_by_delay(weight, delays)
    v = s = a = torch.zeros_like(current[0])
    spikes = []
    for t, step in enumerate(current.unbind(0)):
        drive = step
        for delay, to_post in by_delay:
            if t >= delay:
                drive = torch.addmm(drive, spikes[t - delay], to_post)
        kept = v * (1 - s) if reset == "hard" else v - threshold * s
        v = beta * kept + (1 - beta) * drive
        over = v - threshold
        if adaptation:
            a = rho * a + (1 - rho) * s
            over = over - adaptation * a
        s = Spike.apply(over, surrogate)
        spikes.append(s)
    return torch.stack(spikes)


def _weights_by_delay(weight, delays):
    """Pairs of a delay and the transposed weights that have it."""
    if delays is None:
        return [(1, weight.t())]
    return [(int(d), (weight * (delays == d)).t()) for d in torch.unique(delays)]
