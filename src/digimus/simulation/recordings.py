"""Simulated recordings whose best possible decoding accuracy is known.

The model [our definition]: in each sample (a trial, or a window of one) the population shares one number,
the evidence x ~ N(m, 1), whose mean m depends on the sample's condition. Unit i fires as a Poisson process
of rate b_i exp(g_i x p(t) + r_i c), with baseline b_i, gain g_i, a profile p(t) that is constant within
50 ms, and a ramp r_i with the clock c (licking alone). Given x and c the spikes enter the likelihood only
through S = sum g_i p(t) n_i(t) and R = sum r_i n_i, so the posterior of the label is a one-dimensional
integral over x, taken on a grid; its mean maximum over simulated samples is the best possible accuracy.
"""

from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import h5py
import numpy as np
import pandas as pd

from digimus import seeding
from digimus.errors import InputError
from digimus.recordings import Preparation
from digimus.storage import write_table, write_text, writing

TICKS_PER_S = 30_000  # resolution of the spike times
BIN_TICKS = 1_500  # 50 ms, within which rates are constant
BIN_S = BIN_TICKS / TICKS_PER_S
PROFILE = np.array([0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5])
FLAT_PROFILE = np.ones(8)
EVIDENCE = np.linspace(-7.0, 7.0, 113)  # grid for the integral over x
FIRST_TRIAL_TICK = TICKS_PER_S
CHOICE_NOISE_SD = 0.5
BASELINE_HZ, BASELINE_LOG_SD, GAIN_SD, RAMP_SD = 7.0, 0.4, 0.35, 0.6

AUDITORY_EVIDENCE = 1.1  # |m|
VISUAL_EVIDENCE = 2.2  # m per unit of contrast difference
LICKING_EVIDENCE = 0.95  # |m|
CONTRASTS = (0.0, 0.25, 0.5, 1.0)
N_WINDOWS = 12  # of 400 ms, per interval between rewards

DATASETS = ("licking", "auditory", "visual")

PREPARATION = {
    "licking": {
        "label": {"events": "licks"},
        "split_windows_ms": 400,
        "bin_ms": 50,
        "clock_events": "rewards",
    },
    "auditory": {
        "label": {"column": "tone_category", "values": ("low", "high")},
        "window_ms": (0, 400),
        "bin_ms": 50,
    },
    "visual": {
        "label": {"column": "contrast_right", "minus": "contrast_left", "rule": "sign"},
        "window_ms": (0, 400),
        "bin_ms": 50,
    },
}
"""Settings for `digimus.recordings.Preparation.from_config` under which the known best accuracy holds."""


def truth_holds(dataset, settings):
    """Whether the known best accuracy of a simulated dataset is that of samples cut in this way.

    It is for the label and windows of `PREPARATION` with all units; the width of the bins does not matter.

    Parameters
    ----------
    dataset : {"licking", "auditory", "visual"}
    settings : digimus.recordings.Preparation

    Returns
    -------
    bool
    """
    known = Preparation.from_config(PREPARATION[dataset])
    asked = replace(settings.label, window_ms=settings.label.window_ms or settings.window_ms)
    meant = replace(known.label, window_ms=known.label.window_ms or known.window_ms)
    same = ("align", "window_ms", "split_windows_ms", "regions", "unit_filters")
    return asked == meant and all(getattr(settings, name) == getattr(known, name) for name in same)


REGIONS = {  # acronym in the electrodes (Allen CCF), and the one in common use in the units' brain_area
    "licking": (("MOs", "M2"), ("CP", "VLS"), ("SNr", "SNr")),
    "auditory": (("AUDp", "AUDp"),),
    "visual": (("VISp", "VISp"),),
}


