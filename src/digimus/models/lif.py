"""DigiMus: a recurrent network of leaky integrate-and-fire neurons with a leaky readout.

v_t = beta v_{t-1} (1 - s_{t-1}) + (1 - beta) (W_in x_t + W s_{t-1} + b),  s_t = [v_t >= v_th],
beta = exp(-dt / tau_m). Its loop over time is run in one of three ways, which `DigiMus.kernel` names:
"numba", the compiled kernels of `digimus.models.kernels`, on a CPU, for all options but delays; "torch",
one autograd function with a backward pass derived by hand, for a hard reset, no adaptation, one decay for
all units and no delays; "plain", the loop of `digimus.models.spiking`, for the rest. Signs, masks, regions
and the preset of earlier constants only change W and beta.
"""

import math
from numbers import Real

import torch
from torch import nn

from digimus.errors import InputError
from digimus.models import kernels_autograd
from digimus.models.settings import check_choice, check_number
from digimus.models.spiking import RESETS, lif_loop
from digimus.models.structure import dale_signs, make_delays, make_mask, region_coupling, region_slices
from digimus.models.surrogates import SURROGATES

PRESETS = ("default", "earlier")
EARLIER_BETA = 0.2
_NUMBERS_TOGETHER = 2**17
DEFAULTS = dict(tau_m_ms=100.0, threshold=0.5, surrogate="fast_sigmoid", learn_time_constants=False)


