"""Paired comparisons of decoders over sessions, and of regions at matched numbers of units.

The session is the unit of inference: seeds are averaged first, then sessions of one animal are resampled
together. Every effect is the first decoder's score less the other's. Which pairs there are, the families of
the correction and the rule of equivalence are our definitions.
"""

from itertools import combinations

import numpy as np
import pandas as pd

from digimus.analysis.statistics import (
    FEWEST_UNITS,
    equivalence_p,
    hierarchical_bootstrap,
    nested_mean,
    rank_biserial,
    signed_rank_p,
)
from digimus.motifs.pvalues import benjamini_hochberg
from digimus.prior_roles import is_control, is_control_of
from digimus.seeding import stream

COLUMNS = (
    "benchmark", "split", "metric", "model", "prior", "against_model", "against_prior", "role", "n_sessions",
    "n_animals", "effect", "ci_low", "ci_high", "ci90_low", "ci90_high", "p", "p_corrected", "rank_biserial",
    "equivalence_bound", "p_equivalence", "verdict", "simulated", "note",
)  # fmt: skip
REGION_COLUMNS = (
    "benchmark", "region", "against_region", "n_units", "n_sessions", "n_animals", "effect", "ci_low",
    "ci_high", "p", "p_corrected", "rank_biserial", "verdict",
)  # fmt: skip
METRICS = ("balanced_accuracy", "r2")
"""What is compared: the first for classes, the second for continuous targets."""
NO_PRIOR, CLOCK, CHANCE, OWN = "none", ("clock", "none"), "chance", "digimus"
LEVEL = 0.05
UNITS = ["animal", "session"]


def comparison_table(
    scores, nulls, priors, *, kinds, bound, seed, simulated_datasets=(), simulated_priors=()
):
    """Every comparison of decoders, dataset by dataset and split by split.

    Parameters
    ----------
    scores, nulls : pandas.DataFrame
        As in scores.csv and nulls.csv.
    priors : dict of str to dict
        The configuration's `priors`; see `digimus.prior_roles.is_control_of`.
    kinds : dict of str to str
        Trained network to its kind. Any other model of a dataset is a reference decoder.
    bound : float
        Differences below it, either way, count as none. Of balanced accuracy, or of R².
    seed : int
        Of the bootstrap.
    simulated_datasets, simulated_priors : sequence of str

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`. By role:

        - ``prior``: a prior against none, same model; ``control``: against each of its controls;
        - ``baseline``, ``reference``: DigiMus, structure-free and with each prior that is no control, against
          every network of another kind and every reference decoder;
        - ``clock``: every decoder against that of the time since the last clock event;
        - ``chance``: every decoder against chance (against_model ``chance``: one over the classes, R² 0), and
          against the mean of its own nulls where it has some (against_model is the name of the null).

        With fewer than six sessions there is no p and the verdict is ``undetermined``. Else:
        ``equivalent`` if two one-sided signed-rank tests (the larger p is `p_equivalence`, below .05, not
        corrected) and the 90 % bootstrap interval both place the effect within the bound; ``better`` or
        ``worse`` if the corrected two-sided signed-rank p is below .05 and the 95 % interval leaves out
        zero; else ``undetermined``. Equivalence comes first: a difference within the bound counts as none
        even where it is certain. p is corrected (Benjamini and Hochberg) over one role and split, all
        datasets and decoders together.
    """
    rows = []
    chosen = scores[scores["metric"].isin(METRICS) & scores["fold"].astype(str).eq("all")]
    chosen = chosen[chosen["session"].fillna("").astype(str).ne("")]
    for (benchmark, split, metric), cells in chosen.groupby(["benchmark", "split", "metric"], sort=False):
        key = dict(benchmark=benchmark, split=split, metric=metric, equivalence_bound=bound)
        here = nulls[(nulls["benchmark"] == benchmark) & (nulls["split"] == split)]
        by_cell = {cell: own for cell, own in cells.groupby(["model", "prior"], sort=False)}
        found = [
            (role, cell, against, paired_effects(by_cell[cell], by_cell[against]), "")
            for role, cell, against in pairs_of(list(by_cell), kinds, priors)
        ]
        for cell, own in by_cell.items():
            found += [(CHANCE, cell, against, *rest) for against, *rest in _against_nulls(own, here, metric)]
        for role, cell, against, effects, note in found:
            names = dict(model=cell[0], prior=cell[1], against_model=against[0], against_prior=against[1])
            simulated = benchmark in simulated_datasets or bool({cell[1], against[1]} & set(simulated_priors))
            rng = stream(seed, "decoding", benchmark, split, metric, role, *cell, *against)
            about = dict(role=role, simulated=simulated, note=note)
            rows.append(key | names | about | summarised(effects, bound, rng, note))
    return _judged(pd.DataFrame(rows, columns=COLUMNS), ["role", "split"])


