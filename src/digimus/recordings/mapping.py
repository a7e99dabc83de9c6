"""A first guess at the mapping of a dataset from what one of its files offers: ours, to be mended by hand."""

import re
from pathlib import Path

import yaml

MOST_CLASSES = 12
# Columns that are likely to be decoded, the likeliest first; of several that match one, the file's first.
_LIKELY = (
    r"^contrast",
    r"categ",
    r"stim.*(side|type|id|name|class)|^stimulus$|^image",
    r"direction|orient",
    r"^side$|_side$",
    r"choice|response|decision",
    r"tone|freq|cue_type|trial_type|odou?r",
    r"feedback|outcome|correct",
)
_UNLIKELY = r"time|^id$|trial_?(number|num|index|id)$|_s$|duration|^stop|^start|auto_|version"
_ALIGNMENTS = (
    r"^(stim(ulus)?_?on(set)?(_time|_times)?|go_?cue(_start)?_time|cue_?on(set)?_time|tone_?on(set)?_time)$"
)
_NO_TRIALS = ("epochs", "invalid_times")
_LICKS = r"lick"
_CLOCKS = r"reward|water|deliver"


def guessed_mapping(offered):
    """A dataset as the configuration has it, guessed from names.

    Parameters
    ----------
    offered : dict
        What `offers` returned.

    Returns
    -------
    dict
        One dataset under a name made of the file's folder; empty where nothing could be a label.
    """
    table, label = _label(offered)
    if not label:
        return {}
    path = Path(offered["file"])
    signal = "fluorescence" if offered["signals"] and "spikes" not in offered["signals"] else "spikes"
    dataset = {"folder": str(path.parent), "pattern": f"*{path.suffix or ''}", "signal": signal}
    modules = [name.split(" ", 1)[1] for name in offered["signals"] if name.startswith("fluorescence ")]
    if signal == "fluorescence" and modules:
        dataset["module"] = modules[0]
    if table is not None:
        dataset["trials_table"] = table
    dataset |= {"label": label, "priors": []}
    name = re.sub(r"[^A-Za-z0-9]+", "_", path.resolve().parent.name).strip("_") or "mine"
    trials = offered["tables"][table] if table else offered["trials"]
    return {name if name != "rules" else "mine": dataset | _window(offered, trials, label, signal)}


def as_yaml(mapping, indent=0):
    """The mapping as lines of YAML."""
    text = yaml.safe_dump(mapping, sort_keys=False, default_flow_style=None, width=100)
    return "\n".join(" " * indent + line for line in text.splitlines())


def _label(offered):
    """The table that holds the trials, None for the trials themselves, and the label; that may be empty."""
    label = _label_of_trials(offered, offered["trials"])
    if label or offered["trials"]["n"]:
        return None, label or _label_of_series(offered)
    for name, table in offered["tables"].items():
        label = {} if name in _NO_TRIALS else _label_of_trials(offered, table)
        if label:
            return name, label
    return None, {}


def _label_of_trials(offered, table):
    usable = {
        name: column
        for name, column in table["columns"].items()
        if 2 <= column["n_distinct"] <= MOST_CLASSES and not re.search(_UNLIKELY, name, re.IGNORECASE)
    }
    pair = next(((a, a.replace("right", "left")) for a in usable if re.search(r"contrast.*right", a)), None)
    if pair and pair[1] in usable:
        return {"column": pair[0], "minus": pair[1], "rule": "sign"}
    licks = _named(offered["events"], _LICKS) if table["n"] else []
    if licks and _named(offered["events"], _CLOCKS):
        return {"events": licks}
    for likely in _LIKELY:
        name = next((name for name in usable if re.search(likely, name, re.IGNORECASE)), None)
        if name:
            return {"column": name}
    if licks:
        return {"events": licks}
    repeated = (name for name, column in usable.items() if 2 * column["n_distinct"] <= table["n"])
    name = next(repeated, None)  # a value of its own for every trial is the trial's name, no label
    return {} if name is None else {"column": name}


def _label_of_series(offered):
    return {"series": next(iter(offered["series"]))} if offered["series"] else {}


def _window(offered, trials, label, signal):
    """Bins and windows: 400 ms windows of events, else 0.4 s (spikes) or 2 s, if trials are as far apart."""
    if "events" in label:
        window = {"bin_ms": 50, "split_windows_ms": 400}
        clock = _named(offered["events"], _CLOCKS)
        return window | ({"clock_events": clock} if clock else {})
    align = next((name for name in trials["columns"] if re.search(_ALIGNMENTS, name, re.I)), None)
    bin_ms, length_ms = (50, 400) if signal == "spikes" else (250, 2000)
    if trials.get("span_s"):
        apart_ms = 1000 * (trials["span_s"][1] - trials["span_s"][0]) / trials["n"]
        length_ms = min(length_ms, max(1, int(apart_ms // bin_ms)) * bin_ms)
    window = {"bin_ms": bin_ms, "window_ms": [0, length_ms]}
    return window | ({"align": align} if align else {})


def _named(events, pattern):
    """Names of events, with any times, that match: one alone as text, several as a list."""
    found = [name for name, event in events.items() if event["n"] and re.search(pattern, name, re.IGNORECASE)]
    return found[0] if len(found) == 1 else found
