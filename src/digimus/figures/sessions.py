"""What the figures of recordings share: which metric and split stand for a dataset, and its title."""

METRICS = {"balanced_accuracy": "balanced accuracy", "accuracy": "accuracy", "r2": "R²"}
"""The metrics that are drawn, the first that a dataset has; R² where the target is a number."""
RULES = ("rules", "rules together")
FREE = ("digimus", "none")
"""Drawn first and wider, so that it is seen where the network with a prior lies upon it."""


def datasets_of(*tables):
    """Datasets in the order in which they first appear in tables with a column ``benchmark``."""
    names = dict.fromkeys(name for table in tables for name in table["benchmark"])
    return [name for name in names if name not in RULES]


def main_metric(table):
    """The metric that stands for a dataset, and its rows; an empty name where there is none."""
    found = set(table["metric"])
    metric = next((name for name in METRICS if name in found), "")
    return metric, table[table["metric"] == metric]


def main_split(table):
    """The split that verdicts rest on: blocked, where there is one, else the first."""
    splits = list(dict.fromkeys(table["split"]))
    return "blocked" if "blocked" in splits or not splits else splits[0]


def seed_means(table, *further):
    """Means over seeds (and whatever is not named) by animal, session, model, prior and further columns."""
    keys = ["animal", "session", "model", "prior", *further]
    return table.assign(value=table["value"].astype(float)).groupby(keys, sort=True)["value"].mean()


def of_cell(table, model, prior):
    """Rows of a (model, prior)."""
    return table[(table["model"] == model) & (table["prior"] == prior)]


def counted(n, what):
    """1 session, 2 sessions."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def titled(dataset, simulated, more=""):
    """A dataset's name with the word simulated, where it is."""
    return f"{dataset}{' (simulated)' if simulated else ''}{more}"