class DigiMus(nn.Module):
    """Modules of LIF neurons between an encoder and a leaky readout.

    Without a motif term it is the structure-free twin.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
    dt_ms, tau_readout_ms : float
        Time step and time constant of the readout.
    tau_m_ms : float or (float, float)
        Membrane time constant, or the bounds between which each unit's is drawn, evenly on a logarithmic
        scale (our definition; that units of many time constants learn better: Perez-Nieves et al. 2021).
    threshold : float
        v_th.
    surrogate : str
        A key of `SURROGATES`; the derivative that stands in for that of the spike.
    recurrent_noise : float
        Standard deviation of noise on the input current while training; 0 when evaluating.
    gain : float
        Scale of the initial recurrent weights, in units of 1 / sqrt(n_units).
    preset : {"default", "earlier"}
        The earlier constants of the group behind DigiMus: v_t = .2 v_{t-1} (1 - s_{t-1}) + I_t without the
        factor 1 - beta, threshold .5, a rectangular surrogate of half-width .5, whatever the time step.
    reset : {"hard", "soft"}
        After a spike the potential starts from 0, or loses v_th.
    adaptation : float
        A unit's threshold rises by this times its leakily filtered spikes.
    tau_adaptation_ms : float
        Time constant of that filter.
    learn_time_constants : bool
        Learn each unit's beta, and its decay of adaptation where there is one, from the given values on.
    excitatory_share : float, optional
        Dale signs: this share of the units only excites, the others only inhibit. W is then |w| times the
        sign of the presynaptic unit; inhibitory weights start larger, so that both kinds balance.
    mask : float, array-like or path, optional
        The recurrent weights that may be other than zero; see `digimus.models.structure.make_mask`.
    mask_density : float, optional
        Density of a mask drawn from a region's graph.
    delay_steps : int or array-like
        The longest delay of a synapse, or all delays; see `digimus.models.structure.make_delays`.
    regions : sequence of str, optional
        Names of the modules; the units are dealt to them in equal numbers.
    projections : array-like or path, optional
        Row projects to column: weights between modules are multiplied by it, and absent where it is 0. A
        path is that of a table; see `digimus.models.structure.region_coupling`.

    Raises
    ------
    InputError
        For a setting out of range, or one that the preset fixes.
    """

    compiles = True
    """Whether the loop over time may be compiled by numba; `kernel` says whether it is."""

    def __init__(
        self,
        n_inputs,
        n_outputs,
        *,
        rng,
        n_units=128,
        dt_ms=20.0,
        tau_m_ms=DEFAULTS["tau_m_ms"],
        tau_readout_ms=100.0,
        threshold=DEFAULTS["threshold"],
        surrogate=DEFAULTS["surrogate"],
        recurrent_noise=0.0,
        gain=1.0,
        preset="default",
        reset="hard",
        adaptation=0.0,
        tau_adaptation_ms=700.0,
        learn_time_constants=DEFAULTS["learn_time_constants"],
        excitatory_share=None,
        mask=None,
        mask_density=None,
        delay_steps=1,
        regions=None,
        projections=None,
    ):
        super().__init__()
        _check(
            type(self).__name__.lower(), preset, reset, surrogate, recurrent_noise=recurrent_noise,
            adaptation=adaptation, dt_ms=dt_ms, tau_m_ms=tau_m_ms, tau_readout_ms=tau_readout_ms,
            threshold=threshold, gain=gain, tau_adaptation_ms=tau_adaptation_ms,
            learn_time_constants=learn_time_constants,
        )  # fmt: skip
        bounds_ms = (tau_m_ms, tau_m_ms) if isinstance(tau_m_ms, Real) else tuple(tau_m_ms)
        self.beta = math.exp(-dt_ms / math.sqrt(bounds_ms[0] * bounds_ms[1]))
        self.kappa = math.exp(-dt_ms / tau_readout_ms)
        self.rho = math.exp(-dt_ms / tau_adaptation_ms)
        self.threshold = threshold
        self.surrogate = SURROGATES[surrogate]
        self.recurrent_noise = recurrent_noise
        self.reset, self.adaptation = reset, adaptation
        self.input_scale = 1.0
        if preset == "earlier":
            self.beta, self.surrogate = EARLIER_BETA, SURROGATES["rectangular"]
            self.input_scale = 1 / (1 - EARLIER_BETA)  # takes the factor 1 - beta out again
        self.w_in = nn.Parameter(torch.randn(n_units, n_inputs, generator=rng) * (4.0 / math.sqrt(n_inputs)))
        self.w = nn.Parameter(torch.randn(n_units, n_units, generator=rng) * (gain / math.sqrt(n_units)))
        self.b = nn.Parameter(torch.full((n_units,), 0.3))
        self.readout = nn.Linear(n_units, n_outputs)
        with torch.no_grad():
            self.readout.weight.copy_(
                torch.randn(n_outputs, n_units, generator=rng) * (3.0 / math.sqrt(n_units))
            )
            self.readout.bias.zero_()
        self._set_structure(rng, excitatory_share, mask, mask_density, delay_steps, regions, projections)
        self._set_time_constants(learn_time_constants, bounds_ms, dt_ms, rng)

    def _set_structure(self, rng, excitatory_share, mask, mask_density, delay_steps, regions, projections):
        """What is fixed about W; drawn last, so that networks with and without it start alike."""
        n_units = len(self.b)
        self.region_slices = region_slices(regions, n_units) if regions is not None else {}
        coupling = _coupling(self.region_slices, regions, projections)
        signs = None if excitatory_share is None else dale_signs(n_units, excitatory_share)
        self.register_buffer("coupling", coupling, persistent=False)
        self.register_buffer("signs", signs, persistent=False)
        self.mask = None if mask is None else _kept(make_mask(mask, n_units, rng, mask_density))
        delays = make_delays(delay_steps, n_units, rng)
        self.delays = None if delays is None else _kept(delays)
        with torch.no_grad():
            if signs is not None:
                self.w[:, signs < 0] *= float((signs > 0).sum() / (signs < 0).sum())
            if mask is not None:
                self.w /= math.sqrt(float(self.mask.float().mean()))

    def _set_time_constants(self, learnt, bounds_ms, dt_ms, rng):
        """Decays of single units are sigmoids of free numbers, and so stay between 0 and 1 if learnt."""
        n_units = len(self.b)
        spread = bounds_ms[0] < bounds_ms[1]
        self.by_unit = learnt or spread
        if not self.by_unit:
            return
        beta = torch.full((n_units,), self.beta, dtype=torch.float64)
        if spread:
            low, high = (math.log(bound) for bound in bounds_ms)
            drawn = torch.rand(n_units, generator=rng, dtype=torch.float64)
            beta = torch.exp(-dt_ms / torch.exp(low + (high - low) * drawn))
        self.beta_logit = nn.Parameter(torch.logit(beta).to(self.b.dtype), requires_grad=learnt)
        if learnt and self.adaptation:
            self.rho_logit = nn.Parameter(torch.full((n_units,), math.log(self.rho / (1 - self.rho))))

    @property
    def recurrent_weight(self):
        """W, shape (n_units, n_units): row postsynaptic, column presynaptic."""
        weight = self.w
        if self.signs is not None:
            weight = weight.abs() * self.signs
        if self.coupling is not None:
            weight = weight * self.coupling
        return weight if self.mask is None else weight * self.mask

    def region_weight(self, region):
        """The block of W within a region."""
        part = self.region_slices[region]
        return self.recurrent_weight[part, part]

    @property
    def n_fixed(self):
        """How many recurrent weights are 0 whatever is learnt."""
        fixed = torch.zeros_like(self.w, dtype=torch.bool)
        for factor in (self.coupling, self.mask):
            fixed = fixed if factor is None else fixed | (factor == 0)
        return int(fixed.sum())

    @property
    def time_constants(self):
        """Decays of membrane and adaptation in a step: numbers, or tensors of shape (n_units,)."""
        beta = torch.sigmoid(self.beta_logit) if self.by_unit else self.beta
        return beta, torch.sigmoid(self.rho_logit) if hasattr(self, "rho_logit") else self.rho

    @property
    def kernel(self):
        """How the loop over time is run: "numba", "torch" (one function, hand-derived) or "plain"."""
        simple = self.reset == "hard" and not self.adaptation and not self.by_unit
        if self.delays is not None:
            return "plain"
        if self.compiles and self.b.device.type == "cpu" and self.b.dtype in kernels_autograd.DTYPES:
            if self.surrogate in kernels_autograd.SURROGATE_KINDS and kernels_autograd.usable(self.b.dtype):
                return "numba"
        return "torch" if simple else "plain"

    def _drives(self):
        """Weights of the inputs, W and the bias, as they enter the current."""
        weights = self.w_in, self.recurrent_weight, self.b
        return weights if self.input_scale == 1 else [w * self.input_scale for w in weights]

    def _noise(self, inputs):
        """Noise on the current (time, batch, unit), or None."""
        if not self.training or self.recurrent_noise == 0:
            return None
        sizes = inputs.shape[1], inputs.shape[0], len(self.b)
        noise = torch.randn(sizes, dtype=self.b.dtype, device=self.b.device)
        return noise.mul_(self.recurrent_noise * self.input_scale)

    def _compiled(self, inputs, readout):
        """Filtered readout (batch, time, output) without bias, or spikes without weights of a readout."""
        loop = kernels_autograd.Loop(
            self.threshold, self.adaptation, self.kappa, self.surrogate, self.reset == "hard",
            self._noise(inputs),
        )  # fmt: skip
        return kernels_autograd.run(inputs, *self._drives(), readout, *self.time_constants, loop)

    def spikes(self, inputs):
        """Spikes (time, batch, unit) for inputs (batch, time, input)."""
        kernel = self.kernel
        if kernel == "numba":
            return self._compiled(inputs, None)
        w_in, w, b = self._drives()
        current = nn.functional.linear(inputs.transpose(0, 1), w_in, b)
        noise = self._noise(inputs)
        if noise is not None:
            current = current + noise
        if kernel == "torch":
            return LIFLoop.apply(current, w, self.beta, self.threshold, self.surrogate)
        beta, rho = self.time_constants
        return lif_loop(
            current, w, beta, self.threshold, self.surrogate,
            reset=self.reset, adaptation=self.adaptation, rho=rho, delays=self.delays,
        )  # fmt: skip

    def run(self, inputs):
        """Readout (batch, time, output) and states (batch, time, unit), the leakily filtered spikes."""
        spikes = self.spikes(inputs)
        filtered = leaky_filter(spikes, self.kappa)
        outputs = self.readout(filtered)
        return outputs.transpose(0, 1), filtered.transpose(0, 1)

    def forward(self, inputs):
        """Raw readout, shape (batch, time, output)."""
        # The filter and the linear readout commute; the readout has fewer channels.
        if self.kernel == "numba":
            return self._compiled(inputs, self.readout.weight) + self.readout.bias
        projected = nn.functional.linear(self.spikes(inputs), self.readout.weight)
        return (leaky_filter(projected, self.kappa) + self.readout.bias).transpose(0, 1)


