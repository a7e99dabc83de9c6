"""The ALIF baseline: LIF neurons whose threshold rises with their own spikes, and no motif term.

It is `digimus.models.DigiMus` with adaptation and nothing else (Bellec et al. 2018): the threshold is
v_th + b a_t, a_t = rho a_{t-1} + (1 - rho) s_{t-1}, rho = exp(-dt / tau_a).
"""

from digimus.models.lif import DEFAULTS, DigiMus


class ALIF(DigiMus):
    """One module of adaptive LIF neurons and a leaky readout; the settings are those of `DigiMus`."""

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
        reset="hard",
        adaptation=1.8,
        tau_adaptation_ms=700.0,
        learn_time_constants=DEFAULTS["learn_time_constants"],
    ):
        super().__init__(
            n_inputs, n_outputs, rng=rng, n_units=n_units, dt_ms=dt_ms, tau_m_ms=tau_m_ms,
            tau_readout_ms=tau_readout_ms, threshold=threshold, surrogate=surrogate,
            recurrent_noise=recurrent_noise, gain=gain, reset=reset, adaptation=adaptation,
            tau_adaptation_ms=tau_adaptation_ms, learn_time_constants=learn_time_constants,
        )  # fmt: skip