def pairs_of(cells, kinds, priors):
    """Which decoders are compared.

    Parameters
    ----------
    cells : list of (str, str)
        Models with their priors.
    kinds, priors
        As for `comparison_table`.

    Yields
    ------
    (str, (str, str), (str, str))
        Role, decoder, and the one that it is compared with.
    """
    ours = [cell for cell in cells if kinds.get(cell[0]) == OWN]
    for model, prior in ours:
        if prior == NO_PRIOR or is_control(prior, priors):
            continue
        if (model, NO_PRIOR) in ours:
            yield "prior", (model, prior), (model, NO_PRIOR)
        for other, control in ours:
            if other == model and control != NO_PRIOR and is_control_of(control, prior, priors):
                yield "control", (model, prior), (model, control)
    shown = [cell for cell in ours if cell[1] == NO_PRIOR or not is_control(cell[1], priors)]
    for other in cells:
        if other not in ours and other != CLOCK:
            role = "baseline" if other[0] in kinds else "reference"
            yield from ((role, cell, other) for cell in shown)
    if CLOCK in cells:
        yield from (("clock", cell, CLOCK) for cell in cells if cell != CLOCK)


def paired_effects(first, other):
    """Differences of two decoders by session and seed.

    Parameters
    ----------
    first, other : pandas.DataFrame
        Rows of scores.csv of one decoder, metric and split.

    Returns
    -------
    pandas.DataFrame
        animal, session, seed, effect: the first's value less the other's. Seeds are paired where both have
        the same ones; else the other's mean over its seeds is taken from each value of the first. Sessions
        that only one of them has are left out.
    """
    keys = [*UNITS, "seed"]
    first, other = (table.dropna(subset="value") for table in (first, other))
    if set(first["seed"]) != set(other["seed"]):
        keys = UNITS
    against = other.groupby(keys)["value"].mean().rename("against")
    pairs = first.join(against, on=keys, how="inner")
    return pairs.assign(effect=pairs["value"] - pairs["against"])[[*UNITS, "seed", "effect"]]


def _against_nulls(own, nulls, metric):
    """(against, effects, note) of one decoder: chance, then the nulls that it has."""
    model = own["model"].iloc[0]
    chance = nulls.dropna(subset="chance").groupby("session")["chance"].first()
    level = own["session"].map(chance) if metric == METRICS[0] else 0.0
    yield (CHANCE, NO_PRIOR), _above(own, level), ""
    # The nulls are those of decoders without prior and seeds.
    mine = nulls[(nulls["model"] == model) & nulls["null_mean"].notna()]
    if own["prior"].iloc[0] != NO_PRIOR or not len(mine):
        return
    for name, rows in mine.groupby("null"):
        by_session = rows.groupby("session")[["null_mean", "null_95"]].first()
        value = own.groupby("session")["value"].mean().reindex(by_session.index)
        n_above = int((value > by_session["null_95"]).sum())
        note = f"above 95 % of the null in {n_above} of {len(by_session)} sessions"
        yield (str(name), NO_PRIOR), _above(own, own["session"].map(by_session["null_mean"])), note


def _above(own, level):
    effects = own.assign(effect=own["value"] - level)[[*UNITS, "seed", "effect"]]
    return effects.dropna(subset="effect")


