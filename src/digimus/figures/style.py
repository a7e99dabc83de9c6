"""One style for every figure: sizes, colours, names, panel letters and the mark of simulated data."""

import string
import textwrap
from contextlib import contextmanager

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

WIDTH_MM = 180
PNG_DPI = 200
PDF_DPI = 300  # of what is drawn as a picture within it
SMALL, TINY, MINUTE = 7, 6, 5
LUMINANCE = (0.299, 0.587, 0.114)

RC = {
    "pdf.fonttype": 42,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": SMALL,
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    "axes.labelsize": SMALL,
    "axes.labelpad": 2,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 1.2,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "legend.borderaxespad": 0.2,
    "lines.linewidth": 1,
    "lines.markersize": 3.5,
    "hatch.linewidth": 0.4,
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.05,
}

INK, GREY, PALE = "#222222", "#8A8A8A", "#D5D5D5"
STRUCTURE_FREE, WITH_PRIOR = "#0072B2", "#D55E00"
MODEL_COLOURS = {
    "lstm": "#CC79A7",
    "gru": "#882255",
    "tcn": "#009E73",
    "transformer": "#56B4E9",
    "leaky": "#117733",
    "lru": "#44AA99",
    "s5": "#44AA99",
    "alif": "#999933",
    "boosted": "#AA4499",
    "ridge": "#555555",
    "ridge-history": "#A6761D",
    "logistic": "#555555",
    "logistic-history": "#A6761D",
    "clock": "#E69F00",
}
FURTHER_COLOURS = ("#332288", "#661100", "#6699CC", "#AA4466", "#8C6BB1", "#228833", "#AA3377", "#BBBB33")
MODEL_NAMES = {
    "lstm": "LSTM",
    "gru": "GRU",
    "tcn": "TCN",
    "transformer": "Transformer",
    "lru": "LRU",
    "logistic": "logistic",
    "logistic-history": "logistic with history",
    "ridge-history": "ridge with history",
    "clock": "clock only",
    "boosted": "boosted trees",
    "digimus": "DigiMus",
}
REFERENCES = ("ridge", "ridge-history", "logistic", "logistic-history", "boosted", "clock")
REGION_COLOURS = ("#332288", "#DDAA33", "#117733", "#CC6677", "#66BBDD", "#882255", "#44AA99", "#999933")
PRIOR_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
NEURONS, RECORDINGS, PRIOR = "neurons of source", "recordings", "prior from simulated neurons:"
"""How the mark of simulated data calls its kinds of input."""
VERDICT_STYLES = {
    "holds": ("#0B6E4F", "o"),
    "does not hold": ("#882255", "s"),
    "undetermined": ("#777777", "o"),
}


@contextmanager
def plot_style():
    """Settings of matplotlib for everything drawn or written inside the block."""
    with matplotlib.rc_context(RC):
        yield


def model_colour(model, prior="none"):
    """The one colour of a model; DigiMus has one without a prior (structure-free) and one with."""
    if model == "digimus":
        return STRUCTURE_FREE if prior == "none" else WITH_PRIOR
    if model in MODEL_COLOURS:
        return MODEL_COLOURS[model]
    return FURTHER_COLOURS[sum(map(ord, str(model))) % len(FURTHER_COLOURS)]


def model_name(model, prior="none"):
    """How a model with its prior is called in legends."""
    if model == "digimus" and prior == "none":
        return "structure-free"
    name = MODEL_NAMES.get(model, str(model))
    return name if prior == "none" else f"{name}, prior {prior}"


def ordered_cells(table):
    """The (model, prior) pairs of a table: structure-free, its priors, other models, reference decoders."""

    def place(cell):
        model, prior = cell
        group = 0 if model == "digimus" else 2 if model in REFERENCES else 1
        return group, model, prior != "none", prior

    if not len(table):
        return []
    pairs = table[["model", "prior"]].drop_duplicates()
    return sorted(pairs.itertuples(index=False, name=None), key=place)


def cell_markers(cells):
    """A marker for every (model, prior): priors of the same model differ in marker, not in colour.

    DigiMus alone has a colour of its own without a prior; other models differ there in marker too.
    """
    priors = sorted({prior for _, prior in cells if prior != "none"})

    def place(model, prior):
        return 0 if prior == "none" else priors.index(prior) + (model != "digimus")

    return {cell: PRIOR_MARKERS[place(*cell) % len(PRIOR_MARKERS)] for cell in cells}


def region_colours(labels):
    """A colour for every region; beyond eight regions, shades along one scale."""
    labels = list(labels)
    if len(labels) <= len(REGION_COLOURS):
        return dict(zip(labels, REGION_COLOURS, strict=False))
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.92, len(labels)))
    return {label: tuple(shade) for label, shade in zip(labels, shades, strict=True)}


def region_labels(table, *, sources=None):
    """Regions by name; with their source where there is more than one in `sources` (those of the table)."""
    if not len(table):
        return pd.Series([], dtype=str, index=table.index)
    region, source = table["region"].astype(str), table["source"].astype(str)
    if len(set(source if sources is None else sources)) < 2:
        return region
    return region.where(region == source, region + " (" + source + ")")


def row_size(n):
    """Height of a row in mm and the size of its label in points, for a list of `n` rows."""
    if n <= 12:
        return 5.2, SMALL
    return (3.4, TINY) if n <= 26 else (2.3, MINUTE)


