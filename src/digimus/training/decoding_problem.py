"""What a network is trained on to decode recordings: a session, several at once, or a held-out one's inputs.

A decoder's answer after a bin is the mean of its readout up to that bin: softmax makes class probabilities of
it, and for continuous targets it is the prediction itself. Networks are causal, so that this answer uses
activity up to and including that bin only. The loss is taken on the answer after the last bin.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from digimus.errors import InputError
from digimus.models.settings import check_number
from digimus.seeding import number, stream
from digimus.training.problems import moved

SMALLEST_SPREAD = 1e-6
"""Of a unit's mean: below it, single precision tells a spread from rounding no longer."""


class Decoding:
    """Classifying the samples of one session from its activity, or predicting a continuous target.

    Activity is centred and scaled per unit by the mean and standard deviation of the training samples
    alone, and so is a continuous target. A unit that was not observed counts as average.

    Parameters
    ----------
    values : array, shape (samples, time bins, units)
    labels : array, shape (samples,)
        Classes as whole numbers, or continuous targets.
    train, test : arrays of int
        Which samples are trained on and which are held out.
    n_classes : int
        0 for continuous targets.
    batch_size : int
    input_dropout : float
        Share of the units that a training sample is shown without, drawn anew at every update; the others
        count for more, so that the sum stays (Srivastava et al. 2014). None are left out when evaluating.
    observed : array of bool, shape (samples, units), optional
        Whether each unit was recorded during each sample; by default all were.
    validates : bool
        The held-out samples serve as validation trials: `validate` gives their loss too. For a stretch inside
        the training trials of a fold, never for the test samples.
    device : torch.device

    Raises
    ------
    InputError
        For a share of dropped units that is not below 1.
    """

    def __init__(
        self,
        values,
        labels,
        train,
        test,
        *,
        n_classes,
        batch_size,
        input_dropout=0.0,
        observed=None,
        validates=False,
        device="cpu",
    ):
        check_number("training.decoding.input_dropout", input_dropout, least=0, below=1)
        values = np.asarray(values, np.float32)
        scaled = normalised(values, train, observed)
        targets, self.target_mean, self.target_spread = _targets(labels, train, n_classes)
        self.train_values = torch.from_numpy(scaled[train]).to(device)
        self.test_values = torch.from_numpy(scaled[test]).to(device)
        self.train_labels = torch.from_numpy(targets[train]).to(device)
        self.test_labels = torch.from_numpy(targets[test]).to(device)
        self.n_inputs, self.n_outputs = values.shape[2], n_classes or 1
        self.continuous = n_classes == 0
        self.batch_size = min(batch_size, len(train))
        self.input_dropout, self.validates = input_dropout, validates

    def training_batch(self, seed, update):
        """Samples of an update: a fresh random choice without repeats."""
        chosen = self._chosen(seed, update).to(self.train_labels.device)
        return self._dropped(self.train_values[chosen], seed, update), self.train_labels[chosen]

    def training_batches(self, seeds, update):
        """Inputs (S, B, T, units) and labels (S, B) of several seeds, and the number of steps of each."""
        chosen = torch.stack([self._chosen(seed, update) for seed in seeds])
        chosen = moved(chosen, self.train_labels.device)
        values = self.train_values[chosen]
        if self.input_dropout:
            values = torch.stack(
                [self._dropped(own, seed, update) for own, seed in zip(values, seeds, strict=True)]
            )
        return values, self.train_labels[chosen], [self.train_values.shape[1]] * len(seeds)

    def _chosen(self, seed, update):
        rng = stream(seed, "decoding", update)
        return torch.from_numpy(rng.permutation(len(self.train_labels))[: self.batch_size])

    def _dropped(self, values, seed, update):
        return dropped_inputs(values, self.input_dropout, seed, update)

    def loss(self, outputs, labels):
        """Cross-entropy or squared error of the time-averaged readout."""
        if self.continuous:
            return nn.functional.mse_loss(outputs.mean(1)[:, 0], labels)
        return nn.functional.cross_entropy(outputs.mean(1), labels)

    def losses(self, outputs, labels):
        """What `loss` gives for each seed, shape (seeds,), of outputs (seed, batch, time, output)."""
        scores = outputs.mean(2)
        if self.continuous:
            return (scores[..., 0] - labels).square().mean(1)
        each = nn.functional.cross_entropy(scores.flatten(0, 1), labels.flatten(), reduction="none")
        return each.view(labels.shape).mean(1)

    def validate(self, model):
        """Loss on the training samples; the held-out ones are looked at once, at the end."""
        metrics = {"training_loss": float(self.loss(model(self.train_values), self.train_labels))}
        if self.validates:
            metrics["validation_loss"] = float(self.loss(model(self.test_values), self.test_labels))
        return metrics

    @torch.no_grad()
    def held_out_loss(self, model):
        """Loss on the held-out samples."""
        model.eval()
        return float(self.loss(model(self.test_values), self.test_labels))

    @torch.no_grad()
    def running(self, model):
        """Answers for the held-out samples after every bin, shape (samples, time bins, classes or 1).

        Class probabilities, or predictions in the target's own unit.
        """
        model.eval()
        outputs = model(self.test_values).double()
        n_bins = torch.arange(1, outputs.shape[1] + 1, dtype=outputs.dtype, device=outputs.device)
        answers = outputs.cumsum(1) / n_bins[:, None]
        if self.continuous:
            answers = answers * self.target_spread + self.target_mean
        else:
            answers = torch.softmax(answers, -1)
        return answers.float().cpu().numpy()

    def held_out_probabilities(self, model):
        """Class probabilities of the held-out samples, shape (samples, classes)."""
        return self.running(model)[:, -1]


