"""What the workflow does in one drawing, with the numbers of the run."""

import numpy as np
import pandas as pd
from matplotlib.offsetbox import AnnotationBbox
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from digimus.figures.style import GREY, INK, STRUCTURE_FREE, TINY, WITH_PRIOR, wrap
from digimus.figures.triads import triad_drawing

WIDTH, HEIGHT, BOX, GAP = 180.0, 40.0, 33.0, 3.75
"""Of the drawing, a box and the gap between two, in mm."""
FILL, EDGE = "#F4F6F8", "#B8C2CC"
RECORDED, WEIGHT = "#009E73", "#DDA07A"


def draw_schematic(axes, boxes):
    """Boxes from neurons to behaviour, each with a picture, a title and lines of text.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    boxes : dict of str to sequence of str
        Lines of text by title: neurons, graphs, motifs, networks, rule tasks and recordings.
    """
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(HEIGHT, 0)
    for k, (title, picture) in enumerate(PICTURES.items()):
        x = k * (BOX + GAP)
        _box(axes, x, 0, HEIGHT, title, boxes[title])
        picture(axes, x + BOX / 2, 13.5)
        if k:
            _arrow(axes, x - GAP + 0.6, HEIGHT / 2, x - 0.6, HEIGHT / 2)
    x, half = 4 * (BOX + GAP), HEIGHT / 2 - 1.2
    for title, top, picture in (("rule tasks", 0, _trial), ("recordings", HEIGHT - half, _spikes)):
        _box(axes, x, top, half, title, boxes[title], text_top=5.0)
        picture(axes, x + BOX / 2, top + half - 4.8)
        _arrow(axes, x - GAP + 0.6, HEIGHT / 2, x - 0.6, top + half / 2)


def _box(axes, x, y, height, title, lines, text_top=23.5):
    axes.add_patch(
        FancyBboxPatch(
            (x + 0.6, y + 0.6), BOX - 1.2, height - 1.2, boxstyle="round,pad=0,rounding_size=1.4",
            facecolor=FILL, edgecolor=EDGE, linewidth=0.7,
        )
    )  # fmt: skip
    middle = x + BOX / 2
    axes.text(middle, y + 1.6, title, ha="center", va="top", fontsize=7.5, fontweight="bold")
    text = "\n".join(wrap(line, 26) for line in lines)
    axes.text(middle, y + text_top, text, ha="center", va="top", fontsize=TINY, linespacing=1.25)


def _arrow(axes, x0, y0, x1, y1):
    axes.add_patch(FancyArrowPatch((x0, y0), (x1, y1), arrowstyle="-|>", mutation_scale=7, color=INK, lw=1))


def _neuron(axes, x, y):
    """A soma with branching dendrites, and an axon that leaves downwards."""
    for start in np.deg2rad([200, 250, 300, 340]):
        _branch(axes, x, y - 1, start, 3.0, 3, "#33668A")
    axes.plot([x, x + 0.6, x + 0.2, x + 3], [y - 1, y + 2.4, y + 5.2, y + 7.2], "-", color=WITH_PRIOR, lw=0.8)
    _branch(axes, x + 0.4, y + 3.6, np.deg2rad(150), 2.6, 2, WITH_PRIOR)
    _branch(axes, x + 0.3, y + 4.8, np.deg2rad(20), 2.8, 2, WITH_PRIOR)
    axes.add_patch(Circle((x, y - 1), 1.1, facecolor=INK, edgecolor="none", zorder=3))


def _branch(axes, x, y, angle, length, depth, colour):
    end = x + length * np.cos(angle), y + length * np.sin(angle)
    axes.plot(
        [x, end[0]], [y, end[1]], "-", color=colour, linewidth=0.4 + 0.25 * depth, solid_capstyle="round"
    )
    for turn in (-0.42, 0.36) if depth > 1 else ():
        _branch(axes, *end, angle + turn, 0.72 * length, depth - 1, colour)


def _nodes(axes, x, y, n, radius, size, colour):
    angles = 2 * np.pi * np.arange(n) / n - np.pi / 2
    places = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)
    for place in places:
        axes.add_patch(Circle(place, size, facecolor=colour, edgecolor="none", zorder=3))
    return places


def _edges(axes, places, pairs, size, colour):
    for start, stop in pairs:
        one, other = places[start], places[stop]
        step = (other - one) / np.linalg.norm(other - one) * (size + 0.3)
        axes.add_patch(
            FancyArrowPatch(
                one + step, other - step, arrowstyle="-|>", mutation_scale=4.5, linewidth=0.6, color=colour,
                shrinkA=0, shrinkB=0, connectionstyle="arc3,rad=0.12",
            )
        )  # fmt: skip


def _graph(axes, x, y):
    places = _nodes(axes, x, y, 7, 6.6, 0.95, "#33668A")
    pairs = [(0, 2), (1, 0), (2, 4), (4, 1), (3, 5), (5, 0), (6, 3), (2, 6), (6, 5), (3, 1)]
    _edges(axes, places, pairs, 0.95, GREY)


def _triads(axes, x, y):
    for name, (right, down) in {"030T": (-7.5, -3), "030C": (0, 3.4), "120D": (7.5, -3)}.items():
        drawing = AnnotationBbox(triad_drawing(name), (x + right, y + down), frameon=False, pad=0)
        axes.add_artist(drawing)


def _network(axes, x, y):
    places = _nodes(axes, x, y, 8, 5.4, 0.95, WITH_PRIOR)
    pairs = [(0, 3), (3, 1), (1, 6), (6, 2), (2, 7), (5, 0), (4, 7), (7, 5), (2, 4)]
    _edges(axes, places, pairs, 0.95, WEIGHT)
    for start, stop in ((x - 12, x - 7), (x + 7, x + 12)):
        _arrow(axes, start, y, stop, y)


def _trial(axes, x, y):
    """A fixation that ends, and a bump of evidence."""
    time = np.linspace(-10, 10, 60)
    axes.plot(x + time, y - 1.5 + 2.2 * (time > 5), "-", color=INK, linewidth=0.8)
    axes.plot(
        x + time, y + 3.0 - 2.2 * np.exp(-0.5 * ((time + 1) / 2.4) ** 2), "-", color=STRUCTURE_FREE, lw=0.8
    )


def _spikes(axes, x, y):
    """Rows of ticks that grow dense to the right."""
    for row, phase in enumerate((0.0, 0.35, 0.7)):
        times = 10 - 20 * ((np.arange(11) + phase) / 11.7) ** 1.5
        axes.vlines(x + times, y - 2.2 + 1.6 * row, y - 1.1 + 1.6 * row, color=RECORDED, linewidth=0.7)


PICTURES = {"neurons": _neuron, "graphs": _graph, "motifs": _triads, "networks": _network}


def box_table(boxes):
    """The lines of every box as a table: box, text."""
    return pd.DataFrame(
        [(title, line) for title, lines in boxes.items() for line in lines], columns=["box", "text"]
    )
