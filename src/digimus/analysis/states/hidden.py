"""Hidden states of activity, learnt without labels: Gaussian hidden Markov models on principal components."""

import logging
import warnings
from dataclasses import dataclass

import numpy as np
from hmmlearn.hmm import GaussianHMM

from digimus.analysis.states.geometry import principal_plane

FEWEST_TRIALS = 8
MOST_ITERATIONS = 200
SMALLEST_GAIN = 1e-4
"""Of log likelihood a step; an iteration that gains less ends the fit."""
HELD_OUT = 4
"""Every fourth trial is kept for the likelihood that is reported."""

logging.getLogger("hmmlearn").setLevel(logging.ERROR)  # what it would warn of is checked here


@dataclass(frozen=True)
class HiddenSettings:
    """How hidden states are learnt.

    Attributes
    ----------
    n_states : tuple of int
        If several, the number with the highest likelihood of held-out trials is taken.
    n_components : int
        Principal components that the model sees.
    n_trials : int
        Of each network or session.
    n_restarts : int
    bin_ms : float
        States of networks are averaged over bins of this width; recordings keep theirs.
    """

    n_states: tuple
    n_components: int
    n_trials: int
    n_restarts: int
    bin_ms: float


@dataclass(frozen=True)
class HiddenStates:
    """States in the order of their mean time in the trial.

    Attributes
    ----------
    paths : array of int, shape (trials, time)
        The most likely state at each step (Viterbi).
    transitions : array, shape (states, states)
        Row: from.
    log_likelihood_held_out : float
        Of trials that the model was not fitted on, in nats a step.
    """

    paths: np.ndarray
    transitions: np.ndarray
    log_likelihood_held_out: float

    @property
    def n_states(self):
        """Number of states, also of those that no path visits."""
        return len(self.transitions)

    @property
    def visits(self):
        """Whether a path is in a state, bool (trials, time, states)."""
        return self.paths[..., None] == np.arange(self.n_states)

    def mean_dwell(self):
        """Mean number of steps that a state is kept, (states,); nan for one that no path visits.

        A stay that begins or ends with the trial counts as long as it was seen.
        """
        visits = self.visits
        entered = visits.copy()
        entered[:, 1:] &= ~visits[:, :-1]
        with np.errstate(invalid="ignore"):
            return visits.sum((0, 1)) / np.where(entered.any((0, 1)), entered.sum((0, 1)), np.nan)


def hidden_states(sequences, settings, rng):
    """Learn hidden states of trials of equal length.

    Parameters
    ----------
    sequences : array, shape (trials, time, units)
    settings : HiddenSettings
    rng : numpy.random.Generator
        Draws the starts of the fits.

    Returns
    -------
    (HiddenStates or None, str)
        None with the reason where there is too little to learn from, or no fit converged.
    """
    n_trials, n_steps = sequences.shape[:2]
    if n_trials < FEWEST_TRIALS:
        return None, f"because there are fewer than {FEWEST_TRIALS} trials"
    if n_steps < 2:
        return None, "because a trial has a single time bin"
    held_out = np.arange(n_trials) % HELD_OUT == HELD_OUT - 1
    plane = principal_plane(sequences[~held_out], settings.n_components)
    seen = plane.project(sequences)
    scale = seen[~held_out].std((0, 1))
    varies = scale > 1e-6 * max(scale.max(), 1e-12)
    if not varies.any():
        return None, "because the activity does not vary"
    seen = seen[..., varies] / scale[varies]
    fits = [_best_fit(seen[~held_out], n, settings.n_restarts, rng) for n in settings.n_states]
    fits = [fit for fit in fits if fit is not None]
    if not fits:
        return None, "because the hidden Markov model did not converge"
    scores = [fit.score(*_rows(seen[held_out])) / seen[held_out][..., 0].size for fit in fits]
    best = int(np.argmax(scores))
    return _ordered(fits[best], seen, float(scores[best])), ""


def _best_fit(sequences, n_states, n_restarts, rng):
    """The converged fit with the highest likelihood, or None."""
    rows, lengths = _rows(sequences)
    best, highest = None, -np.inf
    for _ in range(n_restarts):
        model = GaussianHMM(
            n_states, covariance_type="diag", n_iter=MOST_ITERATIONS, tol=SMALLEST_GAIN * len(rows),
            random_state=int(rng.integers(2**31)), implementation="scaling",
        )  # fmt: skip
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                model.fit(rows, lengths)
        except ValueError:  # a state that lost all its samples leaves no number to go on with
            continue
        reached = np.array(model.monitor_.history)
        if _converged(model) and reached[-1] > highest:
            best, highest = model, reached[-1]
    return best


def _converged(model):
    """Whether the fit ended before the last iteration allowed, at numbers; hmmlearn counts that one too."""
    numbers = (model.means_, model.covars_, model.transmat_, np.array(model.monitor_.history))
    finite = all(np.isfinite(values).all() for values in numbers)
    return finite and model.monitor_.iter < MOST_ITERATIONS and np.allclose(model.transmat_.sum(1), 1)


def _ordered(model, sequences, score):
    paths = model.predict(*_rows(sequences)).reshape(sequences.shape[:2])
    visits = paths[..., None] == np.arange(model.n_components)
    time = np.arange(sequences.shape[1])[:, None]
    with np.errstate(invalid="ignore"):
        when = (visits * time).sum((0, 1)) / visits.sum((0, 1))
    order = np.argsort(np.nan_to_num(when, nan=np.inf), kind="stable")
    return HiddenStates(np.argsort(order)[paths], model.transmat_[np.ix_(order, order)], score)


def _rows(sequences):
    """Steps one below the other, and the lengths of the trials, as hmmlearn takes them."""
    return sequences.reshape(-1, sequences.shape[-1]), [sequences.shape[1]] * len(sequences)
