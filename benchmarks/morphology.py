"""Reading neurons: one plain SWC file by seven programs, and real compressed files with their voxels."""

from pathlib import Path

import numpy as np

from harness import Case

PEERS = {"morphio", "neurom", "navis", "pandas", "pyarrow", "numpy", "pandas_numpy"}
MORPHIO_GOAL = 3
XZ_GOAL = 1
REAL = Path(__file__).parents[2] / "shared/data/morphology/seu_allen/swc"
_COLUMNS = ["id", "kind", "x", "y", "z", "radius", "parent"]
_VOXEL_UM = 25.0


def cases(folder, quick):
    """A simulated file of 10,000 nodes, and 40 real ones where they are to be had."""
    import neurons

    n = 300 if quick else 10_000
    xyz, kind, parent = neurons.grow(0, np.random.default_rng(3))
    path = folder / "simulated.swc"
    path.write_bytes(neurons.swc_bytes("benchmark", (xyz[:n], kind[:n], parent[:n])))
    peers = ("morphio", "neurom", "navis", "pandas", "pyarrow", "numpy")
    goals = {"morphio": MORPHIO_GOAL}
    # morphio and neurom hold coordinates as float32.
    plain = Case(f"one SWC file of {n:,} nodes, simulated", {"path": str(path)}, peers, goals, rtol=1e-5)
    n_files = 4 if quick else 40
    name = f"{n_files} real .xz neurons, read and voxelised"
    files = [str(path) for path in sorted(REAL.glob("*.swc.xz"))[:n_files]]
    if not files:
        return [plain, Case(name, {}, left_out="there is no ../shared/data")]
    return [plain, Case(name, {"files": files}, ("pandas_numpy",), {"pandas_numpy": XZ_GOAL}, rtol=1e-6)]


def run_digimus(arguments):
    from digimus.morphology import read_swc, voxelise

    if "path" in arguments:
        return lambda: read_swc(arguments["path"]), lambda neuron: _of_nodes(neuron.xyz_um)

    def read_all():
        return [voxelise(read_swc(path), _VOXEL_UM) for path in arguments["files"]]

    def lengths(voxelised):
        axon = sum(item.axon_um.sum() + item.axon_outside_um for item in voxelised)
        return [axon, sum(item.dendrite_um.sum() + item.dendrite_outside_um for item in voxelised)]

    return read_all, lengths


def _of_nodes(xyz):
    """What all readers must agree on: how many nodes, and the sums of their coordinates."""
    return [len(xyz), *np.asarray(xyz, float).sum(axis=0)]


def run_morphio(arguments):
    import morphio

    return lambda: morphio.Morphology(arguments["path"]), _of_sections


def run_neurom(arguments):
    import neurom

    return lambda: neurom.load_morphology(arguments["path"]), lambda m: _of_sections(m.to_morphio())


def _of_sections(morphology):
    """A section repeats the last point of the one that it grows from, but for those at the soma."""
    parts = [section.points if section.is_root else section.points[1:] for section in morphology.sections]
    return _of_nodes(np.concatenate([morphology.soma.points, *parts]))


def run_navis(arguments):
    import navis

    return lambda: navis.read_swc(arguments["path"]), lambda x: _of_nodes(x.nodes[["x", "y", "z"]].to_numpy())


def run_pandas(arguments):
    import pandas as pd

    types = (
        dict.fromkeys(("id", "kind", "parent"), np.int64) | dict.fromkeys("xyz", float) | {"radius": float}
    )

    def read():
        return pd.read_csv(arguments["path"], sep=" ", comment="#", names=_COLUMNS, dtype=types)

    return read, lambda table: _of_nodes(table[["x", "y", "z"]].to_numpy())


def run_pyarrow(arguments):
    from pyarrow import csv

    reading = csv.ReadOptions(use_threads=False, skip_rows=2, column_names=_COLUMNS)
    parsing = csv.ParseOptions(delimiter=" ")

    def read():
        return csv.read_csv(arguments["path"], read_options=reading, parse_options=parsing)

    return read, lambda table: _of_nodes(np.column_stack([table[name].to_numpy() for name in "xyz"]))


def run_numpy(arguments):
    return lambda: np.loadtxt(arguments["path"], comments="#"), lambda table: _of_nodes(table[:, 2:5])


def run_pandas_numpy(arguments):
    """pandas reads; every segment's length goes to the voxel of its middle, with no check and no cut."""
    import pandas as pd

    def read_one(path):
        table = pd.read_csv(path, sep=" ", comment="#", names=_COLUMNS)
        ids, parents = table["id"].to_numpy(), table["parent"].to_numpy()
        xyz, kind = table[["x", "y", "z"]].to_numpy(), table["kind"].to_numpy()
        order = np.argsort(ids)
        above = order[np.searchsorted(ids, parents, sorter=order) % len(ids)]
        length = np.where(parents < 0, 0.0, np.linalg.norm(xyz - xyz[above], axis=1))
        cells = ((xyz + xyz[above]) / 2 / _VOXEL_UM).astype(np.int64)
        flat = np.ravel_multi_index(cells.T, (528, 320, 456), mode="clip")
        found = []
        for wanted in (kind == 2, (kind == 3) | (kind == 4)):
            voxels, place = np.unique(flat[wanted], return_inverse=True)
            found.append((voxels, np.bincount(place, length[wanted])))
        return found

    def lengths(neurons):
        return [sum(neuron[part][1].sum() for neuron in neurons) for part in (0, 1)]

    return lambda: [read_one(path) for path in arguments["files"]], lengths
