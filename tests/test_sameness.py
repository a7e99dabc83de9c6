"""Same seeds, same results: cores, machines and detours leave every table and array as it is."""

import shutil

import numpy as np
import pytest

from trained_files import arrays_of
from whole_runs import copy_of, overlay, snakemake, tables

pytestmark = pytest.mark.workflow

# Another machine: one core for the run, many threads offered to libraries, no home, and all words and
# numbers, times, files and hashes handled by other rules.
ELSEWHERE = {
    "HOME": None,
    "LANG": "C",
    "LC_ALL": "C",
    "TZ": "Pacific/Chatham",
    "PYTHONHASHSEED": "7",
    "OMP_NUM_THREADS": "2",
    "MKL_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
    "NUMBA_NUM_THREADS": "2",
    "SLURM_CPUS_PER_TASK": "2",
}


def files_of(folder, *suffixes):
    """The results with one of these suffixes, by their path under the results."""
    results = folder / "results/tiny"
    found = {
        path.relative_to(results): path for path in sorted(results.rglob("*")) if path.suffix in suffixes
    }
    return {name: path for name, path in found.items() if not {"benchmarks", "dose"} & set(name.parts)}


def assert_same(one, other):
    """Every table and array of one run is that of the other, and the same figures are drawn."""
    wanted, got = tables(one), tables(other)
    assert len(wanted) > 60 and wanted == got
    arrays, others = files_of(one, ".h5"), files_of(other, ".h5")
    assert len(arrays) > 8 and set(arrays) == set(others)
    for name, path in arrays.items():
        first, second = arrays_of(path), arrays_of(others[name])
        assert set(first) == set(second) and first, name
        for array in first:
            np.testing.assert_array_equal(first[array], second[array], err_msg=f"{name} {array}")
    # The tables behind figures are among these; the layout of the figures themselves has other last digits.
    drawn = files_of(one, ".png", ".pdf")
    assert len(drawn) > 20 and set(drawn) == set(files_of(other, ".png", ".pdf"))


def test_one_core_elsewhere_and_two_here_give_the_same_results(finished, root, tmp_path):
    other = copy_of(root, tmp_path / "another place, ä")
    (tmp_path / "scratch").mkdir()
    variables = ELSEWHERE | {"TMPDIR": str(tmp_path / "scratch")}
    done = snakemake(other, cores=1, variables=variables, umask=0o077)
    assert done.returncode == 0, done.text[-3000:]
    assert_same(finished[0], other)
    assert (other / "results/tiny/claims.csv").stat().st_mode & 0o777 == 0o600


def test_a_detour_through_other_settings_leads_back_to_the_same_results(finished, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(finished[0], folder, symlinks=True, ignore=shutil.ignore_patterns("mine"))
    stages = ("claims", "retention", "motifs", "perturbation")
    detour = {"motifs": {"n_draws": 6}, "evaluation": {"n_permutations": 12}}
    done = snakemake(folder, *stages, config=overlay(folder, "detour", detour))
    assert done.returncode == 0, done.text[-3000:]
    aside = tables(folder)
    changed = [name for name, text in tables(finished[0]).items() if aside[name] != text]
    assert {"motifs/simulated/profiles.csv", "evaluation/nulls.csv"} <= set(changed)
    done = snakemake(folder)
    assert done.returncode == 0, done.text[-3000:]
    assert_same(finished[0], folder)
