"""A stretch of one session as a table, to be drawn: spikes or traces, events, trials and samples."""

import numpy as np
import pandas as pd

EXAMPLE_COLUMNS = (
    *("dataset", "session", "animal", "kind", "name", "region"),
    *("time_s", "stop_s", "value", "sample"),
)
MOST_TRIALS, MOST_UNITS, LONG_ENOUGH_S = 10, 60, 20.0


def example(session, prepared, units, dataset=""):
    """The first trials of a session: ten, or as many as give 20 s of samples.

    Parameters
    ----------
    session : Session
    prepared : Prepared
        Of this session.
    units : DataFrame
        All its units, as `prepare_with_units` gives them.
    dataset : str

    Returns
    -------
    DataFrame
        Columns `EXAMPLE_COLUMNS`. Rows by `kind`: ``trial`` (name: its row in the file; from the first
        window's begin to the last one's end), ``sample`` (name: the class; value: the label), ``event``,
        ``spike`` and ``trace`` (name: the unit; value: fluorescence, as in the file). ``sample`` is the
        position of the sample that holds the time, -1 where none does. Of more than 60 units every k-th.
    """
    trials = _chosen_trials(prepared)
    window_s = np.array(prepared.window_ms) / 1000
    chosen = np.flatnonzero(np.isin(prepared.groups, trials))
    begin_s, end_s = (prepared.start_s[chosen] + edge for edge in window_s)
    spans = {
        group: (begin_s[of].min(), end_s[of].max())
        for group in trials
        for of in [prepared.groups[chosen] == group]
    }
    parts = [
        _rows("trial", [str(group) for group in spans], *np.array(list(spans.values())).T),
        _rows("sample", _names(prepared, chosen), begin_s, end_s, prepared.labels[chosen], chosen),
    ]
    for name, times in session.events.items():
        parts.append(_instants("event", name, "", times, None, spans))
    kept = np.flatnonzero(units["kept"])
    for position in kept[:: -(-len(kept) // MOST_UNITS)]:
        name, region = units.loc[position, ["unit", "region"]]
        if session.signal == "spikes":
            times, values, kind = session.spike_times[position], None, "spike"
        else:
            times, values, kind = session.traces.times_s, session.traces.values[:, position], "trace"
        parts.append(_instants(kind, name, region, times, values, spans))
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    instants = table["kind"].isin(["event", "spike", "trace"]).to_numpy()
    table.loc[instants, "sample"] = _sample_at(
        table.loc[instants, "time_s"].to_numpy(), begin_s, end_s, chosen
    )
    table["dataset"], table["session"], table["animal"] = dataset, prepared.session_id, prepared.animal
    return table[list(EXAMPLE_COLUMNS)].astype({"sample": int})


def _chosen_trials(prepared):
    """The first trials, in time."""
    groups = prepared.groups[np.argsort(prepared.start_s, kind="stable")]
    trials = list(dict.fromkeys(groups.tolist()))[:MOST_TRIALS]
    length_s = (prepared.window_ms[1] - prepared.window_ms[0]) / 1000
    total_s = np.cumsum([(groups == trial).sum() * length_s for trial in trials])
    return trials[: int(np.searchsorted(total_s, LONG_ENOUGH_S)) + 1]


def _names(prepared, chosen):
    if prepared.continuous:
        return [""] * len(chosen)
    return [prepared.classes[label] for label in prepared.labels[chosen]]


def _rows(kind, names, time_s, stop_s, value=np.nan, sample=-1):
    columns = {"kind": kind, "name": names, "region": "", "time_s": time_s, "stop_s": stop_s}
    return pd.DataFrame({**columns, "value": value, "sample": sample})


def _instants(kind, name, region, times_s, values, spans):
    """Rows of the times, with their values, that fall into any of the trials."""
    inside = np.zeros(len(times_s), bool)
    for begin_s, end_s in spans.values():
        inside |= (times_s >= begin_s) & (times_s < end_s)
    if values is not None:
        inside &= np.isfinite(values)
    found = pd.DataFrame({"time_s": np.asarray(times_s)[inside]})
    found["kind"], found["name"], found["region"] = kind, name, region
    return found.assign(stop_s=np.nan, value=np.nan if values is None else values[inside], sample=-1)


def _sample_at(times_s, begin_s, end_s, chosen):
    """Position of the sample that holds each time, -1 for none."""
    order = np.argsort(begin_s, kind="stable")
    last = np.searchsorted(begin_s[order], times_s, side="right") - 1
    found = order[last.clip(0)]
    return np.where((last >= 0) & (times_s < end_s[found]), chosen[found], -1)