def summarised(effects, bound, rng, note=""):
    """Effect, intervals, tests and effect size over sessions.

    Parameters
    ----------
    effects : pandas.DataFrame
        animal, session, seed, effect.
    bound : float
    rng : numpy.random.Generator
        Of the bootstrap, animal > session > seed.
    note : str
        What to say beside it.

    Returns
    -------
    dict
        Columns of `COLUMNS`; numbers are nan where there is no session.
    """
    per_session = effects.groupby(UNITS)["effect"].mean().to_numpy()
    n, n_animals = len(per_session), effects["animal"].nunique()
    notes = [note] if note else []
    found = dict(n_sessions=n, n_animals=n_animals, p=np.nan, p_equivalence=np.nan)
    if n:
        levels = [*UNITS, "seed"]
        means = hierarchical_bootstrap(effects, levels, "effect", rng)
        low, low90, high90, high = np.quantile(means, [0.025, 0.05, 0.95, 0.975])
        found |= dict(
            effect=nested_mean(effects, levels, "effect"), ci_low=low, ci_high=high, ci90_low=low90,
            ci90_high=high90, rank_biserial=rank_biserial(per_session),
        )  # fmt: skip
    if n >= FEWEST_UNITS:
        found |= dict(p=signed_rank_p(per_session), p_equivalence=equivalence_p(per_session, bound))
        if n_animals == 1:
            notes.append("one animal: the interval is over its sessions alone")
    else:
        notes.append(f"fewer than {FEWEST_UNITS} independent sessions" if n else "no session has both")
    return found | dict(note="; ".join(notes))


def _judged(table, family):
    """Corrected p-values and verdicts; see `comparison_table`."""
    table["p_corrected"] = np.nan
    for rows in table.groupby(family).groups.values():
        table.loc[rows, "p_corrected"] = benjamini_hochberg(table.loc[rows, "p"].to_numpy(float))
    table["verdict"] = [_verdict(row) for row in table.to_dict("records")]
    small = (table["verdict"] == "equivalent") & (table["p_corrected"] < LEVEL)
    table.loc[small, "note"] = [
        "; ".join(filter(None, [note, "differs from zero, by less than the bound"]))
        for note in table.loc[small, "note"]
    ]
    return table


def _verdict(row):
    if row["n_sessions"] < FEWEST_UNITS or not np.isfinite([row["effect"], row["p_corrected"]]).all():
        return "undetermined"
    bound = row["equivalence_bound"]
    within = -bound < row["ci90_low"] and row["ci90_high"] < bound
    if row["p_equivalence"] < LEVEL and within:
        return "equivalent"
    if row["p_corrected"] < LEVEL and (row["ci_low"] > 0 or row["ci_high"] < 0):
        return "better" if row["effect"] > 0 else "worse"
    return "undetermined"


def region_table(regions, *, bound, seed):
    """Regions compared at matched numbers of units, and each with chance.

    Parameters
    ----------
    regions : pandas.DataFrame
        As in regions.csv. Draws of units are averaged first; where there are several splits the blocked one
        counts.
    bound : float
    seed : int

    Returns
    -------
    pandas.DataFrame
        `REGION_COLUMNS`; the effect is the first region's score less the other's (or less chance, where
        against_region is ``chance``), over sessions that have both. Verdicts as in `comparison_table`;
        p is corrected over all pairs of a dataset, and over all regions against chance.
    """
    rows = []
    for benchmark, here in regions.groupby("benchmark", sort=False):
        here = here[
            here["split"] == ("blocked" if (here["split"] == "blocked").any() else here["split"].iloc[0])
        ]
        here = here[here["metric"].isin(METRICS)].dropna(subset="value")
        shared = ["region", *UNITS]
        values = here.groupby(shared, as_index=False)[["value", "chance"]].mean().assign(seed=0)
        names = sorted(values["region"].unique())
        by_region = {name: values[values["region"] == name] for name in names}
        n_units = here.groupby("region")["n_units"].min()
        found = [
            (
                name,
                CHANCE,
                by_region[name].assign(effect=by_region[name]["value"] - by_region[name]["chance"]),
            )
            for name in names
        ]
        found += [
            (one, two, paired_effects(by_region[one], by_region[two])) for one, two in combinations(names, 2)
        ]
        for one, two, effects in found:
            rng = stream(seed, "regions", benchmark, one, two)
            about = dict(
                benchmark=benchmark, region=one, against_region=two, equivalence_bound=bound,
                n_units=int(n_units[one]), to_chance=two == CHANCE,
            )  # fmt: skip
            rows.append(about | summarised(effects, bound, rng))
    columns = [
        *REGION_COLUMNS,
        "note",
        "ci90_low",
        "ci90_high",
        "equivalence_bound",
        "p_equivalence",
        "to_chance",
    ]
    return _judged(pd.DataFrame(rows, columns=columns), ["benchmark", "to_chance"])[list(REGION_COLUMNS)]
