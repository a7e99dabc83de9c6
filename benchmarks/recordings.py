"""A session in bins: 2,000 units and an hour at 20 ms, ours beside numpy.histogram and pynapple.

Spike times are simulated: Poisson with a rate of its own for each unit (log-normal, 4.4 Hz in the mean, 32
million spikes in all). Every variant must come to the same counts: compared is the sum of each unit's counts
times the square of their bin's number (pynapple rounds times to 1 ns, which moves a few of the spikes). numpy
has one call a unit, once with a range and once with edges, and writes unit after unit, the order that suits
it. pynapple counts a group of units at once.
"""

import numpy as np

from harness import Case

PEERS = {"pynapple"}
GOAL = 8
MEMORY_GOAL = 0.9  # numpy needs the result and a unit's worth beside it
BIN_MS = 20


def cases(folder, quick):
    """A whole session; quick, a small one."""
    n_units, stop_s = (40, 60.0) if quick else (2000, 3600.0)
    path = folder / "spikes.npz"
    flat, ends = simulated_spikes(n_units, stop_s, np.random.default_rng(1))
    np.savez(path, flat=flat, ends=ends)
    peers = ("histogram_range", "histogram_edges", "pynapple")
    return [
        Case(
            f"{n_units} units, {stop_s:g} s, {BIN_MS} ms, {len(flat):,} spikes",
            {"path": str(path), "stop_s": stop_s},
            peers,
            {"histogram_range": GOAL, "histogram_edges": GOAL},
            rtol={"histogram_range": 0, "histogram_edges": 0, "pynapple": 1e-7},
            memory_goals={"histogram_range": MEMORY_GOAL},
        )
    ]


def simulated_spikes(n_units, stop_s, rng):
    """Spike times of all units one after the other, and where each unit's end."""
    rates_hz = np.exp(rng.normal(np.log(3.2), 0.8, n_units))
    n_spikes = rng.poisson(rates_hz * stop_s)
    flat = rng.random(n_spikes.sum()) * stop_s
    for part in np.split(flat, np.cumsum(n_spikes)[:-1]):
        part.sort()
    return flat, np.cumsum(n_spikes)


def units(arguments):
    """The spike times of each unit, pieces of one array as `read_session` makes them."""
    with np.load(arguments["path"]) as arrays:
        return np.split(arrays["flat"], arrays["ends"][:-1])


def n_bins(arguments):
    return round(arguments["stop_s"] * 1000 / BIN_MS)


def weighted(counts):
    """A number of each unit on which all must agree: the sum of its counts times their bin's number squared.

    Whole numbers below 2**53, so that one spike in another bin shows.
    """
    total, rows = 0.0, 2000
    for first in range(0, len(counts), rows):
        part = counts[first : first + rows]
        total = total + np.arange(first + 1.0, first + 1 + len(part)) ** 2 @ part
    return total


def run_digimus(arguments):
    from digimus.recordings import bin_session

    spikes = units(arguments)
    bin_session(spikes[:2], BIN_MS, 0, arguments["stop_s"])  # compiles
    return lambda: bin_session(spikes, BIN_MS, 0, arguments["stop_s"])[0], weighted


def run_histogram_range(arguments):
    spikes, n, span_s = units(arguments), n_bins(arguments), (0, arguments["stop_s"])
    return lambda: _by_unit(spikes, n, lambda times: np.histogram(times, n, span_s)[0]), weighted


def run_histogram_edges(arguments):
    spikes, n = units(arguments), n_bins(arguments)
    edges_s = np.linspace(0, arguments["stop_s"], n + 1)
    return lambda: _by_unit(spikes, n, lambda times: np.histogram(times, edges_s)[0]), weighted


def _by_unit(spikes, n, histogram):
    counts = np.empty((len(spikes), n), np.uint8)  # the order in which numpy writes fastest
    for unit, times in enumerate(spikes):
        counts[unit] = histogram(times)
    return counts.T


def run_pynapple(arguments):
    import pynapple

    epoch = pynapple.IntervalSet(0, arguments["stop_s"])
    spikes = units(arguments)
    group = pynapple.TsGroup({unit: pynapple.Ts(times) for unit, times in enumerate(spikes)}, epoch)
    return lambda: group.count(BIN_MS, time_units="ms", dtype=np.uint8), lambda counts: weighted(
        counts.values
    )