def normalised(values, train, observed=None):
    """Activity centred and scaled per unit by the training samples; a unit that is constant there is 0.

    Parameters
    ----------
    values : array of float32, shape (samples, time bins, units)
    train : array of int
    observed : array of bool, shape (samples, units), optional
        Samples in which a unit was not observed have no part in its mean and spread, and are 0.

    Returns
    -------
    array of float32
    """
    known = np.ones((len(values), 1, values.shape[2]), bool) if observed is None else observed[:, None, :]
    own, sums = values[train], dict(axis=(0, 1), where=known[train], dtype=float)
    n = np.maximum(known[train].sum((0, 1)) * values.shape[1], 1)
    mean = own.sum(**sums) / n
    spread = np.sqrt(np.square(own - mean.astype(np.float32)).sum(**sums) / n)
    varies = spread > SMALLEST_SPREAD * np.maximum(np.abs(mean), SMALLEST_SPREAD)
    scale = np.where(varies, 1 / np.where(varies, spread, 1), 0)
    return (values - mean.astype(np.float32)) * (known * scale.astype(np.float32))


def _targets(labels, train, n_classes):
    """Labels as a loss takes them, and the mean and spread that continuous ones were standardised by."""
    if n_classes:
        return np.asarray(labels).astype(np.int64), 0.0, 1.0
    labels = np.asarray(labels, float)
    mean, spread = float(labels[train].mean()), float(labels[train].std())
    if not (np.isfinite(mean) and np.isfinite(spread)):
        raise InputError(
            "A continuous label cannot be learnt from these samples.",
            where="labels",
            expected="finite values in the training samples",
            got=f"mean {mean:g}, standard deviation {spread:g} in {len(train)} samples",
            hint="Choose another label, or leave this session out.",
        )
    spread = spread or 1.0  # of one value in all training samples: that value is learnt
    return ((labels - mean) / spread).astype(np.float32), mean, spread


def dropped_inputs(values, share, seed, update, *names):
    """Samples (samples, time bins, units) without a random share of their units, the others scaled up."""
    if not share:
        return values
    rng = stream(seed, "input dropout", update, *names)
    kept = rng.random((len(values), 1, values.shape[2]), dtype=np.float32) >= share
    return values * moved(torch.from_numpy(kept / np.float32(1 - share)), values.device)


