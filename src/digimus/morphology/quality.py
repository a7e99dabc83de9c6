"""How many neurons of a source are used, by region, and what became of the others."""

import pandas as pd

COLUMNS = ("source", "simulated", "region", "outcome", "n_neurons")
USED, NO_DENDRITE, NO_AXON = "used", "used without dendrite", "used without axon"
ELSEWHERE, ASIDE = "other region", "set aside: "


def outcome_of(flags):
    """What became of a neuron that was read, by its flags; "no axon" comes first."""
    flags = flags.split(";")
    return NO_AXON if "no axon" in flags else NO_DENDRITE if "no dendrite" in flags else USED


def quality_table(outcomes, *, source, simulated=False):
    """Neurons by region and outcome.

    Parameters
    ----------
    outcomes : sequence of (region, outcome)
        One for each file that was met or listed; the region is empty where there is none.
    source : str
    simulated : bool

    Returns
    -------
    pandas.DataFrame
        Columns of COLUMNS, sorted by region and outcome; n_neurons sums to the number of files.
    """
    table = pd.DataFrame(outcomes, columns=["region", "outcome"])
    counts = table.groupby(["region", "outcome"], sort=True).size().rename("n_neurons").reset_index()
    return counts.assign(source=source, simulated=simulated)[list(COLUMNS)]