@dataclass(frozen=True)
class RecordingSimulation:
    """How much to simulate.

    Attributes
    ----------
    n_animals, n_sessions : int
        Sessions go to the animals in turn.
    n_trials : int
        Trials a session; for licking, intervals between rewards.
    n_units : int
        Units a session.
    n_monte_carlo : int
        Samples from which the best possible accuracy is computed.
    """

    n_animals: int = 4
    n_sessions: int = 8
    n_trials: int = 120
    n_units: int = 24
    n_monte_carlo: int = 20_000

    def __post_init__(self):
        for name, value in asdict(self).items():
            least = {"n_trials": 10, "n_monte_carlo": 100}.get(name, 1)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise _setting(name, f"a whole number, at least {least}", repr(value))
        if self.n_animals > self.n_sessions:
            raise _setting("n_animals", f"at most n_sessions = {self.n_sessions}", self.n_animals)

    @classmethod
    def from_config(cls, mapping):
        """From a mapping with these keys; another key raises InputError."""
        names = [field.name for field in fields(cls)]
        for key in mapping:
            if key not in names:
                raise _setting(key, "one of " + ", ".join(names), key)
        return cls(**mapping)


@dataclass(frozen=True, eq=False)
class Population:
    """The generative model of one session.

    Attributes
    ----------
    baseline_hz, gain, ramp : array (n_units,)
    profile : array (n_bins,)
        Of 50 ms bins.
    weight, label, mean, clock : array (n_conditions,)
        Conditions of a sample: probability, label (0 or 1), mean evidence, and centred clock.
    """

    baseline_hz: np.ndarray
    gain: np.ndarray
    ramp: np.ndarray
    profile: np.ndarray
    weight: np.ndarray
    label: np.ndarray
    mean: np.ndarray
    clock: np.ndarray

    def expected(self, evidence, clock):
        """Expected counts (n_samples, n_bins, n_units) given evidence and clock (n_samples,)."""
        exponent = evidence[:, None, None] * self.profile[:, None] * self.gain
        return BIN_S * self.baseline_hz * np.exp(exponent + clock[:, None, None] * self.ramp)

    def statistics(self, counts):
        """S and R (n_samples,) of counts (n_samples, n_bins, n_units): all that matters of them."""
        return (counts @ self.gain) @ self.profile, counts.sum(axis=1) @ self.ramp


@dataclass(frozen=True, eq=False)
class SimulatedSession:
    """One session, before it becomes a file: times in ticks of 1/30000 s.

    Attributes
    ----------
    spike_ticks, spike_ends : array
        Spikes of all units one after the other, and where each unit's end.
    trials : DataFrame
        With `start_time` and `stop_time` in seconds.
    events : dict of str to array
        Seconds.
    labels : array (n_samples,)
        True label of each sample, -1 where it has none.
    guesses : array (n_samples,)
        What the best possible decoder says of it.
    """

    spike_ticks: np.ndarray
    spike_ends: np.ndarray
    trials: pd.DataFrame
    events: dict
    labels: np.ndarray
    guesses: np.ndarray


def simulate_recordings(folder, dataset, settings=None, seed=0):
    """Write a dataset of simulated NWB files, with its model and its known best accuracy.

    Parameters
    ----------
    folder : str or Path
        Gets one ``.nwb`` file a session, ``MODEL.md`` and, last, ``truth.csv``. Sessions of an earlier
        simulation that this one does not write are removed.
    dataset : {"licking", "auditory", "visual"}
    settings : RecordingSimulation, optional
    seed : int

    Returns
    -------
    DataFrame
        As in truth.csv, one row a session: `session`, `animal`, `file`, `n_trials`, `n_samples`,
        `n_units`; `best_accuracy` from the spikes of one sample, with `standard_error`;
        `best_balanced_accuracy` with `balanced_standard_error`; `accuracy_on_samples`, that of the best
        decoder on this very file; `clock_accuracy` and `best_accuracy_with_clock` (nan but for licking);
        `behaviour_accuracy` (nan for licking).

    Raises
    ------
    InputError
        If there is no such dataset.
    """
    if dataset not in DATASETS:
        raise _setting("dataset", "one of " + ", ".join(DATASETS), dataset)
    settings = settings or RecordingSimulation()
    folder = Path(folder)
    (folder / "truth.csv").unlink(missing_ok=True)
    rows = []
    for number in range(settings.n_sessions):
        name = _session_name(dataset, number, settings)
        population, session = simulate_session(dataset, number, settings, seed)
        write_nwb(folder / f"{name}.nwb", session, dataset, number, settings, seed)
        rows.append(_truth(name, dataset, number, settings, seed, population, session))
    truth = pd.DataFrame(rows)
    for old in set(folder.glob(f"sim-{dataset}-*.nwb")) - {folder / name for name in truth["file"]}:
        old.unlink()
    write_text(folder / "MODEL.md", _statement(dataset, settings, seed, truth))
    write_table(folder / "truth.csv", truth)
    return truth


