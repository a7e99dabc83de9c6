"""For tests of figures: tables of recordings and decoding of any number of datasets, models and sessions."""

import numpy as np
import pandas as pd

from anatomy_tables import grid

CELLS = (("digimus", "none"), ("digimus", "A"), ("lstm", "none"))
REFERENCES = ("logistic",)
MANY_CELLS = (
    *CELLS, ("digimus", "A-degree"), ("digimus", "A-reciprocity"), ("gru", "none"), ("tcn", "none"),
    ("transformer", "none"), ("lru", "none"),
)  # fmt: skip
MANY_REFERENCES = ("logistic", "logistic-history", "boosted", "clock")
BIN_S, N_BINS = 0.05, 8


def sessions_of(dataset, n_animals=2, n_each=(2, 1)):
    """(animal, session) of a dataset; animals take turns in how many sessions they have."""
    return [
        (f"{dataset}-{chr(97 + a)}", f"{dataset}-{chr(97 + a)}{s}")
        for a in range(n_animals)
        for s in range(1, n_each[a % len(n_each)] + 1)
    ]


def decoding_tables(
    datasets=("visual",), *, sessions=None, cells=CELLS, references=REFERENCES, splits=("blocked",),
    seeds=(1, 2), classes=("left", "right"), continuous=(), clock=(), traces=(), known_best=True, gaps=(),
    regions=("V1", "V2"), n_units=12, n_samples=10,
):  # fmt: skip
    """Tables of recordings and decoding by path; values are random, their structure is that of a run.

    Datasets in `continuous` have targets instead of classes, those in `clock` events and a clock decoder,
    those in `traces` two-photon traces, those in `gaps` trials apart in time.
    """
    rng = np.random.default_rng(7)
    parts = {name: [] for name in ("scores", "nulls", "timecourse", "calibration", "regions", "decoded",
                                   "decoding", "known_best", "regions_compared")}  # fmt: skip
    tables = {}
    for dataset in datasets:
        pairs = sessions or sessions_of(dataset)
        pairs = pd.DataFrame(pairs, columns=["animal", "session"]).assign(benchmark=dataset)
        number = dataset in continuous
        names = [r for r in references if r != "clock" or dataset in clock]
        if number:
            names = [r.replace("logistic", "ridge") for r in names if r != "clock"]
        metric = "r2" if number else "balanced_accuracy"
        chance = 0.0 if number else 1 / len(classes)
        every = [(*cell, seed) for cell in cells for seed in seeds] + [(r, "none", 0) for r in names]
        every = pd.DataFrame(every, columns=["model", "prior", "seed"])
        grown = pairs.merge(every, how="cross").merge(pd.DataFrame({"split": list(splits)}), how="cross")
        grown["value"] = chance + (1 - chance) * rng.uniform(0.1, 0.8, len(grown))
        parts["scores"].append(grown.assign(task="", fold="all", metric=metric))
        nulls = pairs.merge(pd.DataFrame({"model": names}), how="cross")
        nulls = nulls.merge(grid(split=splits, null=["labels", "pseudo-session"]), how="cross")
        best = 0.9 if known_best and not number else np.nan
        nulls = nulls.assign(chance=chance, best_accuracy=best, best_accuracy_se=best / 500)
        nulls["null_95"] = chance + rng.uniform(0.04, 0.1, len(nulls))
        parts["nulls"].append(nulls)
        one = grown[grown["split"] == splits[0]].drop(columns="value")
        parts["timecourse"].append(_timecourse(one, names[:1], number, rng))
        if not number:
            bins = one.merge(grid(bin=range(10)), how="cross")
            bins["n"] = rng.integers(0, 40, len(bins)) * (bins["bin"] > 4)
            known = np.where(bins["n"] > 0, (bins["bin"] + 0.5) / 10, np.nan)
            bins = bins.assign(mean_probability=known, frequency=known + rng.uniform(-0.05, 0.05, len(bins)))
            parts["calibration"].append(bins)
        within = pairs.merge(grid(region=regions, draw=range(2)), how="cross")
        within = within.assign(n_units=4, n_available=6, model=names[0], split=splits[0], metric=metric)
        within["value"] = chance + rng.uniform(0, 0.3, len(within))
        parts["regions"].append(within.assign(chance=chance))
        parts["regions_compared"].append(_regions_compared(dataset, regions, pairs, rng))
        parts["decoding"].append(_comparisons(dataset, cells, names, splits, metric, pairs, rng))
        if np.isfinite(best):
            parts["known_best"].append(_known_best(one, best, rng))
        example, decoded = _example(
            pairs.iloc[0], every, splits[0], classes, number, dataset in clock, dataset in traces,
            dataset in gaps, regions, n_units, n_samples, rng,
        )  # fmt: skip
        parts["decoded"].append(decoded)
        tables[f"x/recordings/{dataset}/example.csv"] = example
        tables[f"x/recordings/{dataset}/sessions.csv"] = _recorded(pairs, regions, n_units)
    joined = {name: pd.concat(found, ignore_index=True) for name, found in parts.items() if found}
    return tables | {f"x/evaluation/{name}.csv": table for name, table in joined.items()}