def round_ticks(low, high, most=4):
    """Few round numbers between two positive ends, for a logarithmic axis."""
    found = []
    for steps in ((1,), (1, 3), (1, 2, 5), range(1, 10)):
        ticks = [step * 10.0**power for power in range(-12, 13) for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(found) >= 2 and len(ticks) > most:
            break
        found = ticks or found
        if len(found) >= most - 1:
            break
    return found[:: -(-len(found) // most)] if found else []


def ink_on(colour):
    """White or ink, whichever is read better on a colour (red, green, blue, …)."""
    return "white" if np.dot(colour[:3], LUMINANCE) < 0.45 else INK


def panel_letters(n):
    """Letters of `n` panels: a to z, then A to Z."""
    return (string.ascii_lowercase + string.ascii_uppercase)[:n]


def minus(text):
    """Numbers with a true minus sign."""
    return text.replace("-", "−")


def spread(n, width):
    """`n` offsets evenly over `width`, around zero: points beside each other rather than on each other."""
    return np.linspace(-width / 2, width / 2, n) if n > 1 else np.zeros(n)


def dodge(n, step=0.2, width=0.6):
    """Offsets of `n` groups beside each other, and the space each of them has."""
    step = min(step, width / max(n - 1, 1))
    return spread(n, step * (n - 1)), step


def wrap(text, width):
    """Text in lines of at most `width` characters."""
    return "\n".join(textwrap.wrap(str(text), width, break_long_words=True))


def legend_entry(colour, marker="o", line="none", filled=True, size=3.5):
    """A handle for a legend."""
    return Line2D(
        [], [], color=colour, marker=marker, linestyle=line, markersize=size,
        markerfacecolor=colour if filled else "white", markeredgewidth=0.8,
    )  # fmt: skip


class Page:
    """A figure of lettered panels, and the table of what each of them shows.

    Parameters
    ----------
    height_mm : float
        The width is that of a page.
    """

    def __init__(self, height_mm):
        size = (WIDTH_MM / 25.4, height_mm / 25.4)
        self.figure = Figure(figsize=size, dpi=PNG_DPI, layout="constrained")
        FigureCanvasAgg(self.figure)
        self._tables, self._simulated = [], {}

    def panel(self, axes, letter, title="", pad_pt=5, *, wide=False):
        """Give an axes its letter and its title, `pad_pt` points above it; a wide one may run over others."""
        axes.annotate(
            letter, (0, 1), xycoords="axes fraction", xytext=(-13, pad_pt), textcoords="offset points",
            fontsize=9, fontweight="bold", ha="right", va="baseline", annotation_clip=False,
        )  # fmt: skip
        axes.set_title(" " if wide else title, pad=pad_pt)
        if wide:
            over = axes.annotate(
                title, (0, 1), xycoords="axes fraction", xytext=(0, pad_pt), textcoords="offset points",
                fontsize=7.5, annotation_clip=False,
            )  # fmt: skip
            over.set_in_layout(False)

    def keep(self, letter, table):
        """Add a panel's numbers to the table behind the figure."""
        table = table.reset_index(drop=True)
        table.insert(0, "panel", letter)
        self._tables.append(table)

    def not_available(self, axes, letter, reason, characters=34):
        """Say in the panel (in lines of so many characters), and in the table, what is missing and why."""
        self.blank(axes, "not available:\n" + wrap(reason, characters))
        self.keep(letter, pd.DataFrame({"not_available": [str(reason)]}))

    def blank(self, axes, words):
        """Words in place of a panel's marks."""
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.set_facecolor("#F6F6F6")
        axes.set_xlabel("")
        axes.set_ylabel("")
        axes.text(
            0.5,
            0.5,
            words,
            transform=axes.transAxes,
            ha="center",
            va="center",
            color="#555555",
            fontsize=SMALL,
        )

    def simulated(self, letters, kind, names):
        """Note that these panels show simulated data; `names` are the inputs, none of them: not simulated."""
        if names:
            panels, inputs = self._simulated.setdefault(kind, (set(), {}))
            panels.update(letters)
            inputs.update(dict.fromkeys(map(str, names)))

    def finish(self):
        """Mark simulated data; return the figure and its table.

        Returns
        -------
        (matplotlib.figure.Figure, pandas.DataFrame)
        """
        if self._simulated:
            parts = [
                f"panel{'s' * (len(panels) > 1)} {_span(sorted(panels))}: {kind} {', '.join(inputs)}".rstrip()
                for kind, (panels, inputs) in self._simulated.items()
            ]
            self.figure.suptitle(
                wrap("SIMULATED DATA – " + "; ".join(parts), 96), fontsize=7.5, color="#5C3B00",
                fontweight="bold", gid="simulated-mark",
                bbox=dict(facecolor="#FFE9A8", edgecolor="#B8860B", linewidth=0.8, boxstyle="round,pad=0.35"),
            )  # fmt: skip
        table = pd.concat(self._tables, ignore_index=True) if self._tables else pd.DataFrame({"panel": []})
        return self.figure, table


def _span(letters):
    """a, b, c, e -> "a–c, e"."""
    runs = []
    for letter in letters:
        if runs and ord(letter) == ord(runs[-1][-1]) + 1:
            runs[-1].append(letter)
        else:
            runs.append([letter])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
