"""Figures, drawn from tables alone, and the report that shows them.

A figure is one module with a function of its name, which maps `Inputs` to a figure and the table behind
it, and one line in `FIGURES`. Its module is imported when it is drawn.
"""

from importlib import import_module

from digimus.errors import InputError
from digimus.figures.inputs import Inputs
from digimus.figures.style import PDF_DPI, PNG_DPI, plot_style
from digimus.storage import writing
from digimus.suggest import did_you_mean

FIGURES = (
    "atlas",
    "accuracy",
    "learning",
    "decoding",
    "retention",
    "states",
    "perturbation",
    "neurons",
    "graphs",
    "motifs",
    "profiles",
    "sensitivity",
    "tasks",
    "psychometric",
    "recordings",
    "timecourse",
    "modules",
    "dynamics",
    "claims",
)

__all__ = ["FIGURES", "Inputs", "draw", "save_figure"]


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
        return getattr(import_module(f"digimus.figures.{name}"), name)(inputs)


def save_figure(figure, pdf, png):
    """Write a figure as PDF, with text as text, and as PNG; nothing in them tells when.

    Places are found once, for both: what a layout engine does at every drawing takes longer than the drawing.
    """
    with plot_style():
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine(None)
        with writing(pdf) as temporary:
            figure.savefig(temporary, format="pdf", dpi=PDF_DPI, metadata={"CreationDate": None})
        with writing(png) as temporary:
            figure.savefig(temporary, format="png", dpi=PNG_DPI, metadata={"Software": None})
