"""An axis of time on which the pauses between the trials of a session are cut short."""

import numpy as np
import pandas as pd

CUT = 0.2
"""A gap between trials longer than this share of a trial is not drawn to scale. Ours."""
GAP = 0.25
"""How wide such a gap is drawn, as a share of a trial."""


class SessionTime:
    """Seconds of a session to places on an axis on which long gaps between trials are cut short.

    Parameters
    ----------
    samples, trials : pandas.DataFrame
        Rows with time_s and stop_s; outside all of them is a gap.
    """

    def __init__(self, samples, trials):
        spans = pd.concat([samples, trials])[["time_s", "stop_s"]].astype(float).dropna()
        spans = spans[spans["stop_s"] > samples["time_s"].min()]
        spans = spans[spans["time_s"] < samples["stop_s"].max()].sort_values("time_s")
        typical = float((trials if len(trials) else samples).eval("stop_s - time_s").median())
        merged = []
        for start, stop in spans.itertuples(index=False):
            if merged and start - merged[-1][1] <= CUT * typical:
                merged[-1][1] = max(merged[-1][1], stop)
            else:
                merged.append([start, stop])
        self.starts, self.stops = np.array(merged).T
        self.gap = GAP * typical
        lengths = self.stops - self.starts
        self.places = np.cumsum([0.0, *(lengths[:-1] + self.gap)])
        self.end = self.places[-1] + lengths[-1]

    def piece(self, times):
        """Which piece holds each time, -1 where none does."""
        times = np.asarray(times, float)
        k = np.searchsorted(self.starts, times + 1e-9, side="right") - 1
        return np.where((k >= 0) & (times <= self.stops[np.maximum(k, 0)] + 1e-9), k, -1)

    def __call__(self, times):
        """Places of times; nan within a gap."""
        k = self.piece(times)
        places = np.asarray(times, float) - self.starts[k] + self.places[k]
        return np.where(k >= 0, places, np.nan)

    def dress(self, axes, gaps=True):
        """Limits, and a grey band over every gap if these are wanted."""
        for place in self.places[1:] if gaps else ():
            axes.axvspan(place - self.gap, place, color="#EDEDED", linewidth=0, zorder=0)
        axes.set_xlim(0, self.end)

    def ticks(self):
        """Places and labels: round seconds of one piece, or the starts of the pieces."""
        if len(self.starts) > 1:
            every = -(-len(self.starts) // 10)
            return self.places[::every], [f"{start:.0f}" for start in self.starts[::every]]
        step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1e9) if self.end / s <= 8)
        times = np.arange(np.ceil(self.starts[0] / step), self.stops[0] / step + 1e-9) * step
        return self(times), [f"{time:g}" for time in times.round(6)]
