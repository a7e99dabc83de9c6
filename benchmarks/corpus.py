"""SIMULATED neurons through the workflow on two cores: time and memory by stage, and how they grow.

Four sizes are measured, of which the largest is a tenth of a whole corpus. What the whole would take is
extrapolated in two ways, and neither is a measurement.
"""

import os

import numpy as np
import pandas as pd
import yaml
from scipy.optimize import nnls

import neurons
from digimus.storage import write_table, write_text
from whole import ROOT, run_workflow

QUICK_SIZES = (40, 80)
SIZES = (481, 962, 1924, 3848)
WHOLE = 38_481
GOAL_S, GOAL_GIB = 300.0, 8.0
STAGES = {
    "morphology": "results/morphology/corpus/neurons.csv",
    "connectome": "results/connectome/corpus/graphs.csv",
    "motifs": "results/motifs/corpus/priors.csv",
}
_MEASURED = ("wall_s", "cpu_s", "peak_gib")
_BASES = ("polynomial", "power law")


def measure(folder, out, quick=False):
    """Rows of the table: a stage at a size, measured, and at the whole corpus, extrapolated.

    Parameters
    ----------
    folder : Path
        For the neurons and the workflow's results, removed afterwards by the caller.
    out : Path
        Where measured rows are noted at once, in `corpus.csv`.
    quick : bool
        Two regions of very few neurons, to see that it runs.

    Returns
    -------
    pandas.DataFrame
        stage, n_neurons, wall_s, cpu_s and peak_gib (of all processes together), basis ("measured" or
        how it was extrapolated), growth_wall_s, growth_cpu_s, growth_peak_gib (exponents between the
        last two sizes), goal_s, goal_gib, met.
    """
    sizes, regions = (QUICK_SIZES, neurons.REGIONS[:2]) if quick else (SIZES, neurons.REGIONS)
    table = neurons.write_corpus(folder / "all", sizes[-1])
    warm = _workplace(folder / "warm", table[: QUICK_SIZES[0]], neurons.REGIONS[:2])
    run_workflow(warm, STAGES["motifs"], "corpus.yaml")  # so that nothing is compiled while it is timed
    rows = []
    for size in sizes:
        workplace = _workplace(folder / str(size), table[:size], regions)
        for stage, target in STAGES.items():
            rows.append({"stage": stage, "n_neurons": size, **run_workflow(workplace, target, "corpus.yaml")})
            print("  {n_neurons} neurons, {stage}: {wall_s:.1f} s, {peak_gib:.2f} GiB".format(**rows[-1]))
        parts = pd.DataFrame(rows[-len(STAGES) :])
        sums = parts[["wall_s", "cpu_s"]].sum().to_dict()
        rows.append({"stage": "all", "n_neurons": size, **sums, "peak_gib": parts["peak_gib"].max()})
        write_table(out / "corpus.csv", pd.DataFrame(rows).assign(basis="measured"))
    return extrapolate(pd.DataFrame(rows))


def _workplace(workplace, index, regions):
    """A folder in which the workflow finds the neurons of these regions, and nothing else."""
    (workplace / "neurons").mkdir(parents=True)
    (workplace / "config").symlink_to(ROOT / "config")
    index = index[index["region"].isin(regions)]
    for file in index["file"]:
        os.link(workplace.parent / "all" / file, workplace / "neurons" / file)
    write_table(workplace / "neurons/index.csv", index)
    settings = yaml.safe_load((ROOT / "benchmarks/corpus.yaml").read_text())
    settings["morphology"]["sources"]["corpus"]["regions"] = list(regions)
    write_text(workplace / "corpus.yaml", yaml.safe_dump(settings))
    return workplace


def extrapolate(measured):
    """The measured rows, and for every stage what the whole corpus would take.

    "polynomial" is the fit of non-negative a + b n + c n² + d n³ to the measured values, all of equal
    relative weight: reading grows with n, pairs with n², a census of dense probabilities with n³. The
    power law goes through the last two sizes, whose exponents are the columns growth_*. The first is the
    more cautious where growth still quickens, the second where it slows. Each stage has its own growth; the
    whole is their sum, and its memory that of the stage that holds most.
    """
    rows = [measured.assign(basis="measured")]
    for stage, part in measured.groupby("stage", sort=False):
        n = part["n_neurons"].to_numpy(float)
        growth = {name: _exponent(n, part[name].to_numpy()) for name in _MEASURED}
        for basis in _BASES:
            row = {"stage": stage, "n_neurons": WHOLE, "basis": basis}
            for name, value in growth.items():
                values = part[name].to_numpy()
                row[name] = (
                    _fitted(n, values) if basis == _BASES[0] else values[-1] * (WHOLE / n[-1]) ** value
                )
            row |= {f"growth_{name}": value for name, value in growth.items()}
            if stage == "all":
                stages = pd.concat(rows[1:]).query("basis == @basis")
                row |= stages[["wall_s", "cpu_s"]].sum().to_dict() | {"peak_gib": stages["peak_gib"].max()}
                row |= {"goal_s": GOAL_S, "goal_gib": GOAL_GIB}
                row["met"] = row["wall_s"] <= GOAL_S and row["peak_gib"] <= GOAL_GIB
            rows.append(pd.DataFrame([row]))
    table = pd.concat(rows, ignore_index=True)
    numbers = [*_MEASURED, *(f"growth_{name}" for name in _MEASURED)]
    table[numbers] = table[numbers].map(lambda value: float(f"{value:.3g}"))
    return table


def _exponent(n, values):
    return float(np.log(values[-1] / values[-2]) / np.log(n[-1] / n[-2]))


def _fitted(n, values):
    scale = n / WHOLE
    terms = np.column_stack([np.ones_like(scale), scale, scale**2, scale**3])
    return float(nnls(terms / values[:, None], np.ones_like(values))[0].sum())