def simulate_session(dataset, number, settings, seed):
    """The model and one draw of a session.

    Returns
    -------
    Population, SimulatedSession
    """
    rng = seeding.stream(seed, "simulation", "recordings", dataset, number)
    population = _population(dataset, number, settings, seed, rng)
    draw = _draw_licking if dataset == "licking" else _draw_trials
    return population, draw(dataset, population, settings, rng)


def best_accuracy(population, n_monte_carlo, rng):
    """Best possible accuracy from the spikes of one sample, by Monte Carlo with known parameters.

    Parameters
    ----------
    population : Population
    n_monte_carlo : int
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to float
        ``best_accuracy`` and ``standard_error``; ``best_balanced_accuracy`` and
        ``balanced_standard_error``; ``best_accuracy_with_clock``, the clock known beside the spikes.
    """
    condition = rng.choice(len(population.weight), n_monte_carlo, p=population.weight)
    evidence = rng.normal(population.mean[condition], 1.0)
    clock = population.clock[condition]
    # Bins of equal profile have equal rates, so their sum is drawn at once.
    levels, n_bins = np.unique(population.profile, return_counts=True)
    exponent = evidence[:, None, None] * levels[:, None] * population.gain
    exponent += clock[:, None, None] * population.ramp
    counts = rng.poisson(n_bins[:, None] * BIN_S * population.baseline_hz * np.exp(exponent))
    s, r = (counts @ population.gain) @ levels, counts.sum(axis=1) @ population.ramp
    posterior = label_posterior(population, s, r)
    best = posterior.max(axis=1)
    prior = np.bincount(population.label, population.weight, minlength=2)
    balanced = (posterior / prior).max(axis=1) / 2
    known = label_posterior(population, s, r, clock).max(axis=1)
    root = np.sqrt(n_monte_carlo)
    return {
        "best_accuracy": best.mean(),
        "standard_error": best.std() / root,
        "best_balanced_accuracy": balanced.mean(),
        "balanced_standard_error": balanced.std() / root,
        "best_accuracy_with_clock": known.mean(),
    }


