"""What a network can be trained on: a rule task, or all of them at once. Recordings: `decoding_problem`."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from digimus import tasks
from digimus.errors import InputError
from digimus.models.settings import check_whole
from digimus.seeding import stream


class RuleTask:
    """One of the rule tasks, with fresh trials at every update.

    Parameters
    ----------
    name : str
        A key of `digimus.tasks.TASKS`.
    batch_size, n_validation, n_test : int
        Trials per update, per validation (several batches of different timing), and in the end.
    device : torch.device
    """

    n_inputs, n_outputs = tasks.N_INPUTS, tasks.N_OUTPUTS
    batches_per_set = 4

    def __init__(self, name, *, batch_size, n_validation, n_test, device="cpu"):
        amounts = dict(batch_size=batch_size, n_validation=n_validation, n_test=n_test)
        for key, amount in amounts.items():
            check_whole(f"training.rules.{key}", amount, hint="config/README.md gives the usual numbers.")
        self.name, self.batch_size, self.device = name, batch_size, device
        self.validation = self._batches("validation", n_validation)
        self.test = self._batches("test", n_test)

    def _batches(self, purpose, n_trials):
        # A batch has one set of durations: several batches sample the timings too.
        size = max(1, n_trials // self.batches_per_set)
        return [
            tasks.make_batch(self.name, size, stream(0, purpose, self.name, k), self.device)
            for k in range(self.batches_per_set)
        ]

    def training_batch(self, seed, update):
        """Inputs and the batch of an update."""
        batch = self._drawn(seed, update, self.device)
        return batch.inputs, batch

    def _drawn(self, seed, update, device="cpu"):
        rng = stream(seed, "training", self.name, update)
        return tasks.make_batch(self.name, self.batch_size, rng, device)

    def training_batches(self, seeds, update):
        """The batches of several seeds; see `stacked`."""
        return stacked([self._drawn(seed, update) for seed in seeds], self.device)

    def loss(self, outputs, batch):
        """Masked squared error of the sigmoid outputs."""
        return tasks.loss(torch.sigmoid(outputs), batch)

    def losses(self, outputs, batches):
        """What `loss` gives for each seed, shape (seeds,), of outputs (seed, batch, time, output)."""
        errors = ((batches.targets - torch.sigmoid(outputs)) * batches.mask).square()
        return errors.sum((1, 2, 3)) / batches.n_elements

    def validate(self, model):
        """Accuracy and loss on the validation trials, which every model and seed shares."""
        outputs = [torch.sigmoid(model(batch.inputs)) for batch in self.validation]
        scores = [
            tasks.accuracy(out, batch).mean() for out, batch in zip(outputs, self.validation, strict=True)
        ]
        losses = [tasks.loss(out, batch) for out, batch in zip(outputs, self.validation, strict=True)]
        return {
            "validation_accuracy": float(torch.stack(scores).mean()),
            "validation_loss": float(torch.stack(losses).mean()),
        }

    @torch.no_grad()
    def test_trials(self, model):
        """Per test trial: whether it was right, and its difficulty (nan where the task has none).

        Where the task has graded evidence, also the signed evidence, which is the difficulty, negative where
        stimulus 2 is the stronger, and the choice (see `choices`).
        """
        model.eval()
        found = {"correct": [], "difficulty": [], "evidence": [], "choice": []}
        for batch in self.test:
            outputs = torch.sigmoid(model(batch.inputs))
            found["correct"].append(tasks.accuracy(outputs, batch))
            found["difficulty"].append(batch.difficulty)
            if not torch.isnan(batch.difficulty).any():
                first = batch.answer_rad == batch.angles_rad[:, 0]
                found["evidence"].append(torch.where(first, batch.difficulty, -batch.difficulty))
                found["choice"].append(choices(outputs, batch))
        return {name: torch.cat(parts).cpu().numpy() for name, parts in found.items() if parts}


def choices(outputs, batch):
    """The stimulus that each trial of a two-choice task was answered at, judged at the last step.

    Parameters
    ----------
    outputs : Tensor (B, T, 33)
        In (0, 1): the sigmoid is already applied.
    batch : digimus.tasks.Batch

    Returns
    -------
    Tensor (B,) of int8
        1 or 2; 0 where the network fixates or answers at neither. An answer is at a stimulus under the same
        condition under which it would be right there (`digimus.tasks.accuracy`).
    """
    chosen = torch.zeros(len(outputs), dtype=torch.int8, device=outputs.device)
    for k in (0, 1):
        at = tasks.accuracy(outputs, replace(batch, answer_rad=batch.angles_rad[:, k])).bool()
        chosen[at] = k + 1
    return chosen


@dataclass(frozen=True)
class Batches:
    """The answers of several seeds' batches, padded at the end to the longest.

    Attributes
    ----------
    targets : Tensor (S, B, T, 33)
    mask : Tensor (S, 1, T, 33)
        0 in padded steps.
    n_elements : Tensor (S,)
        Of each seed's targets without padding.
    """

    targets: torch.Tensor
    mask: torch.Tensor
    n_elements: torch.Tensor


def stacked(batches, device):
    """Batches of equal numbers of trials as one.

    They are put together on the CPU and go to a GPU from pinned memory, which its work in progress does not
    wait for.

    Parameters
    ----------
    batches : sequence of digimus.tasks.Batch
        On the CPU.
    device : str or torch.device

    Returns
    -------
    tuple
        Inputs (S, B, T, 85), their `Batches`, and the number of steps of each.
    """
    lengths = [batch.inputs.shape[1] for batch in batches]

    def padded(tensors):
        shape = (len(tensors), tensors[0].shape[0], max(lengths), tensors[0].shape[2])
        together = torch.zeros(shape)
        for row, tensor in zip(together, tensors, strict=True):
            row[:, : tensor.shape[1]] = tensor
        return moved(together, device)

    answers = Batches(
        targets=padded([batch.targets for batch in batches]),
        mask=padded([batch.mask[:1] for batch in batches]),
        n_elements=moved(torch.tensor([float(batch.targets.numel()) for batch in batches]), device),
    )
    return padded([batch.inputs for batch in batches]), answers, lengths


def moved(tensor, device):
    """A tensor of the CPU on a device; to a GPU it goes from pinned memory."""
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class AllTasks:
    """Several rule tasks for one network, told apart by the rule input.

    Every update takes one task. Tasks come in rounds, each round in an order of its own drawn from the
    seed, so that all tasks get as many updates.

    Parameters
    ----------
    names : sequence of str
        Keys of `digimus.tasks.TASKS`.
    batch_size, n_validation, n_test, device
        As for `RuleTask`; validation and test trials are of each task.
    """

    n_inputs, n_outputs = RuleTask.n_inputs, RuleTask.n_outputs

    def __init__(self, names, *, batch_size, n_validation, n_test, device="cpu"):
        if not names:
            raise InputError(
                "A network for several tasks needs at least one.",
                where="training.rules.tasks",
                expected="one or more names of rule tasks",
                got="none",
                hint="Name tasks, or leave this model out of training.rules.models.",
            )
        self.tasks = {
            name: RuleTask(
                name, batch_size=batch_size, n_validation=n_validation, n_test=n_test, device=device
            )
            for name in names
        }
        self.names, self.device = list(self.tasks), device

    @property
    def validation(self):
        """The validation batches of all tasks."""
        return [batch for task in self.tasks.values() for batch in task.validation]

    def task_at(self, seed, update):
        """The name of the task that an update trains on."""
        round_, place = divmod(update, len(self.names))
        order = stream(seed, "interleaved", *self.names, round_).permutation(len(self.names))
        return self.names[order[place]]

    def training_batch(self, seed, update):
        """Inputs and the batch of an update."""
        return self.tasks[self.task_at(seed, update)].training_batch(seed, update)

    def training_batches(self, seeds, update):
        """The batches of several seeds, each of its own task; see `stacked`."""
        drawn = [self.tasks[self.task_at(seed, update)]._drawn(seed, update) for seed in seeds]
        return stacked(drawn, self.device)

    def loss(self, outputs, batch):
        """Masked squared error of the sigmoid outputs."""
        return self.tasks[batch.name].loss(outputs, batch)

    def losses(self, outputs, batches):
        """As `RuleTask.losses`."""
        return self.tasks[self.names[0]].losses(outputs, batches)

    def validate(self, model):
        """Accuracy and loss, the mean over tasks and (as ``of_task/<name>/...``) of each task."""
        each = {name: task.validate(model) for name, task in self.tasks.items()}
        means = {
            metric: float(np.mean([values[metric] for values in each.values()]))
            for metric in ("validation_accuracy", "validation_loss")
        }
        return means | {
            f"of_task/{name}/{metric}": value
            for name, values in each.items()
            for metric, value in values.items()
        }

    def test_trials(self, model):
        """As `RuleTask.test_trials`, with ``<name>/`` before each array."""
        return {
            f"{name}/{key}": values
            for name, task in self.tasks.items()
            for key, values in task.test_trials(model).items()
        }
