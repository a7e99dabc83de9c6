"""Decoders that need no network: logistic and ridge regression, with history, boosted trees, and the clock.

A decoder is features of a session and a function that is fitted on training samples and says what it
expects of test samples. A decoder of one's own is a `Decoder` in `CLASSIFIERS` or `REGRESSIONS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.preprocessing import SplineTransformer
from threadpoolctl import ThreadpoolController

CLOCK_INVERSE_PENALTY = 1.0
RIDGE_PENALTIES = 10.0 ** np.arange(-1, 6)
CLASS_PENALTIES = 10.0 ** np.arange(1, 4, 0.5)
"""Of ridge regression of the classes; between them the penalty of a logistic decoder is chosen."""
N_COMPONENTS = 8
"""Principal components of the activity that the trees see."""
N_STRETCHES = 4
"""Equal parts of the window that the decoders with history see one by one."""
MOST_ITERATIONS = 300
LEAST_GRADIENT = 1e-5
"""Fitting ends where no derivative of the mean loss is larger."""
_TREES = dict(
    max_iter=100, learning_rate=0.1, max_leaf_nodes=2, min_samples_leaf=10, l2_regularization=1.0,
    early_stopping=False, random_state=0,
)  # fmt: skip


@dataclass(frozen=True)
class Decoder:
    """How to decode without a network.

    Attributes
    ----------
    features : callable
        Maps a prepared session to an array (samples, features); nan where a unit was not observed.
    predict : callable
        ``predict(train_x, train_y, test_x, n_classes)`` is fitted on the first two alone and gives the class
        probabilities (test samples, classes) of the third; for numbers, where `n_classes` is 0, the
        predictions (test samples,). Of each test sample it may use that sample alone.
    exchanged : str, optional
        What the nulls exchange: ``"trials"`` or ``"samples"``. Such a decoder takes `train_y` of shape
        (draws, samples) too, and what it gives then has draws first. None: no null is made.
    """

    features: Callable
    predict: Callable
    exchanged: str | None = None


def bin_activity(session):
    """Activity of every unit in every time bin, shape (samples, time bins, units), nan where not observed.

    Square roots of counts (plus 3/8, Anscombe 1948), so that busy units are not the noisiest ones;
    fluorescence as it is.
    """
    return _known(session, _stabilised(session, np.asarray(session.values, float)))


def activity(session):
    """Activity of every unit in the whole window, shape (samples, units), nan where it was not observed."""
    return _known(session, _stabilised(session, np.asarray(session.values, float).sum(1)))


def history(session):
    """Activity of every unit in the window, in its `N_STRETCHES` parts, and in the trial's previous window.

    Returns
    -------
    numpy.ndarray, shape (samples, features)
        The previous window is nan, which counts as the average one, where there is none; it is left out where
        no sample has one.
    """
    whole = activity(session)
    stretches = np.array_split(np.asarray(session.values, float), min(N_STRETCHES, session.n_bins), axis=1)
    parts = [whole, *(_known(session, _stabilised(session, part.sum(1))) for part in stretches)]
    has = session.previous >= 0
    if has.any():
        parts.append(np.full_like(whole, np.nan))
        parts[-1][has] = whole[session.previous[has]]
    return np.concatenate(parts, axis=1)


def clock(session):
    """Seconds since the last clock event, shape (samples, 1)."""
    return np.asarray(session.clock_s, float)[:, None]


def _stabilised(session, values):
    return np.sqrt(values + 3 / 8) if session.signal == "spikes" else values


def _known(session, values):
    """The values with nan where a unit was not observed."""
    if session.observed.all():
        return values
    known = session.observed if values.ndim == 2 else session.observed[:, None, :]
    return np.where(known, values, np.nan)


def standardised(train_x, *others):
    """Features less their mean in units of their spread, both of the training samples; the average where nan.

    Parameters
    ----------
    train_x, *others : arrays (samples, features)

    Returns
    -------
    list of numpy.ndarray
        In the order given. A feature that does not vary in training is zero everywhere.
    """
    known = np.isfinite(train_x)
    n = np.maximum(known.sum(0), 1)
    mean = np.where(known, train_x, 0).sum(0) / n
    centred = np.where(known, train_x - mean, 0)
    spread = np.sqrt((centred**2).sum(0) / n)
    varies = spread > 1e-9 * np.maximum(1, np.abs(mean))
    scale = np.where(varies, 1 / np.where(varies, spread, 1), 0)
    return [np.where(np.isfinite(x), x - mean, 0) * scale for x in (train_x, *others)]


def principal_axes(z):
    """Singular value decomposition, from the smaller of the two matrices of products.

    Parameters
    ----------
    z : array (samples, features)

    Returns
    -------
    axes (samples, rank), spread (rank,), directions (rank, features)
        The largest first; ``axes * spread @ directions`` is `z`.
    """
    wide = z.shape[0] < z.shape[1]
    values, vectors = np.linalg.eigh(z @ z.T if wide else z.T @ z)
    values, vectors = values[::-1], vectors[:, ::-1]
    real = values > 1e-12 * max(values.max(initial=0), 1)
    spread, vectors = np.sqrt(values[real]), vectors[:, real]
    if wide:
        return vectors, spread, (vectors.T @ z) / spread[:, None]
    return (z @ vectors) / spread, spread, vectors.T


def logistic(train_x, train_y, test_x, n_classes, inverse_penalty=None):
    """Class probabilities of test samples by logistic regression with a squared penalty.

    Standardised on the training samples. Minimises the sum of the log losses plus |w|² / (2 C), as
    scikit-learn's `LogisticRegression` does, for many sets of labels at once: in the principal axes of the
    training samples the second derivative of the loss has a bound that does not depend on the labels (Böhning
    and Lindsay 1988), so that all sets share one factorisation.

    Parameters
    ----------
    train_x, test_x : arrays (samples, features)
        nan counts as the training mean.
    train_y : array of int (samples,) or (draws, samples)
    n_classes : int
        A class that the training samples lack gets probability 0.
    inverse_penalty : float, optional
        C. Without it each draw takes the one that fits the penalty which generalised cross-validation
        chooses for ridge regression of its classes: 1 / C is that penalty times the variance of a class, mean
        over classes, which is the curvature of the log loss before anything is known [ours].

    Returns
    -------
    numpy.ndarray, shape ([draws,] test samples, classes)
    """
    z, t = standardised(train_x, test_x)
    labels = np.atleast_2d(train_y)
    hot = (labels[:, :, None] == np.arange(n_classes)).astype(float)
    axes, spread, directions = principal_axes(z)
    penalties = np.full(len(labels), 1 / inverse_penalty if inverse_penalty else np.nan)
    if inverse_penalty is None:
        share = hot.mean(1)
        chosen = _cross_validated(axes, spread, hot - share[:, None], CLASS_PENALTIES)
        penalties = chosen * (share * (1 - share)).mean(1)
    weights, intercepts = _fitted(axes * spread, hot, penalties)
    logits = np.einsum("tr,drk->dtk", t @ directions.T, weights, optimize=True)
    found = _softmax(logits + intercepts[:, None, :])
    return found if np.ndim(train_y) == 2 else found[0]


def _fitted(z, hot, penalties):
    """Weights (draws, axes, classes) and intercepts (draws, classes) that minimise the penalised loss.

    From training samples along their principal axes (samples, axes), which classes they are of (draws,
    samples, classes), and 1 / C of each draw.
    """
    n, n_classes = len(z), hot.shape[2]
    # The weights of two classes are each other's opposites, half of the one vector that C is defined for.
    penalties = (2 if n_classes == 2 else 1) * penalties[:, None, None]
    step = 1 / ((z**2).sum(0)[:, None] / 2 + penalties)
    seen = hot.any(1)
    weights = np.zeros((len(hot), z.shape[1], n_classes))
    intercepts = np.where(seen, 0.0, -np.inf)
    ahead, ahead_intercepts, momentum = weights, intercepts, 1.0
    for _ in range(MOST_ITERATIONS):
        logits = np.einsum("nr,drk->dnk", z, ahead, optimize=True)
        error = hot - _softmax(logits + ahead_intercepts[:, None, :])
        slope = np.einsum("nr,dnk->drk", z, error, optimize=True) - penalties * ahead
        new = ahead + step * slope
        new_intercepts = ahead_intercepts + error.sum(1) * (2 / n)
        if max(np.abs(slope).max(initial=0), np.abs(error.sum(1)).max()) < LEAST_GRADIENT * n:
            return new, new_intercepts
        # Nesterov's momentum, begun anew where it leads uphill.
        if (slope * (new - weights)).sum() < 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        share = (momentum - 1) / following
        ahead = new + share * (new - weights)
        change = np.where(seen, new_intercepts, 0) - np.where(seen, intercepts, 0)
        ahead_intercepts = new_intercepts + share * change
        weights, intercepts, momentum = new, new_intercepts, following
    return weights, intercepts


def _softmax(logits):
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


def clock_logistic(train_x, train_y, test_x, n_classes):
    """Logistic regression on a spline of the time since the last clock event: what the clock alone tells."""
    spline = SplineTransformer(n_knots=6, degree=3).fit(train_x)
    return logistic(
        spline.transform(train_x), train_y, spline.transform(test_x), n_classes, CLOCK_INVERSE_PENALTY
    )


def ridge(train_x, train_y, test_x, n_classes=0):
    """Predictions of test samples by ridge regression on standardised features.

    The penalty is the one of `RIDGE_PENALTIES` with the smallest generalised cross-validation error (Golub,
    Heath and Wahba 1979) on the training samples.

    Parameters
    ----------
    train_x, test_x : arrays (samples, features)
    train_y : array of float, shape (samples,) or (draws, samples)
    n_classes : int
        Not used; decoders share one form.

    Returns
    -------
    numpy.ndarray, shape ([draws,] test samples)
    """
    targets = np.atleast_2d(train_y).astype(float)[:, :, None]
    found = linear_map(train_x, targets, test_x)[:, :, 0]
    return found if np.ndim(train_y) == 2 else found[0]


def linear_map(train_x, targets, test_x):
    """Ridge regression of several targets with one penalty each draw; see `ridge`.

    Parameters
    ----------
    train_x, test_x : arrays (samples, features)
    targets : array (draws, training samples, targets)

    Returns
    -------
    numpy.ndarray, shape (draws, test samples, targets)
    """
    z, t = standardised(train_x, test_x)
    axes, spread, directions = principal_axes(z)
    mean = targets.mean(1, keepdims=True)
    penalties = _cross_validated(axes, spread, targets - mean, RIDGE_PENALTIES)
    along = np.einsum("nr,dnk->drk", axes, targets - mean, optimize=True)
    shrunk = (spread / (spread**2 + penalties[:, None]))[:, :, None] * along
    return np.einsum("tr,drk->dtk", t @ directions.T, shrunk, optimize=True) + mean


def _cross_validated(axes, spread, targets, penalties):
    """The penalty (draws,) with the smallest generalised cross-validation error for all targets together.

    From principal axes (samples, axes), spread along them (axes,), and targets without their mean (draws,
    samples, targets).
    """
    along = np.einsum("nr,dnk->drk", axes, targets, optimize=True)
    outside = (targets**2).sum((1, 2)) - (along**2).sum((1, 2))
    errors = []
    for penalty in penalties:
        kept = spread**2 / (spread**2 + penalty)
        residual = outside + (((1 - kept)[:, None] * along) ** 2).sum((1, 2))
        errors.append(residual / (len(axes) - 1 - kept.sum()).clip(1e-9) ** 2)
    return penalties[np.argmin(errors, axis=0)]


def boosted(train_x, train_y, test_x, n_classes):
    """Gradient-boosted stumps on the first `N_COMPONENTS` principal components of the training samples.

    Fewer features are taken as they are.

    Returns
    -------
    numpy.ndarray
        Class probabilities (test samples, classes), or predictions (test samples,) where `n_classes` is 0.
    """
    z, t = standardised(train_x, test_x)
    if z.shape[1] > N_COMPONENTS and z.any():
        directions = principal_axes(z)[2][:N_COMPONENTS]
        # The sign of a component is arbitrary, and trees are not quite symmetric.
        largest = np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], axis=1)
        directions = directions * np.sign(largest)
        z, t = z @ directions.T, t @ directions.T
    with _threads().limit(limits=1):
        if not n_classes:
            return HistGradientBoostingRegressor(**_TREES).fit(z, train_y).predict(t)
        probabilities = np.zeros((len(t), n_classes))
        classes = np.unique(train_y)
        if len(classes) == 1:
            probabilities[:, classes] = 1
            return probabilities
        trees = HistGradientBoostingClassifier(**_TREES).fit(z, train_y)
        probabilities[:, trees.classes_] = trees.predict_proba(t)
        return probabilities


@cache
def _threads():
    """Control of the threads of OpenMP: on several, stumps of few samples are slower and no better."""
    return ThreadpoolController()


def held_out(decoder, features, labels, folds, n_classes):
    """What the decoder that did not see it says of every sample.

    Parameters
    ----------
    decoder : Decoder
    features : array (samples, features)
    labels : array (samples,) or, where the decoder has nulls, (draws, samples)
    folds : list of (train, test) index arrays
    n_classes : int
        0 for numbers.

    Returns
    -------
    numpy.ndarray, shape ([draws,] samples, classes) or, for numbers, ([draws,] samples)
        nan for samples that no fold held out.
    """
    labels = np.asarray(labels)
    found = np.full((*labels.shape, n_classes) if n_classes else labels.shape, np.nan)
    samples = (slice(None),) * (labels.ndim - 1)
    for train, test in folds:
        known = features[train], labels[..., train]
        found[*samples, test] = decoder.predict(*known, features[test], n_classes)
    return found


CLASSIFIERS = {
    "logistic": Decoder(activity, logistic, exchanged="trials"),
    "logistic-history": Decoder(history, logistic),
    "boosted": Decoder(activity, boosted),
    "clock": Decoder(clock, clock_logistic, exchanged="samples"),
}
"""By name; ``clock`` is used where a session has a clock."""
REGRESSIONS = {
    "ridge": Decoder(activity, ridge, exchanged="trials"),
    "ridge-history": Decoder(history, ridge),
    "boosted": Decoder(activity, boosted),
}


def decoders_of(session):
    """The decoders of a session, by name."""
    known = REGRESSIONS if session.continuous else CLASSIFIERS
    has_clock = session.clock_s is not None
    return {name: decoder for name, decoder in known.items() if name != "clock" or has_clock}