def label_posterior(population, s, r, clock=None):
    """Probability of each label given the spikes, the evidence integrated out.

    Parameters
    ----------
    population : Population
    s, r : array (n_samples,)
        As `Population.statistics` gives them.
    clock : array (n_samples,), optional
        Centred clock, if it is known too; else the conditions' clocks are summed over.

    Returns
    -------
    array (n_samples, 2)
    """
    density = np.exp(-0.5 * (EVIDENCE[:, None] - population.mean) ** 2)  # (grid, conditions)
    clocks, which = np.unique(population.clock, return_inverse=True)
    joint = np.zeros((len(s), 2))
    for part in np.array_split(np.arange(len(s)), 1 + len(s) * len(clocks) // 20_000):
        log = np.stack([_log_likelihood(population, s[part], r[part], c) for c in clocks], axis=1)
        likelihood = np.exp(log - log.max(axis=(1, 2), keepdims=True))  # (samples, clocks, grid)
        if clock is not None:
            likelihood *= np.isclose(clock[part, None], clocks)[:, :, None]
        for label in (0, 1):
            of_label = population.label == label
            weights = np.zeros((len(clocks), len(EVIDENCE)))
            np.add.at(weights, which[of_label], (population.weight * density)[:, of_label].T)
            joint[part, label] = np.tensordot(likelihood, weights, axes=2)
    return joint / joint.sum(axis=1, keepdims=True)


def _log_likelihood(population, s, r, clock):
    """Of the spikes given the clock and each evidence on the grid (n_samples, grid), up to a constant."""
    total = population.expected(EVIDENCE, np.full(len(EVIDENCE), clock)).sum(axis=(1, 2))
    return s[:, None] * EVIDENCE + r[:, None] * clock - total


def _population(dataset, number, settings, seed, rng):
    """Draw the units; the animals differ a little in how well their evidence tells the labels apart."""
    animal = number % settings.n_animals
    of_animal = seeding.stream(seed, "simulation", "recordings", dataset, "animal", animal)
    sharpness = 1 + 0.05 * of_animal.uniform(-1, 1)
    n_units = settings.n_units
    ramp = np.zeros(n_units)
    if dataset == "licking":
        ramp[::3] = rng.normal(0, RAMP_SD, len(ramp[::3])).clip(-1.2, 1.2)
    return Population(
        baseline_hz=rng.lognormal(np.log(BASELINE_HZ), BASELINE_LOG_SD, n_units).clip(2, 20),
        gain=rng.normal(0, GAIN_SD, n_units).clip(-0.7, 0.7),
        ramp=ramp,
        profile=FLAT_PROFILE if dataset == "licking" else PROFILE,
        **_conditions(dataset, sharpness),
    )


def _conditions(dataset, sharpness):
    """What a labelled sample can be, and how probable that is."""
    if dataset == "auditory":
        rows = [(0.5, label, (2 * label - 1) * AUDITORY_EVIDENCE, 0.0) for label in (0, 1)]
    elif dataset == "visual":
        pairs = [(left, right) for left in CONTRASTS for right in CONTRASTS if left != right]
        rows = [
            (1 / len(pairs), right > left, VISUAL_EVIDENCE * (right - left), 0.0) for left, right in pairs
        ]
    else:
        rows = []
        for window in range(N_WINDOWS):
            p = lick_probability(window)
            clock = window / (N_WINDOWS - 1) - 0.5
            rows.append(((1 - p) / N_WINDOWS, 0, -LICKING_EVIDENCE, clock))
            rows.append((p / N_WINDOWS, 1, LICKING_EVIDENCE, clock))
    weight, label, mean, clock = map(np.array, zip(*rows, strict=True))
    return {
        "weight": weight / weight.sum(),
        "label": label.astype(int),
        "mean": mean * sharpness,
        "clock": clock,
    }


def lick_probability(window):
    """Probability of a lick in the window, 0 to 11, after a reward: it rises towards the next."""
    return 0.2 + 0.6 / (1 + np.exp(-(window - 5.5) / 1.5))


def _draw_trials(dataset, population, settings, rng):
    """Trials of one sample each, 2.0 to 2.4 s apart, the sample in their first 400 ms."""
    n_trials, duration = settings.n_trials, len(PROFILE) * BIN_TICKS
    steps = rng.integers(2 * TICKS_PER_S, 2.4 * TICKS_PER_S, n_trials)
    starts = FIRST_TRIAL_TICK + np.cumsum(steps) - steps[0]
    labels, mean, columns = _draw_stimuli(dataset, population, n_trials, rng)
    evidence = rng.normal(mean, 1.0)
    goes_right = evidence + rng.normal(0, CHOICE_NOISE_SD, n_trials) > 0
    ticks, ends, counts = _draw_session_spikes(
        population, starts, evidence, np.zeros(n_trials), duration, rng
    )
    stops = starts + TICKS_PER_S  # a second, the choice included
    trials = {"start_time": starts / TICKS_PER_S, "stop_time": stops / TICKS_PER_S, **columns}
    correct = goes_right == (labels == 1)
    if dataset == "auditory":
        trials |= {"choice": np.where(goes_right, "high", "low"), "correct": correct}
    else:
        rewarded = np.where(labels < 0, rng.random(n_trials) < 0.5, correct)
        trials |= {"choice": np.where(goes_right, "right", "left"), "feedback": np.where(rewarded, 1, -1)}
    guesses = label_posterior(population, *population.statistics(counts)).argmax(axis=1)
    return SimulatedSession(ticks, ends, pd.DataFrame(trials), {}, labels, guesses)


def _draw_stimuli(dataset, population, n_trials, rng):
    """Labels (-1 for ties), mean evidence, and the trial columns of the stimuli."""
    if dataset == "auditory":
        labels = rng.permutation(np.arange(n_trials) % 2)
        mean = population.mean[np.searchsorted(population.label, labels)]
        return labels, mean, {"tone_category": np.where(labels == 1, "high", "low")}
    left, right = np.array(CONTRASTS)[rng.integers(0, len(CONTRASTS), (2, n_trials))]
    labels = np.where(right > left, 1, np.where(right < left, 0, -1))
    per_contrast = population.mean.max() / (max(CONTRASTS) - min(CONTRASTS))
    return labels, per_contrast * (right - left), {"contrast_left": left, "contrast_right": right}


def _draw_licking(dataset, population, settings, rng):
    """Intervals of twelve windows of 400 ms, each begun by a reward; licks in the windows that have them."""
    n_trials, window = settings.n_trials, len(FLAT_PROFILE) * BIN_TICKS
    interval = N_WINDOWS * window + BIN_TICKS  # 50 ms to spare, in which the reward's delivery varies
    rewards = FIRST_TRIAL_TICK + np.arange(n_trials) * interval + rng.integers(0, BIN_TICKS, n_trials)
    starts = (rewards[:, None] + np.arange(N_WINDOWS) * window).ravel()
    position = np.tile(np.arange(N_WINDOWS), n_trials)
    labels = (rng.random(len(starts)) < lick_probability(position)).astype(int)
    clock = position / (N_WINDOWS - 1) - 0.5
    mean = population.mean[population.label == 1][0]
    evidence = rng.normal((2 * labels - 1) * mean, 1.0)
    ticks, ends, counts = _draw_session_spikes(population, starts, evidence, clock, window, rng)
    n_licks = labels * rng.integers(1, 4, len(labels))
    margin = BIN_TICKS // 2  # no lick at the very edge of its window
    licks = np.repeat(starts, n_licks) + rng.integers(margin, window - margin, n_licks.sum())
    stops = rewards + N_WINDOWS * window
    trials = pd.DataFrame({"start_time": rewards / TICKS_PER_S, "stop_time": stops / TICKS_PER_S})
    events = {"licks": np.unique(licks) / TICKS_PER_S, "rewards": rewards / TICKS_PER_S}
    guesses = label_posterior(population, *population.statistics(counts)).argmax(axis=1)
    return SimulatedSession(ticks, ends, trials, events, labels, guesses)


def _draw_session_spikes(population, starts, evidence, clock, duration, rng):
    """Spikes of a session: modulated in the samples, spontaneous between them.

    Returns
    -------
    ticks, ends : array
        As in `SimulatedSession`.
    counts : array (n_samples, n_bins, n_units)
    """
    counts = rng.poisson(population.expected(evidence, clock))
    n_bins = counts.shape[1]
    begins = (starts[:, None] + np.arange(n_bins) * BIN_TICKS).ravel()
    gap_begins = np.concatenate([[0], starts + duration])
    gaps = np.concatenate([starts, [starts[-1] + duration + TICKS_PER_S]]) - gap_begins
    long_enough = gaps > 2
    gap_begins, gaps = gap_begins[long_enough], gaps[long_enough]
    spontaneous = rng.poisson(gaps[:, None] / TICKS_PER_S * population.baseline_hz)
    all_counts = np.concatenate([counts.reshape(len(begins), -1), spontaneous])
    begins = np.concatenate([begins, gap_begins])
    lengths = np.concatenate([np.full(counts.shape[0] * n_bins, BIN_TICKS), gaps])
    repeats = all_counts.T.ravel()  # unit by unit
    n_units = all_counts.shape[1]
    low, length = (np.repeat(np.tile(values, n_units), repeats) for values in (begins, lengths))
    # Never on an edge, so that rounding cannot move a spike into the next bin.
    ticks = low + 1 + (rng.random(len(low)) * (length - 1)).astype(np.int64)
    unit = np.repeat(np.arange(n_units), all_counts.sum(axis=0))
    order = np.lexsort((ticks, unit))
    return ticks[order], np.cumsum(all_counts.sum(axis=0)), counts


def _truth(name, dataset, number, settings, seed, population, session):
    """One row of truth.csv."""
    rng = seeding.stream(seed, "simulation", "recordings", dataset, number, "best accuracy")
    best = best_accuracy(population, settings.n_monte_carlo, rng)
    labelled = session.labels >= 0
    licking = dataset == "licking"
    choices = session.trials.get("correct", session.trials.get("feedback", pd.Series(dtype=float)) == 1)
    p = lick_probability(np.arange(N_WINDOWS))
    return {
        "session": name,
        "animal": _animal(dataset, number, settings),
        "file": f"{name}.nwb",
        "n_trials": settings.n_trials,
        "n_samples": int(labelled.sum()),
        "n_units": settings.n_units,
        **{key: best[key] for key in list(best)[:4]},
        "accuracy_on_samples": np.mean((session.guesses == session.labels)[labelled]),
        "clock_accuracy": np.maximum(p, 1 - p).mean() if licking else np.nan,
        "best_accuracy_with_clock": best["best_accuracy_with_clock"] if licking else np.nan,
        "behaviour_accuracy": np.nan if licking else np.mean(choices[labelled]),
    }


def _session_name(dataset, number, settings):
    animal, session = number % settings.n_animals, number // settings.n_animals
    return f"sim-{dataset}-a{animal + 1:02d}-s{session + 1:02d}"


def _animal(dataset, number, settings):
    return f"sim-{dataset}-a{number % settings.n_animals + 1:02d}"


def write_nwb(path, session, dataset, number, settings, seed):
    """Write one simulated session as NWB.

    Equal arguments give equal content, identifiers and dates included; only HDF5's own bookkeeping inside
    the file (times of modification) may differ from one writing to the next.

    Parameters
    ----------
    path : str or Path
    session : SimulatedSession
    dataset : str
    number : int
        Of the session in the dataset.
    settings : RecordingSimulation
    seed : int
    """
    from pynwb import NWBHDF5IO

    nwb = _nwb_file(dataset, number, settings, seed)
    _add_trials(nwb, session.trials)
    _add_units(nwb, session, dataset)
    if session.events:
        _add_events(nwb, session.events)
    with writing(path) as temporary:
        with NWBHDF5IO(str(temporary), "w") as io:
            io.write(nwb)
        _fix_object_ids(temporary, f"{seed}/{nwb.session_id}")


def _nwb_file(dataset, number, settings, seed):
    from pynwb import NWBFile
    from pynwb.file import Subject

    start = datetime(2025, 1, 1, 9, tzinfo=UTC) + timedelta(days=number)
    name = _session_name(dataset, number, settings)
    nwb = NWBFile(
        session_description=f"SIMULATED: {_TASKS[dataset]} No animal was recorded.",
        identifier=str(uuid5(NAMESPACE_OID, f"digimus/{seed}/{name}")),
        session_start_time=start,
        file_create_date=start,
        session_id=name,
        experiment_description="SIMULATED from a generative model whose best decoding accuracy is known; "
        "the model is stated in MODEL.md beside this file.",
        keywords=["simulated", dataset, "decoding"],
    )
    nwb.subject = Subject(
        subject_id=_animal(dataset, number, settings),
        species="Mus musculus",
        sex="U",
        age="P90D",
        description="SIMULATED; there is no such animal.",
    )
    return nwb


_TASKS = {
    "licking": "fixed-interval licking, a reward every 4.85 s.",
    "auditory": "discrimination of two tone categories.",
    "visual": "discrimination of the side of the higher contrast.",
}

_COLUMNS = {
    "start_time": "start of the trial and of the stimulus or interval, in seconds",
    "stop_time": "end of the trial, in seconds",
    "tone_category": "category of the tone, low or high",
    "choice": "what the simulated animal chose",
    "correct": "whether the choice was the tone's category",
    "contrast_left": "contrast on the left, 0 to 1",
    "contrast_right": "contrast on the right, 0 to 1",
    "feedback": "1 reward, -1 none; random where both contrasts are equal",
}

_EVENTS = {
    "licks": "simulated licks; at least one in every window with the label 1",
    "rewards": "simulated rewards, each at the start of a trial",
}


def _add_trials(nwb, trials):
    from hdmf.common import VectorData
    from pynwb.epoch import TimeIntervals

    columns = [
        VectorData(name=name, description=_COLUMNS[name], data=_plain(trials[name]))
        for name in trials.columns
    ]
    nwb.trials = TimeIntervals(name="trials", description="simulated trials", columns=columns)


def _plain(column):
    values = column.to_numpy()
    return values if values.dtype.kind in "bif" else [str(value) for value in values]


def _add_units(nwb, session, dataset):
    """Units with an electrode each, regions dealt out in turn."""
    from hdmf.common import DynamicTableRegion, VectorData, VectorIndex
    from pynwb.misc import Units

    device = nwb.create_device(name="simulated_probe", description="SIMULATED; there was no probe.")
    regions = REGIONS[dataset]
    groups = [
        nwb.create_electrode_group(f"simulated_{area}", f"SIMULATED units of {area}", location, device)
        for location, area in regions
    ]
    n_units = len(session.spike_ends)
    dealt = [unit % len(regions) for unit in range(n_units)]
    for region in dealt:
        nwb.add_electrode(group=groups[region], location=regions[region][0])
    times = VectorData(
        name="spike_times",
        description="simulated spike times, in seconds",
        data=session.spike_ticks / TICKS_PER_S,
    )
    electrodes = DynamicTableRegion(
        name="electrodes",
        description="one electrode a unit",
        data=np.arange(n_units),
        table=nwb.electrodes,
    )
    area = VectorData(
        name="brain_area",
        description="region in common use; the electrodes' location has the Allen acronym",
        data=[regions[region][1] for region in dealt],
    )
    columns = [
        times,
        VectorIndex(name="spike_times_index", data=session.spike_ends.astype(np.uint32), target=times),
        electrodes,
        VectorIndex(
            name="electrodes_index", data=np.arange(1, n_units + 1, dtype=np.uint32), target=electrodes
        ),
        area,
    ]
    nwb.units = Units(
        name="units",
        description="simulated units",
        columns=columns,
        colnames=["spike_times", "electrodes", "brain_area"],
        resolution=1 / TICKS_PER_S,
    )


def _add_events(nwb, events):
    from pynwb.event import EventsTable, TimestampVectorData

    for name, times in events.items():
        column = TimestampVectorData(
            name="timestamp", description="time of the event, in seconds", data=times
        )
        nwb.add_events_table(EventsTable(name=name, description=_EVENTS[name], columns=[column]))


def _fix_object_ids(path, name):
    """Replace the random object ids by ones that follow from the seed and the place in the file."""
    with h5py.File(path, "r+") as file:

        def fix(place, thing):
            if "object_id" in thing.attrs:
                thing.attrs["object_id"] = str(uuid5(NAMESPACE_OID, f"digimus/{name}/{place}"))

        fix("", file)
        file.visititems(fix)


def _statement(dataset, settings, seed, truth):
    """The model in words, for people who find the folder."""
    best = truth["best_accuracy"]
    amounts = ", ".join(f"{name} {value}" for name, value in asdict(settings).items())
    return _STATEMENT.format(
        dataset=dataset,
        seed=seed,
        amounts=amounts,
        low=best.min(),
        high=best.max(),
        mean=best.mean(),
        specific=_SPECIFIC[dataset],
        profile=", ".join(f"{p:g}" for p in (FLAT_PROFILE if dataset == "licking" else PROFILE)),
        baseline=BASELINE_HZ,
        log_sd=BASELINE_LOG_SD,
        gain=GAIN_SD,
    )


_STATEMENT = """# SIMULATED recordings: {dataset}

Nothing here was measured in an animal. Seed {seed}; {amounts}.

## Model
Each sample lasts 400 ms and has a condition, drawn with known probabilities, and evidence x ~ N(m, 1)
that the whole population shares; m is the condition's mean times a factor of the animal, 0.95 to 1.05.
Unit i is a Poisson process of rate b_i exp(g_i x p(t) + r_i c): baseline b_i lognormal around
{baseline:g} Hz (sd of the log {log_sd:g}, within 2 to 20 Hz), gain g_i ~ N(0, {gain:g}) within 0.7, profile
p(t) in steps of 50 ms ({profile}). Between samples it fires at b_i. Given x and
c, units and bins are independent.

{specific}

## Best possible accuracy
From the spikes of a single sample, with all parameters known, the posterior of the label is an integral
over x (on a grid), summed over the conditions. truth.csv has its mean maximum over simulated samples, with
its standard error, for every session: {low:.3f} to {high:.3f}, on average {mean:.3f}. No decoder of
single samples does better on average; with finite training data it does worse.
"""

_SPECIFIC = {
    "auditory": f"""The label is the tone's category, low or high, equally often; m = -{AUDITORY_EVIDENCE} or
{AUDITORY_EVIDENCE}. The choice is high if x + N(0, {CHOICE_NOISE_SD}) > 0, hence the errors. r_i = 0. Region
AUDp.""",
    "visual": f"""Contrasts left and right are drawn from 0, 0.25, 0.5 and 1; m = {VISUAL_EVIDENCE} (right -
left). The label is the side of the higher contrast; ties have none and are left out of the best accuracy.
The choice is right if x + N(0, {CHOICE_NOISE_SD}) > 0, hence the errors; feedback is 1 if it is the label's
side, random for ties. r_i = 0. Region VISp.""",
    "licking": f"""A reward comes every 4.85 s, give or take 50 ms, and begins {N_WINDOWS} windows of 400 ms,
the samples. In window k = 0, 1, ... there is a lick with probability 0.2 + 0.6 / (1 + exp(-(k - 5.5) / 1.5)),
whatever happened before; m = -{LICKING_EVIDENCE} without and {LICKING_EVIDENCE} with a lick; one to three
licks fall into a window that has any. The clock c rises from -1/2 in the first window to 1/2 in the last, and
every third unit ramps with it, r_i ~ N(0, {RAMP_SD}) within 1.2. The best accuracy from spikes sums over k,
not being told it; clock_accuracy is the best from k alone, best_accuracy_with_clock that from both. Regions
M2, VLS and SNr in the units' brain_area (MOs, CP and SNr in the electrodes' location).""",
}


def _setting(name, expected, got):
    return InputError(
        "A setting of the simulated recordings is not right.",
        where=f"simulation of recordings, {name}",
        expected=expected,
        got=got,
        hint="Correct it in the configuration.",
    )
