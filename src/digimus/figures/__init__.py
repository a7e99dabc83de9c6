"""Figures, drawn from tables alone, and the report that shows them.

A figure is one module with one function, which maps `Inputs` to a figure and the table behind it, and
one line in `FIGURES`.
"""

from digimus.errors import InputError
from digimus.figures.claims import claims
from digimus.figures.decoding import decoding
from digimus.figures.graphs import graphs
from digimus.figures.inputs import Inputs
from digimus.figures.learning import learning
from digimus.figures.modules import modules
from digimus.figures.motifs import motifs
from digimus.figures.neurons import neurons
from digimus.figures.profiles import profiles
from digimus.figures.psychometric import psychometric
from digimus.figures.recordings import recordings
from digimus.figures.report import write_report
from digimus.figures.retention import retention
from digimus.figures.sensitivity import sensitivity
from digimus.figures.states import states
from digimus.figures.style import PDF_DPI, PNG_DPI, plot_style
from digimus.figures.tasks import tasks
from digimus.figures.timecourse import timecourse
from digimus.storage import writing
from digimus.suggest import did_you_mean

FIGURES = {
    "neurons": neurons,
    "graphs": graphs,
    "motifs": motifs,
    "profiles": profiles,
    "sensitivity": sensitivity,
    "tasks": tasks,
    "learning": learning,
    "psychometric": psychometric,
    "recordings": recordings,
    "decoding": decoding,
    "timecourse": timecourse,
    "retention": retention,
    "modules": modules,
    "states": states,
    "claims": claims,
}

__all__ = ["FIGURES", "Inputs", "draw", "save_figure", "write_report"]


def draw(name, tables, *, simulated_sources=(), simulated_datasets=(), simulated_priors=()):
    """Draw a figure.

    Parameters
    ----------
    name : str
        One of `FIGURES`.
    tables : dict of str to pandas.DataFrame
        Tables by the path they were read from; those that the figure needs are found by the end of it.
    simulated_sources, simulated_datasets, simulated_priors : sequence of str
        What is to be marked as simulated.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
        The figure and exactly what it shows, with a column ``panel``.

    Raises
    ------
    InputError
        If there is no such figure, or a table lacks a column.
    """
    if name not in FIGURES:
        raise InputError(
            "There is no such figure.",
            where="figures",
            expected=", ".join(FIGURES),
            got=name,
            hint=did_you_mean(name, FIGURES),
        )
    inputs = Inputs(
        dict(tables),
        sources=frozenset(simulated_sources),
        datasets=frozenset(simulated_datasets),
        priors=frozenset(simulated_priors),
    )
    with plot_style():
        return FIGURES[name](inputs)


def save_figure(figure, pdf, png):
    """Write a figure as PDF, with text as text, and as PNG; nothing in them tells when."""
    with plot_style():
        with writing(pdf) as temporary:
            figure.savefig(temporary, format="pdf", dpi=PDF_DPI, metadata={"CreationDate": None})
        with writing(png) as temporary:
            figure.savefig(temporary, format="png", dpi=PNG_DPI, metadata={"Software": None})
