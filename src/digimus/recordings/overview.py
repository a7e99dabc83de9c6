"""What a recording offers, so that settings can be chosen without opening it in another program."""

from pathlib import Path

import numpy as np

from digimus.recordings.events import is_event_like
from digimus.recordings.files import opened
from digimus.recordings.fluorescence import fluorescence_series
from digimus.recordings.mapping import as_yaml, guessed_mapping
from digimus.recordings.quality import measures
from digimus.recordings.series import sampled_series, span
from digimus.recordings.sessions import session_from
from digimus.recordings.tables import TRIALS, interval_tables, plain_columns


def offers(path):
    """What one NWB file offers for decoding.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        Plain values only, so that it can be written as JSON. ``file session animal start_time simulated``;
        ``signals``, for spikes and for each fluorescence series (named ``fluorescence``, with its module
        where there are several) their ``n_units``, ``regions`` (name to count), ``span_s`` and ``columns``
        (of the units); ``trials`` with ``n``, ``span_s``, ``columns`` and ``left_out`` (columns that are
        not plain, with the reason); ``tables``, the same of every other table of intervals; ``events``,
        per name ``n`` and ``span_s``; ``series``, per sampled signal ``n``, ``span_s`` and ``rate_hz``.
        A column has ``n_distinct``, up to eight ``examples``, ``missing`` (share) and, of numbers,
        ``range``. Spans are (first, last) in seconds, None where there is nothing.

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
        tables = {name: _table(table) for name, table in interval_tables(nwb).items()}
        sampled = {
            name: {"n": len(thing.data), "span_s": span(thing), "rate_hz": _rate_hz(thing)}
            for name, (thing, _) in sampled_series(nwb, is_event_like).items()
        }
    return {
        "file": str(path),
        "session": session.session_id,
        "animal": session.animal,
        "start_time": session.start_time.isoformat(),
        "simulated": session.simulated,
        "signals": signals,
        "trials": tables.pop(TRIALS, {"n": 0, "span_s": None, "columns": {}, "left_out": {}}),
        "tables": tables,
        "events": {name: {"n": len(times), "span_s": _span(times)} for name, times in session.events.items()},
        "series": sampled,
    }


def describe(offered):
    """The dictionary of `offers` as text to print, with a mapping to begin from at its end."""
    lines = [offered["file"]]
    lines.append(f"  session {offered['session']}, animal {offered['animal']}, {offered['start_time']}")
    if offered["simulated"]:
        lines.append("  SIMULATED")
    for name, signal in offered["signals"].items():
        lines.append(f"  {name}: {signal['n_units']} units, {_seconds(signal['span_s'])}")
        lines.append("    " + ", ".join(f"{region} {count}" for region, count in signal["regions"].items()))
        lines += _columns(signal["columns"], "    columns of the units:")
    if not offered["signals"]:
        lines.append("  no units: behaviour alone, nothing to decode from")
    lines += _table_lines("trials", offered["trials"])
    for name, table in offered["tables"].items():
        lines += _table_lines(f"table {name}", table)
    lines.append("  events:" if offered["events"] else "  events: none")
    for name, event in offered["events"].items():
        lines.append(f"    {name}: {event['n']}, {_seconds(event['span_s'])}")
    lines.append("  series:" if offered["series"] else "  series: none")
    for name, one in offered["series"].items():
        rate = "" if one["rate_hz"] is None else f" at about {one['rate_hz']:.4g} Hz"
        lines.append(f"    {name}: {one['n']} samples{rate}, {_seconds(one['span_s'])}")
    mapping = guessed_mapping(offered)
    if mapping:
        files = "such files" if offered["signals"] else "such files, once they have units"
        lines += [f"  a guess at a dataset of {files}, under recordings: datasets: in the configuration:", ""]
        lines.append(as_yaml(mapping, indent=4))
    return "\n".join(lines)


def _signal(session):
    regions, counts = np.unique(session.regions.astype(str), return_counts=True)
    columns = {name: _column(session.units[name]) for name in session.units}
    if session.spike_times is not None:
        computed = measures(session)
        columns |= {name: _column(computed[name]) | {"computed": True} for name in computed}
    return {
        "n_units": session.n_units,
        "regions": {str(name): int(count) for name, count in zip(regions, counts, strict=True)},
        "span_s": session.span_s,
        "columns": columns,
    }


def _table(table):
    frame, left_out = plain_columns(table)
    edges = [frame[name].to_numpy() for name in ("start_time", "stop_time") if name in frame]
    edges = np.concatenate([part[np.isfinite(part)] for part in edges if part.dtype.kind in "fiu"] or [[]])
    columns = {name: _column(frame[name]) for name in frame}
    return {"n": len(frame), "span_s": _span(np.sort(edges)), "columns": columns, "left_out": left_out}


def _column(values):
    """What a column holds: number of distinct values, examples, the share missing, the range of numbers."""
    numeric = values.dtype.kind in "fiu"
    missing = values.isna() if numeric else (values.astype(str) == "")
    known = values[~missing]
    distinct = known.drop_duplicates()
    if numeric:
        distinct = distinct[np.isfinite(distinct.to_numpy(float))].sort_values()
    found = {"n_distinct": len(distinct), "examples": distinct.head(8).tolist()}
    found["missing"] = round(float(missing.mean()), 4) if len(values) else 0.0
    if numeric and len(distinct):
        found["range"] = (float(distinct.iloc[0]), float(distinct.iloc[-1]))
    return found


def _table_lines(name, table):
    lines = [f"  {name}: {table['n']}, {_seconds(table['span_s'])}"]
    lines += _columns(table["columns"])
    lines += [f"    {column}: left out ({reason})" for column, reason in table["left_out"].items()]
    return lines


def _columns(columns, title=None):
    lines = [title] if title and columns else []
    for name, column in columns.items():
        parts = [f"{column['n_distinct']} distinct"]
        if column["n_distinct"] > len(column["examples"]) and "range" in column:
            parts.append("{:.6g} to {:.6g}".format(*column["range"]))
        elif column["examples"]:
            parts.append("such as " + ", ".join(map(_example, column["examples"])))
        if column["missing"]:
            parts.append(f"{100 * column['missing']:.3g} % missing")
        lines.append(f"    {'  ' if title else ''}{name}: {', '.join(parts)}")
    return lines


def _rate_hz(series):
    edges = span(series)
    if series.rate:
        return float(series.rate)
    return (len(series.data) - 1) / (edges[1] - edges[0]) if edges and edges[1] > edges[0] else None


def _span(sorted_times_s):
    return (float(sorted_times_s[0]), float(sorted_times_s[-1])) if len(sorted_times_s) else None


def _seconds(span_s):
    return f"{span_s[0]:.3f} to {span_s[1]:.3f} s" if span_s else "no times"


def _example(value):
    return f"{value:.10g}" if isinstance(value, float) else str(value)
