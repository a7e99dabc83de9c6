"""The claims of the abstract and the verdicts on them, computed from tables.

Every effect is signed so that the claim is positive. The unit of inference is the task for claims on
rule tasks (seeds averaged first), the session for decoding, the region for motifs.
"""

import numpy as np
import pandas as pd
from scipy.stats import binomtest, mannwhitneyu, norm

from digimus.analysis.decoding_comparisons import paired_effects
from digimus.analysis.statistics import (
    FEWEST_UNITS,
    hierarchical_bootstrap,
    nested_mean,
    signed_rank_p,
    verdict,
)
from digimus.motifs.pvalues import benjamini_hochberg
from digimus.seeding import stream

COLUMNS = (
    "claim", "test", "n", "effect", "ci_low", "ci_high", "p_corrected", "smallest_effect", "verdict",
    "figure", "unit", "effect_unit", "p", "ci90_low", "ci90_high", "simulated", "note",
)  # fmt: skip
LEVEL = 0.05
CHALLENGING = ("perceptual decision", "delayed decision", "match")


class Claims:
    """Collects claims; verdicts are given at the end, once all p-values are known."""

    def __init__(self, seed):
        self.seed, self.rows = seed, []

    def add(
        self,
        claim,
        effects,
        *,
        levels,
        test,
        smallest_effect,
        figure,
        effect_unit,
        simulated,
        p=None,
        against=None,
        note="",
    ):
        """Add a claim from a table of effects.

        Parameters
        ----------
        claim : str
        effects : pandas.DataFrame
            Columns `levels` and ``effect``, one row an observation.
        levels : list of str
            Nested units from the outermost; the unit of inference is ``session`` where it is among them,
            else the first one.
        test, figure, effect_unit, note : str
        smallest_effect : float
        simulated : bool
        p : float, optional
            If not the signed-rank test over units.
        against : pandas.DataFrame, optional
            A second, independent group of units: the effect is the first group's mean less this one's.
        """
        unit = "session" if "session" in levels else levels[0]
        outer = levels[: levels.index(unit) + 1]
        groups = [effects] if against is None else [effects, against]
        groups = [group[np.isfinite(group["effect"].astype(float))] for group in groups]
        row = dict.fromkeys(COLUMNS, np.nan) | dict(
            claim=claim, test=test, n=sum(group.groupby(outer).ngroups for group in groups), figure=figure,
            smallest_effect=smallest_effect, unit=unit, effect_unit=effect_unit, simulated=simulated,
            note=note,
        )  # fmt: skip
        if all(len(group) for group in groups):
            row |= self._estimate(claim, groups, levels, outer)
            row["p"] = row["p"] if p is None else p
        else:
            row["note"] = "not available: no cell of the grid holds what this claim needs"
        if row["n"] < FEWEST_UNITS:
            row["note"] = "; ".join(
                filter(None, [row["note"], f"fewer than {FEWEST_UNITS} independent units"])
            )
        self.rows.append(row)

    def _estimate(self, claim, groups, levels, outer):
        """Effect, bootstrap intervals and signed-rank p; of two groups, the first less the second."""
        effect = means = 0.0
        for sign, group in zip((1, -1), groups, strict=False):
            rng = stream(self.seed, "claims", claim, sign)
            means = means + sign * hierarchical_bootstrap(group, levels, "effect", rng)
            effect += sign * nested_mean(group, levels, "effect")
        inner = levels[len(outer) :]
        per_unit = [nested_mean(units, inner, "effect") for _, units in groups[0].groupby(outer)]
        low, low90, high90, high = np.quantile(means, [0.025, 0.05, 0.95, 0.975])
        return dict(
            effect=effect,
            ci_low=low,
            ci_high=high,
            ci90_low=low90,
            ci90_high=high90,
            p=signed_rank_p(per_unit),
        )

    def table(self):
        """All claims with corrected p-values (Benjamini-Hochberg over the claims) and verdicts."""
        table = pd.DataFrame(self.rows, columns=COLUMNS)
        table["p_corrected"] = benjamini_hochberg(table["p"])
        keys = ("n", "effect", "ci_low", "ci90_high", "p_corrected", "smallest_effect")
        table["verdict"] = [verdict(**{key: row[key] for key in keys}) for _, row in table.iterrows()]
        return table


