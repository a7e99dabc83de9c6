"""Does the right verdict come? Tables of scores with planted effects, or none, and what the claims say.

Noise is of the size that it has in a run of the default configuration (spread over seeds, tasks, sessions and
animals); effects are multiples of the smallest one of interest. All of it is ours.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from digimus.analysis.claims.every import Grid, every_claim
from digimus.analysis.claims.rules import CHALLENGING
from digimus.analysis.statistics import verdict
from digimus.motifs import MOTIFS
from digimus.seeding import stream

COLUMNS = (
    "level", "planted_in", "what", "grid", "multiple", "unit", "n_units", "smallest_effect", "n_with",
    "right_with", "wrong_with", "n_without", "false_holds", "false_holds_limit", "right_without",
)  # fmt: skip
PRIOR = "planted"
DATASETS = ("visual",)
MULTIPLES = (1, 2, 5)
MARGIN = 0.03
SMALLEST = dict(
    accuracy=0.01, retention=0.1, error_auroc=0.02, region_share=0.5, perturbation=0.01, teacher=0.05
)
KEYS = ("n", "effect", "ci_low", "ci90_high", "smallest_effect")


@dataclass(frozen=True)
class Size:
    """How much was trained and recorded.

    Attributes
    ----------
    n_simple, n_complex, n_seeds, n_animals, n_sessions, n_regions, n_teachers : int
        Sessions are those of an animal.
    """

    n_simple: int
    n_complex: int
    n_seeds: int
    n_animals: int
    n_sessions: int
    n_regions: int
    n_teachers: int


SIZES = {
    "default": Size(3, 4, 3, 4, 2, 7, 6),
    "large": Size(6, 12, 5, 5, 4, 12, 12),
}
SPREAD = dict(
    network=0.03, task=0.01, decoder=0.008, session=0.004, animal=0.003, network_auroc=0.04, task_auroc=0.02,
    session_auroc=0.05, network_gain=0.02, session_gain=0.03, network_distance=0.04, task_distance=0.05,
    network_slope=0.01, task_slope=0.01, teacher=0.05, enrichment=0.2, region=1.0,
)  # fmt: skip
"""Standard deviations of the noise between units of each kind; of `region`, of what sets a region apart."""


def claims_on_planted(size, multiples, rng, seed):
    """The claims on one draw of all tables.

    Parameters
    ----------
    size : Size
    multiples : callable
        Gives, for the next kind of effect, how many smallest effects are planted; 0 for none.
    rng : numpy.random.Generator
    seed : int
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        As claims.csv, those that are available, with a column ``multiple``.
    """
    kinds = ("gain", "lead", "spread", "complex", *DATASETS, "auroc", "auroc gain", "session auroc",
             "session gain", "retention", "regions", "geometry", "degrees", "push", "teacher")  # fmt: skip
    planted = {kind: multiples() for kind in kinds}
    scores, families = _rule_scores(size, planted, rng)
    tables = dict(
        scores=pd.concat([scores, _decoding_scores(size, planted, rng)], ignore_index=True),
        errors=_errors(size, planted, rng),
        comparisons=_comparisons(size, planted["retention"], rng),
        slopes=_slopes(size, planted["push"], rng),
        teacher_scores=_teachers(size, planted["teacher"], rng),
    )
    grid = Grid(
        {PRIOR: {"kind": "region", "source": "s", "region": "r"}},
        {"digimus": "digimus", "lstm": "lstm"},
        (PRIOR,),
        datasets={name: [PRIOR] for name in DATASETS},
    )
    motifs = [_regions(size, planted, rng)]
    table = every_claim(tables, motifs, families, grid, smallest=SMALLEST, margin=MARGIN, seed=seed)
    table = table[table["not_available"].eq("")]
    return table.assign(multiple=[planted[kind_of(claim)] for claim in table["claim"]])


def kind_of(claim):
    """Which planted effect a claim is about, by its words."""
    words = {
        "improves the rule tasks": "gain", "is not inferior": "lead", "varies over seeds": "spread",
        "complex decisions": "complex", "keep the motifs": "retention", "differ in their": "regions",
        "more than geometry": "geometry", "more than degrees": "degrees", "push along": "push",
        "predicts a teacher's": "teacher", "states foretell errors at": "auroc",
        "states foretell errors beyond": "auroc gain", "foretells errors at": "session auroc",
        "foretells errors beyond": "session gain", **{f"decoding of {name}": name for name in DATASETS},
    }  # fmt: skip
    return next(kind for word, kind in words.items() if word in claim)


def score_level(size_name, n, seed):
    """How often the claims are right on planted scores, each alone, and all of a table together.

    Parameters
    ----------
    size_name : str
        Of `SIZES`.
    n : int
        Tables without any effect, and as many with each multiple, and as many with mixed ones.
    seed : int

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`. Rows of level ``score`` judge each claim by its own p, as if nothing else had been asked;
        rows of level ``table`` by the corrected one: false holds are the share of tables with one or more
        where there is no effect at all, and the share of false ones among all that hold where every effect
        is there or not by chance.
    """
    size, rows = SIZES[size_name], []
    found = {
        multiple: _drawn(size, n, seed, (size_name, multiple), lambda multiple=multiple: multiple)
        for multiple in (0, *MULTIPLES)
    }
    for multiple in MULTIPLES:
        key = dict(level="score", planted_in="scores", grid=size_name, multiple=multiple)
        rows += error_rates(found[multiple], found[0], **key).to_dict("records")
    any_false = found[0].groupby("draw")["verdict"].agg(lambda verdicts: (verdicts == "holds").any())
    rng = stream(seed, "planted", "mixed", size_name)
    mixed = _drawn(size, n, seed, (size_name, "mixed"), lambda: int(rng.choice([0, 0, 2])))
    holds = mixed[mixed["verdict"].eq("holds")]
    for what, wrong in (
        ("any claim of a table without effects", any_false),
        ("claims that hold in tables of mixed effects", holds["multiple"].eq(0)),
    ):
        rows.append(
            dict(level="table", planted_in="all scores", what=what, grid=size_name, unit="table", n_units=n)
            | _false(int(wrong.sum()), len(wrong))
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _drawn(size, n, seed, names, multiples):
    """Claims on n draws."""
    tables = []
    # Columns of Arrow strings take half as long again.
    with pd.option_context("mode.string_storage", "python"):
        for draw in range(n):
            rng = stream(seed, "planted", *map(str, names), draw)
            tables.append(claims_on_planted(size, multiples, rng, draw).assign(draw=draw))
    return pd.concat(tables, ignore_index=True)


def error_rates(own, without, **key):
    """How often each claim's verdict is right.

    Parameters
    ----------
    own, without : pandas.DataFrame
        Tables of claims on draws with the planted effect, and without it. Each claim is judged by its own p,
        as if nothing else had been asked, which is less strict than the table of claims.
    **key
        Further columns of `COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, a row a claim.
    """
    rows = []
    for what, group in own.groupby("claim", sort=False):
        first, said = group.iloc[0], _alone(group)
        nothing = _alone(without[without["claim"].eq(what)])
        rows.append(
            key | dict(
                what=what, unit=first["unit"], n_units=int(group["n"].median()),
                smallest_effect=first["scale"], n_with=len(said), right_with=np.mean(said == "holds"),
                wrong_with=np.mean(said == "does not hold"),
                right_without=np.mean(nothing == "does not hold"),
            ) | _false(int(np.sum(nothing == "holds")), len(nothing))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _alone(claims):
    """Each claim's verdict by its own p."""
    return np.array(
        [
            verdict(p_corrected=row["p"], **{key: row[key] for key in KEYS})
            for row in claims.to_dict("records")
        ],
        dtype=object,
    )