def _timecourse(one, generalised, number, rng):
    times = (np.arange(N_BINS) + 0.5) * BIN_S
    metric = "r2" if number else "accuracy"
    running = one[~one["model"].isin(generalised)].merge(grid(test_time_s=times), how="cross")
    running = running.assign(train_time_s=np.nan)
    both = one[one["model"].isin(generalised)].merge(grid(train_time_s=times, test_time_s=times), how="cross")
    table = pd.concat([running, both], ignore_index=True)
    table["value"] = 0.5 + 0.4 * table["test_time_s"] + rng.normal(0, 0.05, len(table))
    return table.assign(metric=metric)


def _comparisons(dataset, cells, references, splits, metric, pairs, rng):
    ours = [cell for cell in cells if cell[0] == "digimus"]
    rows = []
    for model, prior in ours:
        others = [("none", "prior")] * (prior == "A") + [
            (p, "control") for _, p in ours if prior == "A" and p.startswith("A-")
        ]
        rows += [(model, prior, "digimus", other, role) for other, role in others]
        rows += [(model, prior, m, "none", "baseline") for m, p in cells if m != "digimus"]
        roles = {"clock": "clock"}
        rows += [(model, prior, r, "none", roles.get(r, "reference")) for r in references]
        rows += [(model, prior, "", "", "null")]
    table = pd.DataFrame(rows, columns=["model", "prior", "against_model", "against_prior", "role"])
    table = table.merge(pd.DataFrame({"split": list(splits)}), how="cross")
    effect = rng.normal(0, 0.05, len(table))
    verdicts = rng.choice(["better", "worse", "equivalent", "undetermined"], len(table))
    return table.assign(
        benchmark=dataset, metric=metric, n_sessions=len(pairs), n_animals=pairs["animal"].nunique(),
        effect=effect, ci_low=effect - 0.04, ci_high=effect + 0.04, ci90_low=effect - 0.03,
        ci90_high=effect + 0.03, p=0.04, p_corrected=0.08, rank_biserial=0.3, equivalence_bound=0.02,
        p_equivalence=0.2, verdict=verdicts, simulated=False, note="",
    )  # fmt: skip


def _known_best(one, best, rng):
    rows = one.drop_duplicates(["model", "prior"]).assign(session="all", animal="")
    rows["accuracy"] = best - rng.uniform(0, 0.1, len(rows))
    rows = rows.assign(best_accuracy=best, best_accuracy_se=0.001, n_samples=900, se=0.01)
    rows["difference"] = rows["accuracy"] - best
    rows["within"], rows["passes"] = rows["difference"] >= -0.03, False
    rows["best_decoder"] = rows["accuracy"] == rows["accuracy"].max()
    chosen = rows[rows["best_decoder"]].assign(model="chosen", prior="none", best_decoder=False)
    return pd.concat([rows, chosen], ignore_index=True)