def differences(scores, *, keys, model, prior, other_model, other_prior):
    """Paired differences between two (model, prior) cells.

    Parameters
    ----------
    scores : pandas.DataFrame
        Rows of one metric and split of scores.csv.
    keys : list of str
        What pairs are matched by.
    model, prior, other_model, other_prior : str

    Returns
    -------
    pandas.DataFrame
        `keys` and effect: the first cell's value minus the other's.
    """
    first = scores[(scores["model"] == model) & (scores["prior"] == prior)].set_index(keys)["value"]
    other = scores[(scores["model"] == other_model) & (scores["prior"] == other_prior)].set_index(keys)[
        "value"
    ]
    return (first - other).rename("effect").dropna().reset_index()


def rule_claims(claims, scores, families, *, priors, models, smallest, margin, simulated, note=""):
    """Stable performance, benefit of the prior, and the advantage in complex decisions.

    Parameters
    ----------
    claims : Claims
    scores : pandas.DataFrame
    families : dict of str to str
        Task to family.
    priors, models : sequence of str
    smallest, margin : float
        Smallest effect of interest and margin of non-inferiority, in accuracy.
    simulated : dict of str to bool
        Whether a prior is from simulated neurons.
    note : str
        Shown with every claim, for example how long was trained.
    """
    rules = scores[(scores["benchmark"] == "rules") & (scores["metric"] == "accuracy")]
    for prior in priors:
        pair = dict(keys=["task", "seed"], model="digimus", prior=prior)
        shared = dict(levels=["task", "seed"], figure="learning", simulated=simulated[prior], note=note)
        twin = differences(rules, **pair, other_model="digimus", other_prior="none")
        claims.add(
            f"prior {prior} improves the rule tasks over structure-free",
            twin, test="signed rank over tasks", smallest_effect=smallest, effect_unit="accuracy", **shared,
        )  # fmt: skip
        for model in models:
            if model == "digimus":
                continue
            ahead = differences(rules, **pair, other_model=model, other_prior="none")
            claims.add(
                f"DigiMus with prior {prior} is not inferior to {model} on the rule tasks",
                ahead.assign(effect=ahead["effect"] + margin),
                test=f"signed rank over tasks, margin {margin:g}", smallest_effect=0.0,
                effect_unit="accuracy above the margin", **shared,
            )  # fmt: skip
            _complexity_claim(claims, ahead, families, prior, model, smallest, shared)


def _complexity_claim(claims, ahead, families, prior, model, smallest, shared):
    """The lead over a baseline, complex families against the sensorimotor one."""
    is_complex = ahead["task"].map(families).isin(CHALLENGING)
    complex_, simple = ahead[is_complex], ahead[~is_complex]
    leads = [group.groupby("task")["effect"].mean() for group in (complex_, simple)]
    claims.add(
        f"DigiMus with prior {prior} leads {model} by more in complex decisions",
        complex_,
        against=simple,
        test="rank sum of task leads, complex against sensorimotor",
        smallest_effect=smallest,
        p=float(mannwhitneyu(*leads).pvalue) if all(map(len, leads)) else None,
        effect_unit="difference of leads in accuracy",
        **shared,
    )


def decoding_claims(claims, scores, datasets, *, smallest, simulated):
    """In each kind of recording: the prior helps, and DigiMus tells more than the clock.

    Of one split, the strictest within sessions that there is: blocked, else interleaved. Sessions are the
    units; files of one session under two names must have been set aside before.

    Parameters
    ----------
    scores : pandas.DataFrame
        As in scores.csv. Balanced accuracy counts, of continuous targets R².
    datasets : dict of str to sequence of str
        Dataset to its priors.
    smallest : float
        Smallest effect of interest.
    simulated : dict of str to bool
        By dataset.
    """
    split = "blocked" if (scores["split"] == "blocked").any() else "interleaved"
    chosen = scores[(scores["split"] == split) & (scores["fold"] == "all")]
    levels = ["animal", "session", "seed"]
    for dataset, priors in datasets.items():
        here = chosen[chosen["benchmark"] == dataset]
        metric = "r2" if (here["metric"] == "r2").any() else "balanced_accuracy"
        here = here[here["metric"] == metric]
        shared = dict(
            levels=levels, test=f"signed rank over sessions, {split} folds", smallest_effect=smallest,
            figure="decoding", effect_unit=metric.replace("_", " ").replace("r2", "R²"),
            simulated=simulated[dataset],
        )  # fmt: skip
        for prior in priors:
            pairs = differences(
                here, keys=levels, model="digimus", prior=prior, other_model="digimus", other_prior="none"
            )
            claims.add(f"prior {prior} improves decoding of {dataset} over structure-free", pairs, **shared)
        clock = here[here["model"] == "clock"]
        for prior in (priors or ["none"]) if len(clock) else []:
            own = here[(here["model"] == "digimus") & (here["prior"] == prior)]
            name = "structure-free DigiMus" if prior == "none" else f"DigiMus with prior {prior}"
            claim = f"decoding of {dataset} by {name} is above the clock"
            claims.add(claim, paired_effects(own, clock), **shared)


