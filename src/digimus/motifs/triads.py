"""The sixteen directed triads: names, order and make-up.

Names are those of Holland and Leinhardt: the numbers of mutual, one-way and null dyads, then a letter
for direction (Down, Up, Transitive, Cyclic). An edge `a[i, j]` runs from i to j.
"""

import numpy as np

TRIADS = (
    "003", "012", "102", "021D", "021U", "021C", "111D", "111U",
    "030T", "030C", "201", "120D", "120U", "120C", "210", "300",
)  # fmt: skip
"""All sixteen triads, in the order of every array of length 16."""

MOTIFS = tuple(name for name in TRIADS if name not in ("003", "012", "102"))
"""The thirteen connected triads, in the order of every array of length 13."""

IS_MOTIF = np.array([name in MOTIFS for name in TRIADS])

N_MUTUAL, N_ONE_WAY, N_NULL = (np.array([int(name[position]) for name in TRIADS]) for position in range(3))
"""How many of a triad's three dyads are mutual, one-way and null, each of shape (16,)."""

N_LABELLINGS = np.array([1, 6, 3, 3, 3, 6, 6, 6, 6, 2, 3, 3, 3, 6, 6, 1])
"""In how many ways three labelled nodes can form each triad; the sum is 64."""

N_EDGES = 2 * N_MUTUAL + N_ONE_WAY
