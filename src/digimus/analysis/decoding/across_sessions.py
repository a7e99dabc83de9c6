"""Reference decoders in the split ``sessions``: trained on the other sessions of a dataset [ours].

Sessions have other units, so each has a linear input layer of its own: ridge regression of its labels (one
column a class) on its units, the same for all time bins. It gives latents (time bins x classes) for samples
that it was not fitted on, fold by fold in blocks of time. The decoder proper is fitted on the latents of the
other sessions and applied as it is.

Latents of classes are without the shares of the classes among the training samples. Where a session has as
many samples of each class, a fold that trained on fewer of one has more of it to test, and a decoder would
learn that from the other sessions.
"""

from dataclasses import replace

import numpy as np

from digimus.analysis.decoding.decoders import bin_activity, linear_map


def latents(session, folds, labels=None):
    """Activity of a session as its input layers see it, each sample through the one that did not see it.

    Parameters
    ----------
    session : digimus.recordings.Prepared
    folds : list of (train, test) index arrays
    labels : array (draws, samples), optional
        Other labels to fit on; without them the session's own, without the dimension of draws.

    Returns
    -------
    numpy.ndarray, shape ([draws,] samples, time bins, classes or 1)
        nan for samples that no fold held out.
    """
    given = np.atleast_2d(session.labels if labels is None else labels)
    n_classes = len(session.classes)
    hot = (given[:, :, None] == np.arange(n_classes)) if n_classes else given[:, :, None]
    binned = bin_activity(session)
    _, n_bins, n_units = binned.shape
    mean = binned.mean(1)
    found = np.full((*given.shape, n_bins, hot.shape[2]), np.nan)
    for train, test in folds:
        targets = hot[:, train].astype(float)
        mapped = linear_map(mean[train], targets, binned[test].reshape(-1, n_units))
        if n_classes:
            mapped = mapped - targets.mean(1, keepdims=True)
        found[:, test] = mapped.reshape(len(given), len(test), n_bins, -1)
    return found[0] if labels is None else found


def as_session(session, values):
    """The session with latents (samples, time bins, classes) in the place of its activity."""
    return replace(
        session,
        values=values,
        signal="latent",
        unit_regions=np.full(values.shape[2], "latent"),
        unit_ids=np.arange(values.shape[2]).astype(str),
        observed=np.isfinite(values).all(1),
    )


def trained_on_others(decoder, others):
    """Features and labels of other sessions' latents, one after the other.

    Parameters
    ----------
    decoder : Decoder
    others : sequence of digimus.recordings.Prepared
        Of latents, see `as_session`; samples that no fold held out are left out.

    Returns
    -------
    numpy.ndarray (samples, features), numpy.ndarray (samples,)
    """
    parts = [decoder.features(other) for other in others]
    width = max(part.shape[1] for part in parts)
    known = [other.observed.all(1) for other in others]
    features = [_widened(part[keep], width) for part, keep in zip(parts, known, strict=True)]
    labels = [other.labels[keep] for other, keep in zip(others, known, strict=True)]
    return np.concatenate(features), np.concatenate(labels)


def _widened(features, width):
    """Cut, or with columns of nan, to a width: a session without previous windows has fewer features."""
    features = features[:, :width]
    return np.pad(features, ((0, 0), (0, width - features.shape[1])), constant_values=np.nan)


def predicted(decoder, train_x, train_y, session, draws):
    """What a decoder of the other sessions says of one session's latents.

    Parameters
    ----------
    decoder : Decoder
    train_x, train_y
        From `trained_on_others`.
    session : digimus.recordings.Prepared
    draws : array (draws, samples, time bins, classes or 1)
        Latents of the session; more than one where its input layer was fitted on several sets of labels.

    Returns
    -------
    numpy.ndarray, shape (draws, samples, classes) or, for numbers, (draws, samples)
        nan for samples that no fold held out.
    """
    n_classes = len(session.classes)
    shape = (len(draws), session.n_samples)
    found = np.full((*shape, n_classes) if n_classes else shape, np.nan)
    known = np.isfinite(draws[0]).all((1, 2))
    features = [decoder.features(as_session(session, values))[known] for values in draws]
    features = _widened(np.concatenate(features), train_x.shape[1])
    told = decoder.predict(train_x, train_y, features, n_classes)
    found[:, known] = told.reshape(len(draws), -1, *told.shape[1:])
    return found