def retention_claims(claims, retention, *, smallest, simulated):
    """Trained weights of DigiMus are nearer to the prior's motifs than the structure-free twin's.

    Of a table with the columns model and module, the rows of the model digimus as a whole.
    """
    trained = retention[retention["stage"] == "trained"]
    if "model" in trained:
        trained = trained[(trained["model"] == "digimus") & trained["module"].fillna("").eq("")]
    for target, rows in trained.groupby("target"):
        wide = rows.pivot(index=["task", "seed"], columns="prior", values="distance")
        wide = wide.reindex(columns=sorted({target, "none", *wide.columns}))
        effects = (wide["none"] - wide[target]).rename("effect").dropna().reset_index()
        claims.add(
            f"trained weights keep the motifs of prior {target}",
            effects, levels=["task", "seed"], test="signed rank over tasks, twin's distance less its own",
            smallest_effect=smallest, figure="retention", effect_unit="log enrichment (weighted RMS)",
            simulated=simulated[target],
        )  # fmt: skip


def state_claims(claims, states, *, priors, smallest, simulated):
    """States before the response foretell errors, beyond difficulty."""
    for prior in priors:
        rows = states[(states["model"] == "digimus") & (states["prior"] == prior)]
        effects = rows.assign(effect=rows["error_auroc"] - 0.5)[["task", "seed", "effect"]]
        claims.add(
            f"states of DigiMus with prior {prior} foretell errors at equal difficulty and answer",
            effects, levels=["task", "seed"],
            test="signed rank over tasks, AUROC within strata of difficulty and answer",
            smallest_effect=smallest, figure="states", effect_unit="AUROC above one half",
            simulated=simulated[prior],
        )  # fmt: skip


def motif_claims(claims, profiles, verdicts, *, smallest, simulated):
    """Regions differ in their motifs, and their motifs are more than geometry, degrees and dyads.

    Parameters
    ----------
    profiles, verdicts : pandas.DataFrame
        Tables of one source; regions with too few neurons (`small`) do not count.
    smallest : float
        Smallest share of regions beyond chance.
    simulated : bool
    """
    source = str(profiles["source"].iloc[0])
    profiles, verdicts = profiles[~profiles["small"]], verdicts[~verdicts["small"]]
    once = profiles[profiles["null"] == "dyad"]
    value = once.pivot(index="region", columns="triad", values="enrichment")
    variance = once.pivot(index="region", columns="triad", values="enrichment_variance")
    _share_claim(
        claims,
        f"regions of {source} differ in their motifs",
        _between_regions(value, variance),
        "profile differs from the median of the others (Simes over classes)",
        smallest,
        simulated,
    )
    for null, label in (("distance-mutual", "geometry"), ("degree", "degrees")):
        rows = verdicts[verdicts["null"] == null].set_index("region")
        tested = f"profile differs from the {null} null"
        _share_claim(
            claims,
            f"motifs of {source} are more than {label}",
            rows["p_profile"],
            tested,
            smallest,
            simulated,
        )


def _share_claim(claims, claim, p, tested, smallest, simulated):
    """A claim about the share of regions with p below the level, less the share expected by chance."""
    differs = p < LEVEL
    effects = pd.DataFrame({"region": p.index, "effect": differs.to_numpy() - LEVEL})
    many = binomtest(int(differs.sum()), len(p), LEVEL, alternative="greater") if len(p) else None
    claims.add(
        claim,
        effects,
        levels=["region"],
        test=f"binomial over regions: {tested} at p < {LEVEL:g}",
        smallest_effect=smallest,
        figure="motifs",
        effect_unit="share of regions beyond chance",
        simulated=simulated,
        p=many.pvalue if many else None,
    )


def _between_regions(value, variance):
    """For each region, the Simes p over classes that it equals the median of the other regions.

    Enrichment and its bootstrap variance: data frames, regions x classes; classes without variance are left
    out.
    """
    n, p = len(value), {}
    for region in value.index if n > 1 else []:
        others = value.index != region
        # One odd region must not set all others apart, hence the median; its variance is pi/2 that of a mean.
        error = variance.loc[region] + np.pi / 2 * variance[others].mean() / (n - 1)
        gap = (value.loc[region] - value[others].median())[error > 0]
        p_class = np.sort(2 * norm.sf(np.abs(gap) / np.sqrt(error[error > 0])))
        p[region] = float((p_class * len(p_class) / np.arange(1, len(p_class) + 1)).min())
    return pd.Series(p, dtype=float)