def _kept(values):
    """A fixed tensor that is written and read with the trained weights."""
    return nn.Parameter(values, requires_grad=False)


def _coupling(slices, regions, projections):
    if regions is None:
        if projections is None:
            return None
        raise InputError(
            "Projections connect regions, and the network has none.",
            where="models.digimus.projections",
            expected="regions beside it",
            got="no regions",
            hint="Name the regions, in the order of the matrix's rows.",
        )
    return region_coupling(slices, projections)


def _check(kind, preset, reset, surrogate, *, recurrent_noise, adaptation, learn_time_constants, **positive):
    _check_membrane(f"models.{kind}.tau_m_ms", positive["tau_m_ms"])
    for name, value in positive.items():
        if name != "tau_m_ms":
            check_number(f"models.{kind}.{name}", value, above=0)
    for name, value in dict(recurrent_noise=recurrent_noise, adaptation=adaptation).items():
        check_number(f"models.{kind}.{name}", value, least=0)
    check_choice(f"models.{kind}.surrogate", surrogate, SURROGATES, "surrogate derivative")
    check_choice(f"models.{kind}.reset", reset, RESETS, "reset")
    check_choice(f"models.{kind}.preset", preset, PRESETS, "preset")
    fixed = dict(
        tau_m_ms=positive["tau_m_ms"], threshold=positive["threshold"], surrogate=surrogate,
        learn_time_constants=learn_time_constants,
    )  # fmt: skip
    for name, value in fixed.items():
        if preset == "earlier" and value != DEFAULTS[name]:
            raise InputError(
                f"The preset 'earlier' fixes {name}.",
                where=f"models.{kind}.{name}",
                expected="nothing beside this preset",
                got=repr(value),
                hint="Leave it out, or leave the preset out.",
            )