def _regions_compared(dataset, regions, pairs, rng):
    rows = [(a, b) for k, a in enumerate(regions) for b in regions[k + 1 :]]
    rows += [(region, "chance") for region in regions]
    table = pd.DataFrame(rows, columns=["region", "against_region"])
    effect = rng.normal(0, 0.05, len(table))
    return table.assign(
        benchmark=dataset, n_units=4, n_sessions=len(pairs), effect=effect, ci_low=effect - 0.05,
        ci_high=effect + 0.05, p=0.3, p_corrected=0.5, rank_biserial=0.1,
        verdict=["undetermined"] * (len(rows) - len(regions) + 1) + ["better"] * (len(regions) - 1),
    )  # fmt: skip


def _recorded(pairs, regions, n_units):
    used = pairs.assign(file=pairs["session"] + ".nwb", status="used", reason="", n_units=n_units)
    used = used.assign(n_units_left_out=1, n_trials_dropped=2)
    used["regions"] = "; ".join(f"{region}:{n_units // len(regions)}" for region in regions)
    bad = dict(file="bad.nwb", session="", animal="", status="set aside", reason="There are no trials.")
    return pd.concat([used, pd.DataFrame([bad])], ignore_index=True).drop(columns="benchmark")


def _example(
    session, every, split, classes, number, events, traces, gaps, regions, n_units, n_samples, rng
):  # fmt: skip
    """The example session, and what some decoders make of its samples."""
    shared = dict(dataset=session["benchmark"], session=session["session"], animal=session["animal"])
    length, step = N_BINS * BIN_S, 2.0 if gaps else 0.5
    starts = 100 + step * np.arange(n_samples)
    codes = np.arange(n_samples) % len(classes)
    labels = "" if number else [classes[code] for code in codes]
    samples = pd.DataFrame(
        dict(kind="sample", name=labels, time_s=starts, stop_s=starts + length, sample=np.arange(n_samples))
    )
    samples["value"] = rng.normal(size=n_samples) if number else codes
    trials = pd.DataFrame(dict(kind="trial", name="", time_s=starts - 0.05, stop_s=starts + length + 0.05))
    units = [(f"u{k:02d}", regions[k % len(regions)]) for k in range(n_units)]
    shown = []
    for unit, region in units:
        if traces:
            times = (starts[:, None] + (np.arange(N_BINS) + 0.5) * BIN_S).ravel()
            values = rng.normal(size=len(times))
        else:
            times, values = rng.uniform(starts[0], starts[-1] + length, 5 * n_samples), np.nan
        kind = "trace" if traces else "spike"
        shown.append(pd.DataFrame(dict(kind=kind, name=unit, region=region, time_s=times, value=values)))
    if events:
        times = rng.uniform(starts[0], starts[-1], 2 * n_samples)
        shown.append(pd.DataFrame(dict(kind="event", name=np.resize(["licks", "rewards"], len(times)),
                                       time_s=times)))  # fmt: skip
    example = pd.concat([samples, trials, *shown], ignore_index=True).assign(**shared)
    decoders = every.drop_duplicates(["model", "prior"])[["model", "prior"]]
    rows = grid(sample=range(n_samples), bin=range(N_BINS))
    rows["time_s"] = starts[rows["sample"]] + (rows["bin"] + 1) * BIN_S
    told = [""] if number else list(classes[1:] if len(classes) == 2 else classes)
    decoded = decoders.merge(rows, how="cross").merge(pd.DataFrame({"class": told}), how="cross")
    decoded["probability"] = rng.uniform(size=len(decoded)) * (2 / max(len(told), 2))
    keys = dict(benchmark=session["benchmark"], session=session["session"], split=split)
    return example, decoded.drop(columns="bin").assign(**keys)
