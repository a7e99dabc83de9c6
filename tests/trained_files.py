"""Comparing what two trainings wrote."""

import h5py
import numpy as np


def arrays_of(path):
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: arrays.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None
        )
    return arrays


def assert_same(first, second):
    assert set(first) == set(second) and first
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