def _check_membrane(where, tau_m_ms):
    """A time constant, or the lower and the upper bound of many."""
    if isinstance(tau_m_ms, Real):
        check_number(where, tau_m_ms, above=0)
        return
    bounds = list(tau_m_ms) if isinstance(tau_m_ms, list | tuple) else []
    if (
        len(bounds) != 2
        or not all(isinstance(x, Real) and 0 < x < math.inf for x in bounds)
        or (bounds[0] > bounds[1])
    ):
        raise InputError(
            "A membrane time constant is a number, or the two bounds that units draw theirs between.",
            where=where,
            expected="a number above 0, or two of them, the smaller first",
            got=repr(tau_m_ms),
            hint="For example 100, or [20, 500].",
        )


def leaky_filter(signal, kappa):
    """y_t = kappa y_{t-1} + (1 - kappa) x_t along the first axis, as one product with a triangular matrix."""
    n_steps = signal.shape[0]
    steps = torch.arange(n_steps, device=signal.device)
    lag = steps[:, None] - steps[None, :]
    kernel = torch.where(lag >= 0, (1 - kappa) * kappa ** lag.clamp(min=0).to(signal.dtype), 0.0)
    return (kernel @ signal.reshape(n_steps, -1)).reshape(signal.shape)


class LIFLoop(torch.autograd.Function):
    """The LIF recurrence over time, with its gradient through reset and recurrence."""

    @staticmethod
    def forward(ctx, current, weight, beta, threshold, surrogate):
        """Spikes (time, batch, unit) for an input current (time, batch, unit) and W (post, pre)."""
        gain = 1 - beta
        potentials, spikes = torch.empty_like(current), torch.empty_like(current)
        from_spikes = (weight * gain).t()
        # Views of the steps, taken once: indexing costs as much as the arithmetic of a small layer.
        drive, v, s = current.unbind(0), potentials.unbind(0), spikes.unbind(0)
        kept = None
        for t in range(len(v)):
            if t:
                torch.addmm(drive[t], s[t - 1], from_spikes, beta=gain, out=v[t])
                v[t].addcmul_(v[t - 1], kept, value=beta)
            else:
                torch.mul(drive[t], gain, out=v[t])
            torch.ge(v[t], threshold, out=s[t])
            kept = 1 - s[t]
        ctx.save_for_backward(potentials, spikes, weight)
        ctx.constants = beta, threshold, surrogate
        return spikes

    @staticmethod
    def backward(ctx, grad_spikes):
        """Gradients with respect to the current and W."""
        potentials, spikes, weight = ctx.saved_tensors
        beta, threshold, surrogate = ctx.constants
        gain = 1 - beta
        # The gradient of a step's current is that of its potential times 1 - beta.
        grad_current = torch.empty_like(potentials)
        grad_s, grads = grad_spikes.unbind(0), grad_current.unbind(0)
        to_spike, later = torch.empty_like(grads[0]), None
        # A few steps at a time: what lies in the cache need not be fetched from memory.
        n_together = max(1, _NUMBERS_TOGETHER // to_spike.numel())
        for end in range(len(grads), 0, -n_together):
            part = slice(max(0, end - n_together), end)
            v = potentials[part]
            slopes = (surrogate(v - threshold) * gain).unbind(0)
            leaks = (spikes[part] * -beta).add_(beta).unbind(0)  # beta (1 - s)
            v = v.unbind(0)
            for k in range(len(v) - 1, -1, -1):
                t = part.start + k
                if later is None:
                    torch.mul(grad_s[t], slopes[k], out=grads[t])
                else:
                    torch.addmm(grad_s[t], later, weight, out=to_spike)
                    to_spike.addcmul_(v[k], later, value=-beta / gain)
                    torch.mul(to_spike, slopes[k], out=grads[t])
                    grads[t].addcmul_(later, leaks[k])
                later = grads[t]
        n_units = weight.shape[0]
        grad_weight = grad_current[1:].reshape(-1, n_units).t() @ spikes[:-1].reshape(-1, n_units)
        return grad_current, grad_weight, None, None, None
