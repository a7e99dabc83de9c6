"""The thirteen connected triads: their order, and small drawings of them."""

import numpy as np
from matplotlib.offsetbox import AnnotationBbox, DrawingArea
from matplotlib.patches import Circle, FancyArrowPatch

from digimus.figures.style import INK

EDGES = {
    "021D": ("BA", "BC"),
    "021U": ("AB", "CB"),
    "021C": ("AB", "BC"),
    "111D": ("AB", "BA", "CB"),
    "111U": ("AB", "BA", "BC"),
    "030T": ("AB", "CB", "AC"),
    "030C": ("AB", "BC", "CA"),
    "201": ("AB", "BA", "BC", "CB"),
    "120D": ("BA", "BC", "AC", "CA"),
    "120U": ("AB", "CB", "AC", "CA"),
    "120C": ("AB", "BC", "AC", "CA"),
    "210": ("AB", "BC", "CB", "AC", "CA"),
    "300": ("AB", "BA", "BC", "CB", "AC", "CA"),
}
"""Edges of every class between neurons A (left), B (top) and C (right), in the order of all tables."""

SIZE_PT = 15
_PLACES = {"A": np.array([2.2, 2.2]), "B": np.array([7.5, 11.8]), "C": np.array([12.8, 2.2])}


def triad_drawing(name):
    """A drawing of a triad, `SIZE_PT` points wide."""
    area = DrawingArea(SIZE_PT, 14, 0, 0)
    edges = EDGES[name]
    for pair in ("AB", "BC", "AC"):
        there, back = pair in edges, pair[::-1] in edges
        if not there and not back:
            continue
        start, stop = (_PLACES[node] for node in (pair if there else pair[::-1]))
        gap = (stop - start) / np.linalg.norm(stop - start) * 1.9
        area.add_artist(
            FancyArrowPatch(
                start + gap, stop - gap, arrowstyle="<|-|>" if there and back else "-|>",
                mutation_scale=3.6, linewidth=0.6, color=INK, shrinkA=0, shrinkB=0,
            )
        )  # fmt: skip
    for place in _PLACES.values():
        area.add_artist(Circle(place, 1.5, facecolor=INK, edgecolor="none"))
    return area


def draw_heads(axes, names, gap_pt=3):
    """Put drawings of triads above an axes, at x = 0, 1, 2, …"""
    for x, name in enumerate(names):
        axes.add_artist(
            AnnotationBbox(
                triad_drawing(name), (x, 1), xycoords=("data", "axes fraction"), xybox=(0, gap_pt),
                boxcoords="offset points", box_alignment=(0.5, 0), frameon=False, pad=0,
                annotation_clip=False,
            )
        )  # fmt: skip