@dataclass(frozen=True)
class Mixed:
    """Samples of several sessions, each with its own units.

    Attributes
    ----------
    parts : tuple of (int, Tensor (samples, time bins, units))
        The number of a session's input layer, and its samples.
    """

    parts: tuple

    @property
    def device(self):
        """Of the samples."""
        return self.parts[0][1].device


class WithInputLayers(nn.Module):
    """A network whose input comes from a linear layer of each session.

    Parameters
    ----------
    core : torch.nn.Module
        Has as many inputs as the layers have outputs; shared by the sessions.
    layers : sequence of torch.nn.Linear
        One for each session: units to inputs of the core.
    """

    def __init__(self, core, layers):
        super().__init__()
        self.core, self.layers = core, nn.ModuleList(layers)

    @property
    def recurrent_weight(self):
        """Of the core."""
        return self.core.recurrent_weight

    def forward(self, inputs):
        """Raw readout (batch, time, output) of a `Mixed`, or of the samples of the first layer's session."""
        if not isinstance(inputs, Mixed):
            return self.core(self.layers[0](inputs))
        return self.core(torch.cat([self.layers[k](values) for k, values in inputs.parts]))


def input_layer(n_units, width, seed):
    """A session's input layer with the initial weights of a seed; inputs of unit variance keep it.

    Parameters
    ----------
    n_units, width, seed : int
    """
    layer = nn.Linear(n_units, width)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        layer.weight.normal_(0, n_units**-0.5, generator=rng)
        layer.bias.zero_()
    return layer


def behind_fresh_inputs(core, n_units, width, seed):
    """A core, from here on frozen, behind a new input layer, which alone is learnt.

    Parameters
    ----------
    core : torch.nn.Module
    n_units, width, seed : int
        As for `input_layer`.

    Returns
    -------
    WithInputLayers
    """
    for parameter in core.parameters():
        parameter.requires_grad_(False)
    return WithInputLayers(core, [input_layer(n_units, width, seed)])


class SeveralSessions:
    """Decoding all samples of several sessions with one network and an input layer of each session.

    A batch has as many samples of every session, as far as it has them; sessions are normalised apart.

    Parameters
    ----------
    problems : sequence of Decoding
        Of each session, with all its samples as training samples.
    batch_size : int
        Of all sessions together; of each there is one sample at least.
    """

    def __init__(self, problems, *, batch_size):
        self.problems = list(problems)
        self.n_outputs = self.problems[0].n_outputs
        for problem in self.problems:
            share = max(1, batch_size // len(self.problems))
            problem.batch_size = min(share, len(problem.train_labels))

    def training_batch(self, seed, update):
        """A `Mixed` and the labels of its samples."""
        parts, labels = [], []
        for k, problem in enumerate(self.problems):
            # Sessions of one seed draw apart, lest one session's sample always come with another's.
            values, answers = problem.training_batch(_seed_of(seed, k), update)
            parts.append((k, values))
            labels.append(answers)
        return Mixed(tuple(parts)), torch.cat(labels)

    def loss(self, outputs, labels):
        """As `Decoding.loss`."""
        return self.problems[0].loss(outputs, labels)

    def validate(self, model):
        """What `Decoding.validate` gives, the mean over sessions."""
        metrics = [problem.validate(_Layer(model, k)) for k, problem in enumerate(self.problems)]
        return {name: float(np.mean([each[name] for each in metrics])) for name in metrics[0]}

    def held_out_loss(self, model):
        """As `Decoding.held_out_loss`, the mean over sessions."""
        model.eval()
        losses = [problem.held_out_loss(_Layer(model, k)) for k, problem in enumerate(self.problems)]
        return float(np.mean(losses))


class _Layer:
    """A network with input layers, as the problem of its session number `k` calls it."""

    def __init__(self, model, k):
        self.model, self.k = model, k

    def eval(self):
        self.model.eval()

    def __call__(self, values):
        return self.model(Mixed(((self.k, values),)))


def _seed_of(seed, k):
    return number(seed, "session", k) % 2**63
