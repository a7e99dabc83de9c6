"""Triads of a directed graph: how many there are, and which are more frequent than its dyads explain.

The graph is simulated: 60 neurons in a hidden order, whose edges all run down it, so that no cycle is left.
"""

import numpy as np

from digimus.motifs import MOTIFS, TRIADS, significance_profile, triad_census

N_NEURONS, DENSITY = 60, 0.12

rng = np.random.default_rng(1)
order = rng.permutation(N_NEURONS)
down = order[:, None] < order[None, :]
graph = (down & (rng.random(down.shape) < 2 * DENSITY)).astype(float)  # rows are presynaptic

counts = dict(zip(TRIADS, triad_census(graph), strict=True))
profile = significance_profile(graph, null="dyad", n_null=1000, seed=1)

print(f"simulated graph: {N_NEURONS} neurons, {int(graph.sum())} edges, none of them returned")
for triad, z, share in zip(MOTIFS, profile.z, profile.sp, strict=True):
    if counts[triad]:
        print(f"  {triad:5} {counts[triad]:6.0f} times   z {z:6.1f}   normalised {share:5.2f}")
print(f"feed-forward triangles (030T): {counts['030T']:.0f}; cycles (030C): {counts['030C']:.0f}")
