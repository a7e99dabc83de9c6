"""For tests of the explorer: regions with neurons, a graph that was handed in, and a published table."""

import numpy as np
import pandas as pd
from scipy import sparse

from anatomy_tables import NULLS, grid, outlines
from digimus.connectome import sketch_of_region
from digimus.morphology import Arbors, grid_shape
from digimus.motifs import MOTIFS

KINDS = {"s": "neurons", "worm": "graph", "published": "table"}


def arbors(ids, region, rng, *, n_voxels=60, spread=12, without_dendrite=()):
    """Axons that wander away from the soma, voxel by voxel, and dendrites around it."""
    shape = grid_shape(25)
    somas = np.array([6000.0, 4000.0, 4000.0]) + rng.normal(size=(len(ids), 3)) * 400
    matrices = []
    for kind, size in (("axon", n_voxels), ("dendrite", n_voxels // 4)):
        rows = []
        for k, soma in enumerate(somas):
            steps = rng.integers(-1, 2, (0 if kind == "dendrite" and k in without_dendrite else size, 3))
            cells = (soma / 25).astype(int) + np.cumsum(steps, axis=0) * max(spread // 6, 1)
            flat = np.unique(np.ravel_multi_index(cells.T, shape))
            rows.append(
                sparse.csr_array((np.full(len(flat), 20.0), ([0] * len(flat), flat)), (1, np.prod(shape)))
            )
        matrices.append(sparse.csr_array(sparse.vstack(rows)).astype(np.float32))
    names = np.array([region] * len(ids), dtype=object), np.array(["b1"] * len(ids), dtype=object)
    return Arbors(np.array(ids, dtype=object), *names, somas, *matrices, 25.0, shape)


def region(source, name, n, rng, *, simulated=False):
    """Tables and graph of one region of a source of neurons."""
    ids = [f"{name}-{k}" for k in range(n)]
    tree = arbors(ids, name, rng)
    cells = pd.DataFrame(tree.soma_um, columns=["soma_ap_um", "soma_dv_um", "soma_ml_um"]).assign(
        id=ids, source=source, brain="b1", hemisphere="left", axon_length_um=3000.0, dendrite_length_um=900.0,
        flags="", axon_in_A_um=2000.0, axon_in_B_um=1000.0, region=name,
    )  # fmt: skip
    part = pd.DataFrame(rng.random((n, 13)), columns=list(MOTIFS)).assign(id=ids, source=source, region=name)
    part["300"] = 0.0
    sketch = sketch_of_region(tree, source=source, region=name, simulated=simulated)
    probability = sparse.random_array((n, n), density=0.3, rng=rng, format="csr")
    return ids, cells, part, sketch, probability


def profiles(source, name, rng, nulls=NULLS, simulated=False):
    table = grid(source=[source], region=[name], null=list(nulls), triad=MOTIFS)
    value = rng.normal(size=len(table)) * 4
    table = table.assign(
        simulated=simulated, z=value, z_low=value - 1, z_high=value + 1, enrichment=value / 10,
        enrichment_low=value / 10 - 0.1, enrichment_high=value / 10 + 0.1,
        p_corrected=rng.random(len(table)) ** 3,
    )  # fmt: skip
    table.loc[table["triad"] == "300", ["z", "z_low", "z_high"]] = np.nan
    verdicts = grid(source=[source], region=[name], null=list(nulls)).assign(
        excess=12.5, p_corrected=0.04, verdict="differs: more 030T", summary=f"{name}: more than <geometry>."
    )
    return table, verdicts


def priors(source, regions, **values):
    table = grid(source=[source], region=list(regions), triad=MOTIFS)
    return table.assign(
        simulated=False, n_neurons=100, density=0.1, reciprocity=np.nan, frequency=1 / 13, **values
    )


def explorer_inputs(regions=("A", "B"), n=12, *, n_published=2, seed=1):
    """Tables by path, and graphs by source and region; the first region is simulated."""
    rng = np.random.default_rng(seed)
    tables, graphs, cells, shown, told = {}, {}, [], [], []
    for name in regions:
        simulated = name == regions[0]
        ids, own, part, sketch, probability = region("s", name, n, rng, simulated=simulated)
        graphs["s", name] = ids, probability
        cells.append(own)
        tables[f"x/motifs/s/regions/{name}.neurons.csv"] = part
        tables[f"x/connectome/s/sketches/{name}.csv"] = sketch
        profile, verdicts = profiles("s", name, rng, simulated=simulated)
        shown.append(profile)
        told.append(verdicts)
    tables["x/connectome/s/graphs.csv"] = pd.DataFrame(
        dict(source="s", region=list(regions), simulated=[name == regions[0] for name in regions],
             rule="potential", n_neurons=n, n_brains=2, density=0.123, reciprocity=0.456)
    )  # fmt: skip
    tables["x/morphology/s/neurons.csv"] = pd.concat(cells, ignore_index=True)
    tables["x/morphology/s/outlines.csv"] = outlines([regions[0]])
    tables["x/motifs/s/profiles.csv"] = pd.concat(shown, ignore_index=True)
    tables["x/motifs/s/verdicts.csv"] = pd.concat(told, ignore_index=True)
    tables["x/motifs/s/priors.csv"] = priors("s", regions)
    names = [f"w{k}" for k in range(9)]
    tables["x/motifs/worm/profiles.csv"], tables["x/motifs/worm/verdicts.csv"] = profiles(
        "worm", "worm", rng, ["dyad", "degree"]
    )
    tables["x/motifs/worm/priors.csv"] = priors("worm", ["worm"])
    part = pd.DataFrame(rng.random((9, 13)), columns=list(MOTIFS))
    tables["x/motifs/worm/regions/worm.neurons.csv"] = part.assign(id=names, source="worm", region="worm")
    graphs["worm", "worm"] = names, (rng.random((9, 9)) < 0.4).astype(np.uint8)
    tables["x/motifs/published/priors.csv"] = priors("published", [f"P{k}" for k in range(n_published)])
    return tables, graphs
