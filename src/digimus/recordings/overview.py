"""What a recording offers, so that settings can be chosen without opening it in another program."""

from pathlib import Path

import numpy as np

from digimus.recordings.sessions import fluorescence_series, opened, session_from


def offers(path):
    """What one NWB file offers for decoding.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        ``file session animal start_time simulated``; ``signals``, for spikes and for each fluorescence
        series their ``n_units``, ``regions`` (name to count) and ``span_s``; ``trials`` with ``n``,
        ``span_s`` and ``columns`` (name to ``n_distinct`` and a few ``examples``); ``events``, per name
        ``n`` and ``span_s``. Spans are (first, last) in seconds, None where there is nothing.

    Raises
    ------
    InputError
        As `read_session`.
    """
    with opened(path) as nwb:
        session = session_from(nwb, Path(path), "spikes")
        signals = {"spikes": _signal(session)} if "spikes" in session.signals else {}
        series = list(fluorescence_series(nwb))
        for module in series:
            name = "fluorescence" if len(series) == 1 else f"fluorescence {module}"
            signals[name] = _signal(session_from(nwb, Path(path), "fluorescence", module=module))
    return {
        "file": str(path),
        "session": session.session_id,
        "animal": session.animal,
        "start_time": session.start_time.isoformat(),
        "simulated": session.simulated,
        "signals": signals,
        "trials": _trials(session.trials),
        "events": {name: {"n": len(times), "span_s": _span(times)} for name, times in session.events.items()},
    }


def describe(offered):
    """The dictionary of `offers` as text to print."""
    lines = [offered["file"]]
    lines.append(f"  session {offered['session']}, animal {offered['animal']}, {offered['start_time']}")
    if offered["simulated"]:
        lines.append("  SIMULATED")
    for name, signal in offered["signals"].items():
        lines.append(f"  {name}: {signal['n_units']} units, {_seconds(signal['span_s'])}")
        lines.append("    " + ", ".join(f"{region} {count}" for region, count in signal["regions"].items()))
    if not offered["signals"]:
        lines.append("  no units: behaviour alone, nothing to decode from")
    trials = offered["trials"]
    lines.append(f"  trials: {trials['n']}, {_seconds(trials['span_s'])}")
    for name, column in trials["columns"].items():
        examples = ", ".join(map(_example, column["examples"]))
        lines.append(f"    {name}: {column['n_distinct']} distinct, such as {examples}")
    lines.append("  events:" if offered["events"] else "  events: none")
    for name, event in offered["events"].items():
        lines.append(f"    {name}: {event['n']}, {_seconds(event['span_s'])}")
    return "\n".join(lines)


def _signal(session):
    if session.traces is not None:
        span_s = _span(session.traces.times_s)
    else:
        ends = [edge for times in session.spike_times if len(times) for edge in (times[0], times[-1])]
        span_s = _span(np.sort(ends))
    names, counts = np.unique(session.regions.astype(str), return_counts=True)
    regions = {str(name): int(count) for name, count in zip(names, counts, strict=True)}
    return {"n_units": session.n_units, "regions": regions, "span_s": span_s}


def _trials(trials):
    columns = {}
    for name in trials.columns if len(trials) else ():
        distinct = trials[name].drop_duplicates()
        columns[name] = {"n_distinct": len(distinct), "examples": distinct.head(4).tolist()}
    edges = trials[["start_time", "stop_time"]].to_numpy(float)
    edges = np.sort(edges[np.isfinite(edges)])
    return {"n": len(trials), "span_s": _span(edges), "columns": columns}


def _span(sorted_times_s):
    return (float(sorted_times_s[0]), float(sorted_times_s[-1])) if len(sorted_times_s) else None


def _seconds(span_s):
    return f"{span_s[0]:.3f} to {span_s[1]:.3f} s" if span_s else "no times"


def _example(value):
    return f"{value:.10g}" if isinstance(value, float) else str(value)
