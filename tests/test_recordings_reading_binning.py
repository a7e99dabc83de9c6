"""Spikes in bins: equal to numpy.histogram in every bin, edges included."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digimus.errors import InputError
from digimus.recordings import bin_session, binning, count_spikes


def spikes_on_edges(rng, n_units, stop_s, bin_s):
    """Units of different rates with many spikes on edges, exactly or one step of the last digit beside."""
    units = []
    for n_spikes in rng.integers(0, 400, n_units):
        times = rng.random(n_spikes) * (stop_s + 1)
        on_edge = rng.random(n_spikes) < 0.5
        times[on_edge] = np.round(times[on_edge] / bin_s) * bin_s
        beside = rng.random(n_spikes) < 0.2
        times[beside] = np.nextafter(times[beside], rng.choice([-np.inf, np.inf], beside.sum()))
        units.append(np.sort(np.maximum(times, 0)))
    return units


@pytest.mark.parametrize(("start_s", "stop_s", "bin_ms"), [(0, 60, 20), (0.3, 47.1, 33.3), (1.7, 1.72, 20)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_session_in_bins_equals_both_histograms(start_s, stop_s, bin_ms, dtype):
    spikes = spikes_on_edges(np.random.default_rng(0), 30, stop_s, bin_ms / 1000)
    counts, edges_s = bin_session(spikes, bin_ms, start_s, stop_s, dtype)
    n_bins = len(edges_s) - 1
    assert counts.shape == (n_bins, 30) and counts.dtype == dtype
    assert n_bins == int((stop_s - start_s) / (bin_ms / 1000) + 1e-6)
    for unit, times in enumerate(spikes):
        np.testing.assert_array_equal(counts[:, unit], np.histogram(times, edges_s)[0])
        np.testing.assert_array_equal(
            counts[:, unit], np.histogram(times, n_bins, (edges_s[0], edges_s[-1]))[0]
        )


def test_groups_do_not_matter_nor_whether_units_share_an_array(monkeypatch):
    spikes = spikes_on_edges(np.random.default_rng(1), 25, 30, 0.02)
    shared = np.split(np.concatenate(spikes), np.cumsum([len(times) for times in spikes])[:-1])
    expected, edges_s = bin_session(spikes, 20, 0, 30)
    np.testing.assert_array_equal(bin_session(shared[::-1], 20, 0, 30)[0], expected[:, ::-1])
    monkeypatch.setattr(binning, "GROUP", 300)
    for units in (spikes, shared):
        np.testing.assert_array_equal(count_spikes(units, edges_s[None])[0], expected)
    np.testing.assert_array_equal(count_spikes(shared[::-1], edges_s[None])[0], expected[:, ::-1])


@pytest.mark.parametrize("start_s", [1.3e6, 1.7e9])
def test_clocks_that_begin_long_ago_are_no_matter(start_s):
    edges = np.linspace(start_s, start_s + 10, 501)
    rng = np.random.default_rng(4)
    times = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])
    times = np.sort(np.concatenate([times, start_s + 10 * rng.random(1000)]))
    counts, edges_s = bin_session([times], 20, start_s, start_s + 10)
    np.testing.assert_array_equal(counts[:, 0], np.histogram(times, edges_s)[0])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.floats(1, 500), st.floats(0, 1000))
def test_any_span_and_bin_equals_histogram(seed, n_bins, bin_ms, start_s):
    stop_s = start_s + n_bins * bin_ms / 1000
    rng = np.random.default_rng(seed)
    edges = np.linspace(start_s, stop_s, n_bins + 1)
    times = np.sort(np.concatenate([rng.uniform(start_s - 1, stop_s + 1, 50), rng.choice(edges, 20)]))
    counts, edges_s = bin_session([times], bin_ms, start_s, stop_s)
    assert len(edges_s) == n_bins + 1 and edges_s[-1] == stop_s
    np.testing.assert_array_equal(counts[:, 0], np.histogram(times, edges_s)[0])


@pytest.mark.parametrize("shared", [True, False])
def test_windows_of_any_edges_equal_histogram(shared):
    rng = np.random.default_rng(2)
    spikes = spikes_on_edges(rng, 12, 20, 0.05)
    if shared:
        spikes = np.split(np.concatenate(spikes), np.cumsum([len(times) for times in spikes])[:-1])
    widths = rng.choice([0.05, 0.1, 0.3], (30, 6))
    starts = rng.integers(-20, 400, 30)[:, None] * 0.05
    edges_s = np.concatenate(
        [starts, starts + np.cumsum(widths, axis=1)], axis=1
    )  # overlapping, out of order
    counts = count_spikes(spikes, edges_s)
    assert counts.shape == (30, 6, 12) and counts.dtype == np.float32
    for unit, times in enumerate(spikes):
        expected = [np.histogram(times, row)[0] for row in edges_s]
        np.testing.assert_array_equal(counts[:, :, unit], expected)


def test_nothing_to_count_gives_zeros():
    assert bin_session([], 20, 0, 1)[0].shape == (50, 0)
    assert bin_session([np.empty(0)], 20, 0, 1)[0].sum() == 0
    assert count_spikes([], np.array([[0.0, 1.0]])).shape == (1, 1, 0)
    assert count_spikes([np.empty(0)], np.empty((0, 3))).shape == (0, 2, 1)


def test_memory_is_that_of_the_counts():
    rng = np.random.default_rng(3)
    spikes = np.split(np.sort(rng.random(400_000)) * 600, np.arange(1000, 400_000, 1000))
    bin_session(spikes[:2], 20, 0, 600)
    tracemalloc.start()
    counts, _ = bin_session(spikes, 20, 0, 600)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < counts.nbytes + 500_000  # 30,000 bins of 400 units are 12 MB, a copy of all spikes 3.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stop_s": 0.01}, "one bin or more"),
        ({"bin_ms": 0}, "one bin or more"),
        ({"stop_s": np.nan}, "one bin or more"),
        ({"stop_s": np.inf}, "one bin or more"),
        ({"dtype": np.int8}, "uint8, uint16 or float32"),
        ({"bin_ms": 1000}, "at most 255 spikes"),
    ],
)
def test_what_cannot_be_counted_is_refused(change, message):
    asked = {"bin_ms": 20, "start_s": 0, "stop_s": 1, "dtype": np.uint8} | change
    with pytest.raises(InputError, match=message):
        bin_session([np.linspace(0, 1, 300)], **asked)
