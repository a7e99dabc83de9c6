"""Paths of states over time: their principal plane, their speed, and how tangled they are."""

from dataclasses import dataclass

import numpy as np

N_TANGLED = 8
"""Principal components that tangling is measured in, as in Russo et al. (2018)."""
SOFTENING = 0.1
"""Of the mean squared state, added to squared distances; the same paper's."""


@dataclass(frozen=True)
class Plane:
    """Principal components of states.

    Attributes
    ----------
    mean : array, shape (units,)
    axes : array, shape (components, units)
        Orthonormal; the largest entry of each is positive, so that the signs are settled.
    explained : array, shape (components,)
        Share of the variance.
    """

    mean: np.ndarray
    axes: np.ndarray
    explained: np.ndarray

    def project(self, states):
        """Coordinates (..., components) of states (..., units)."""
        return (states - self.mean) @ self.axes.T


def principal_plane(states, n_components=3):
    """The leading principal components of states.

    Parameters
    ----------
    states : array, shape (..., units)
    n_components : int
        At most as many as units.

    Returns
    -------
    Plane
        Components without variance explain nothing.
    """
    flat = np.asarray(states, float).reshape(-1, np.shape(states)[-1])
    mean = flat.mean(0)
    centred = flat - mean
    variances, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, :n_components].T
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
    variances = variances[::-1].clip(0)
    total = variances.sum()
    explained = variances[:n_components] / total if total > 0 else np.zeros(len(axes))
    return Plane(mean, axes, explained)


def mean_paths(states, labels):
    """The mean path of each label.

    Parameters
    ----------
    states : array, shape (trials, time, units)
        Trials of equal timing.
    labels : array, shape (trials,)

    Returns
    -------
    dict of label to array, shape (time, units)
    """
    labels = np.asarray(labels)
    return {label: states[labels == label].mean(0) for label in np.unique(labels).tolist()}


def speed(paths, dt_s):
    """Distance from each state to the next, over time.

    Parameters
    ----------
    paths : array, shape (paths, time, units)
    dt_s : float

    Returns
    -------
    array, shape (paths, time - 1)
        Units of the state a second.
    """
    return np.linalg.norm(np.diff(paths, axis=1), axis=-1) / dt_s


def tangling(paths, dt_s):
    """How differently the state moves on from nearly the same state, at each step of each path.

    Q(t) = max over t' of |dx(t) - dx(t')|^2 / (|x(t) - x(t')|^2 + e), over the steps of all paths, in the
    leading principal components, e a tenth of the mean squared state (Russo et al. 2018). Small where the
    state alone tells where it goes.

    Parameters
    ----------
    paths : array, shape (paths, time, units)
        Two steps or more.
    dt_s : float

    Returns
    -------
    array, shape (paths, time)
        In 1/s^2; nan where nothing moves.
    """
    plane = principal_plane(paths, N_TANGLED)
    states = plane.project(np.asarray(paths, float))
    change = np.gradient(states, dt_s, axis=1)
    flat, moves = states.reshape(-1, states.shape[-1]), change.reshape(-1, states.shape[-1])
    softening = SOFTENING * np.mean(np.sum(flat**2, axis=1))
    if not softening > 0:
        return np.full(np.shape(paths)[:2], np.nan)
    ratios = _squared_distances(moves) / (_squared_distances(flat) + softening)
    return ratios.max(1).reshape(np.shape(paths)[:2])


def _squared_distances(points):
    squares = np.sum(points**2, axis=1)
    return (squares[:, None] + squares - 2 * points @ points.T).clip(0)
