"""Fixed points of a network's state map under a constant input, and their stability.

They are found from states of the network by Newton's method (after Sussillo & Barak 2013, who minimised the
speed). One is stable where all eigenvalues of the map's Jacobian lie inside the unit circle.
"""

from dataclasses import dataclass

import numpy as np

N_ITERATIONS = 60
STEP_SIZES = (1.0, 0.5, 0.25, 0.0625, 0.015625)
"""Of the move that Newton's method proposes, tried in this order."""
TOLERANCE = 1e-9
SAME_POINT = 1e-3
"""Of the size of the points: two that are nearer are one."""


@dataclass(frozen=True)
class FixedPoints:
    """Fixed points of a state map.

    Attributes
    ----------
    points : array, shape (points, units)
        States of the map; without rows where no start converged.
    speeds : array, shape (points,)
        Norm of what a step still changes.
    eigenvalues : array, shape (points, units)
        Of the Jacobian, complex.
    n_converged, n_starts : int
    """

    points: np.ndarray
    speeds: np.ndarray
    eigenvalues: np.ndarray
    n_converged: int
    n_starts: int

    @property
    def kinds(self):
        """stable, saddle (some directions grow) or unstable (all grow), for each point."""
        grows = np.abs(self.eigenvalues) > 1
        return np.where(~grows.any(1), "stable", np.where(grows.all(1), "unstable", "saddle"))


def fixed_points(state_map, starts):
    """The fixed points that Newton's method reaches.

    Parameters
    ----------
    state_map : object with `step` and `jacobian`
        As in `digimus.analysis.states.maps`.
    starts : array, shape (starts, units)

    Returns
    -------
    FixedPoints
        Each once, the most stable first.
    """
    u = np.array(starts, float)
    residual = state_map.step(u) - u
    identity = np.eye(u.shape[1])
    for _ in range(N_ITERATIONS):
        open_ = _norms(residual) > TOLERANCE * (1 + _norms(u))
        if not open_.any():
            break
        slopes = state_map.jacobian(u[open_]) - identity
        with np.errstate(all="ignore"):
            moves = _solve(slopes, -residual[open_])
        u[open_], residual[open_] = _best_step(state_map, u[open_], residual[open_], moves)
    converged = _norms(residual) <= TOLERANCE * (1 + _norms(u))
    points = _distinct(u[converged])
    eigenvalues = np.linalg.eigvals(state_map.jacobian(points)) if len(points) else np.empty(points.shape)
    order = np.argsort(np.abs(eigenvalues).max(1), kind="stable") if len(points) else np.arange(0)
    speeds = _norms(state_map.step(points) - points)
    return FixedPoints(points[order], speeds[order], eigenvalues[order], int(converged.sum()), len(u))


def _best_step(state_map, u, residual, moves):
    """The first step along each move that leaves less residual; none where all make it worse."""
    best, least = u.copy(), residual.copy()
    waiting = np.arange(len(u))
    for size in STEP_SIZES:
        tried = u[waiting] + size * moves[waiting]
        left = state_map.step(tried) - tried
        better = _norms(left) < _norms(residual[waiting])
        best[waiting[better]], least[waiting[better]] = tried[better], left[better]
        waiting = waiting[~better]
        if not len(waiting):
            break
    return best, least


def _solve(matrices, right):
    try:
        return np.linalg.solve(matrices, right[..., None])[..., 0]
    except np.linalg.LinAlgError:  # one of them is singular
        return (np.linalg.pinv(matrices) @ right[..., None])[..., 0]


def _distinct(points):
    kept = []
    for point in points:
        near = SAME_POINT * (1 + np.linalg.norm(point))
        if all(np.linalg.norm(point - other) > near for other in kept):
            kept.append(point)
    return np.array(kept).reshape(len(kept), points.shape[1])


def _norms(rows):
    return np.linalg.norm(rows, axis=-1)