def _false(wrong, n):
    """Share of false holds, and the upper end of its one-sided 95 % interval (Clopper and Pearson)."""
    limit = float(betaincinv(wrong + 1, n - wrong, 0.95)) if wrong < n else 1.0
    return dict(n_without=n, false_holds=wrong / n if n else np.nan, false_holds_limit=limit)


def _rule_scores(size, planted, rng):
    """Accuracies of DigiMus with and without the prior and of an LSTM, and the tasks' families.

    The lead over the LSTM is planted for the claim of non-inferiority, where one multiple is equality; its
    mean over tasks does not depend on the interaction.
    """
    s, smallest = SPREAD, SMALLEST["accuracy"]
    names = [f"simple{k}" for k in range(size.n_simple)] + [f"complex{k}" for k in range(size.n_complex)]
    families = {n: "sensorimotor" for n in names[: size.n_simple]}
    families |= {n: CHALLENGING[k % 3] for k, n in enumerate(names[size.n_simple :])}
    is_complex = np.arange(len(names)) >= size.n_simple
    shape = (len(names), size.n_seeds)
    level = rng.uniform(0.65, 0.9, (len(names), 1))
    more = planted["complex"] * smallest * (is_complex - is_complex.mean())
    lead = (planted["lead"] - 1) * MARGIN + more + rng.normal(0, s["task"], len(names))
    gain = planted["gain"] * smallest + rng.normal(0, s["task"], len(names))
    other_spread = s["network"] + (planted["spread"] - 1) * smallest
    cells = {
        ("digimus", PRIOR): level + rng.normal(0, s["network"], shape),
        ("digimus", "none"): level - gain[:, None] + rng.normal(0, s["network"], shape),
        ("lstm", "none"): level - lead[:, None] + rng.normal(0, other_spread, shape),
    }
    rows = [
        dict(benchmark="rules", metric="accuracy", task=task, model=model, prior=prior, seed=seed,
             value=values[k, seed])
        for (model, prior), values in cells.items()
        for k, task in enumerate(names)
        for seed in range(size.n_seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows), families


def _sessions(size):
    return [(f"a{a}", f"s{k}") for a in range(size.n_animals) for k in range(size.n_sessions)]


def _decoding_scores(size, planted, rng):
    """Balanced accuracies of three datasets; animals differ in how much the prior helps them."""
    rows = []
    for dataset in DATASETS:
        of_animal = dict.fromkeys(a for a, _ in _sessions(size))
        of_animal = {animal: rng.normal(0, SPREAD["animal"]) for animal in of_animal}
        for animal, session in _sessions(size):
            level = rng.uniform(0.6, 0.8)
            gain = (
                planted[dataset] * SMALLEST["accuracy"] + of_animal[animal] + rng.normal(0, SPREAD["session"])
            )
            for seed in range(size.n_seeds):
                for prior, more in ((PRIOR, gain), ("none", 0.0)):
                    rows.append(
                        dict(benchmark=dataset, metric="balanced_accuracy", split="blocked", fold="all",
                             animal=animal, session=session, model="digimus", prior=prior, seed=seed,
                             value=level + more + rng.normal(0, SPREAD["decoder"]))
                    )  # fmt: skip
    return pd.DataFrame(rows)


def _tasks(size):
    return [f"t{k}" for k in range(size.n_simple + size.n_complex)]


def _errors(size, planted, rng):
    """AUROCs of errors, of networks by task and of recorded sessions."""
    s, smallest, rows = SPREAD, SMALLEST["error_auroc"], []
    nothing = dict(animal="", session="", seed="")
    for task in _tasks(size):
        auroc = 0.5 + planted["auroc"] * smallest + rng.normal(0, s["task_auroc"])
        key = nothing | dict(benchmark="rules", task=task, model="digimus", prior=PRIOR)
        for seed in range(size.n_seeds):
            rows.append(
                key | dict(seed=seed, error_auroc=auroc + rng.normal(0, s["network_auroc"]),
                           auroc_gain=planted["auroc gain"] * smallest + rng.normal(0, s["network_gain"]))
            )  # fmt: skip
    for dataset in DATASETS:
        key = nothing | dict(benchmark=dataset, task=dataset, model="recording", prior="none")
        for animal, session in _sessions(size):
            auroc = 0.5 + planted["session auroc"] * smallest + rng.normal(0, s["session_auroc"])
            gain = planted["session gain"] * smallest + rng.normal(0, s["session_gain"])
            rows.append(key | dict(animal=animal, session=session, error_auroc=auroc, auroc_gain=gain))
    return pd.DataFrame(rows)


def _comparisons(size, multiple, rng):
    """Distances to the prior, the twin's less the own."""
    rows = []
    key = dict(model="digimus", prior=PRIOR, module="", target=PRIOR, against="none", role="structure-free")
    for task in _tasks(size):
        of_task = multiple * SMALLEST["retention"] + rng.normal(0, SPREAD["task_distance"])
        for seed in range(size.n_seeds):
            effect = of_task + rng.normal(0, np.sqrt(2) * SPREAD["network_distance"])
            rows.append(key | dict(task=task, seed=seed, effect=effect))
    return pd.DataFrame(rows)


def _slopes(size, multiple, rng):
    rows = []
    for task in _tasks(size):
        of_task = multiple * SMALLEST["perturbation"] + rng.normal(0, SPREAD["task_slope"])
        for seed in range(size.n_seeds):
            rows.append(
                dict(task=task, model="digimus", prior=PRIOR, seed=seed, kind="error-axis", epoch="all",
                     effect=of_task + rng.normal(0, SPREAD["network_slope"]))
            )  # fmt: skip
    return pd.DataFrame(rows)


def _teachers(size, multiple, rng):
    rows = []
    for teacher in range(size.n_teachers):
        level = rng.uniform(0.3, 0.7)
        for prior, more in ((PRIOR, multiple * SMALLEST["teacher"]), ("none", 0.0)):
            value = level + more + rng.normal(0, SPREAD["teacher"] / np.sqrt(2))
            rows.append(dict(teacher=f"t{teacher}", prior=prior, seed=0, correlation=value))
    return pd.DataFrame(rows)


def _regions(size, planted, rng):
    """Profiles and verdicts of regions, a share of which differ from the others and from the nulls."""
    n = size.n_regions
    apart = {
        kind: round(n * min(1.0, SMALLEST["region_share"] * planted[kind] + 0.05)) if planted[kind] else 0
        for kind in ("regions", "geometry", "degrees")
    }
    rows, verdicts = [], []
    for region in range(n):
        true = SPREAD["region"] * rng.normal(size=13) if region < apart["regions"] else np.zeros(13)
        values = true + rng.normal(0, SPREAD["enrichment"], 13)
        key = dict(source="s", region=f"r{region}", small=False)
        rows += [
            key | dict(simulated=True, triad=triad, null="dyad", enrichment=value,
                       enrichment_variance=SPREAD["enrichment"] ** 2)
            for triad, value in zip(MOTIFS, values, strict=True)
        ]  # fmt: skip
        for null, kind in (("distance-mutual", "geometry"), ("degree", "degrees")):
            p = rng.uniform(0, 0.04) if region < apart[kind] else rng.random()
            verdicts.append(key | dict(null=null, p_profile=p, p_least=0.0))
    return pd.DataFrame(rows), pd.DataFrame(verdicts)
