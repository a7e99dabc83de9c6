"""Filters of units, and what spike times tell of their quality."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from digimus.errors import InputError
from digimus.recordings.quality import measures, quality_filter


def fake(spikes, span_s=(0.0, 10.0), obs_intervals=None, **columns):
    spikes = [np.asarray(unit, float) for unit in spikes]
    return SimpleNamespace(
        path="memory",
        spike_times=spikes,
        n_units=len(spikes),
        span_s=span_s,
        obs_intervals=obs_intervals,
        units=pd.DataFrame(columns),
    )


def test_measures_of_spike_times_have_their_definitions():
    even = np.arange(20) / 2 + 0.1  # twice a second, in every tenth of ten seconds
    bursting = np.array([1.0, 1.001, 1.01, 1.011, 1.5])  # two of four intervals under 1.5 ms
    found = measures(fake([even, bursting, [], [3.0]]))
    assert found["rate_hz"].tolist() == [2.0, 0.5, 0.0, 0.1]
    assert found["isi_violations"].tolist() == [0.0, 0.5, 0.0, 0.0]
    assert found["presence"].tolist() == [1.0, 0.1, 0.0, 0.1]


def test_time_not_observed_does_not_count():
    always = np.array([[-np.inf, np.inf]])
    parts = np.array([[6.0, 8.0], [0.0, 2.0]])  # four of ten seconds, out of order
    spikes = [np.array([0.1, 1.0, 6.1, 7.0, 7.9]), np.array([0.1, 1.0, 6.1, 7.0, 7.9])]
    found = measures(fake(spikes, obs_intervals=[always, parts]))
    np.testing.assert_allclose(found["rate_hz"], [0.5, 1.25])
    np.testing.assert_allclose(found["presence"], [0.4, 0.5])  # tenths 0 1 6 7, and 0 2 5 7 9


def test_filters_keep_what_passes_all_and_count_what_each_left_out():
    session = fake(
        [[1.0], [1.0], [1.0, 2.0], []],
        quality=["good", "mua", "good", "good"],
        depth=[10.0, 20.0, np.nan, 500.0],
        label=[1, 2, 1, 1],
    )
    keep, table = quality_filter(
        session, {"quality": {"values": ["good"]}, "depth": {"max": 100}, "rate_hz": {"min": 0.1}}
    )
    assert keep.tolist() == [True, False, False, False]
    assert table["column"].tolist() == ["quality", "depth", "rate_hz"]
    assert table["n_left_out"].tolist() == [1, 2, 1]
    assert table["n_left_out_by_it_alone"].tolist() == [1, 1, 0]
    assert table["keeps"].tolist() == ["among ['good']", "<= 100", ">= 0.1"]
    assert quality_filter(session, {"label": {"values": [1.0]}})[0].tolist() == [True, False, True, True]
    keep, table = quality_filter(session, {})
    assert keep.all() and len(table) == 0


def test_a_measure_is_computed_even_where_the_file_has_a_column_of_its_name():
    session = fake([[1.0], [2.0, 3.0]], rate_hz=[50.0, 50.0])
    assert quality_filter(session, {"rate_hz": {"min": 0.15}})[0].tolist() == [False, True]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"qualty": {"values": ["good"]}}, "Did you mean 'quality'"),
        ({"presense": {"min": 0.5}}, "Did you mean 'presence'"),
        ({"quality": {"min": 1}}, "numbers of text"),
        ({"quality": {"mim": 1}}, "Did you mean 'min'"),
        ({"quality": {}}, "is not one"),
        ({"quality": "good"}, "is not one"),
    ],
)
def test_filters_that_cannot_be_are_refused(filters, message):
    with pytest.raises(InputError, match=message):
        quality_filter(fake([[1.0]], quality=["good"]), filters)


def test_cells_of_fluorescence_have_columns_but_no_spikes_to_measure():
    session = fake([], span_s=None, snr=[1.0, 3.0])
    session.spike_times, session.n_units = None, 2
    assert quality_filter(session, {"snr": {"min": 2}})[0].tolist() == [False, True]
    with pytest.raises(InputError, match="no column 'rate_hz'"):
        quality_filter(session, {"rate_hz": {"min": 2}})
