"""The rule tasks by name. A new task is a function that draws a `Plan`, and one line at the end of `_LINES`.

The order is that of the published rule inputs: a task's place is its rule input. A task added at the end
gets a rule input of its own, and the networks' input grows by one.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral
from types import MappingProxyType

import numpy as np
import torch

from digimus.errors import InputError
from digimus.seeding import stream
from digimus.tasks.delayed_decision import sequential
from digimus.tasks.match import category, sample
from digimus.tasks.perceptual_decision import attend1, attend2, ring1, ring2, simultaneous, summed
from digimus.tasks.scoring import TOLERANCE_RAD
from digimus.tasks.sensorimotor import delayed, go, reaction_time
from digimus.tasks.trials import RULE_START, assemble


@dataclass(frozen=True)
class Task:
    """A rule task.

    Attributes
    ----------
    name, family, description : str
    rule : int
        Which of the rule inputs is on.
    n_choices : int or None
        How many answers a trial offers to one who knows the task; None where any angle may be right.
    draw : function of (rng, batch_size)
        Gives a `digimus.tasks.trials.Plan`.
    """

    name: str
    family: str
    rule: int
    n_choices: int | None
    description: str
    draw: Callable = field(repr=False)

    @property
    def chance(self):
        """Accuracy of guessing: one over the choices, or the share of the ring that is counted as right."""
        return 1 / self.n_choices if self.n_choices else float(TOLERANCE_RAD / np.pi)


SENSORI, PERCEPT, DELAYED, MATCH = "sensorimotor", "perceptual decision", "delayed decision", "match"
_LINES = (
    ("go", SENSORI, None, "Answer at the stimulus on the go signal.", partial(go)),
    ("rtgo", SENSORI, None, "Answer at the stimulus at once.", partial(reaction_time)),
    ("dlygo", SENSORI, None, "Answer at the remembered stimulus.", partial(delayed)),
    ("anti", SENSORI, None, "Answer opposite to the stimulus on the go signal.", partial(go, anti=True)),
    ("rtanti", SENSORI, None, "Answer opposite to the stimulus at once.", partial(reaction_time, anti=True)),
    ("dlyanti", SENSORI, None, "Answer opposite to the remembered stimulus.", partial(delayed, anti=True)),
    ("dm1", PERCEPT, 2, "Stronger of two, shown in ring 1.", partial(simultaneous, evidence=ring1)),
    ("dm2", PERCEPT, 2, "Stronger of two, shown in ring 2.", partial(simultaneous, evidence=ring2)),
    ("ctxdm1", PERCEPT, 2, "Stronger in ring 1, ring 2 ignored.", partial(simultaneous, evidence=attend1)),
    ("ctxdm2", PERCEPT, 2, "Stronger in ring 2, ring 1 ignored.", partial(simultaneous, evidence=attend2)),
    ("multidm", PERCEPT, 2, "Stronger over both rings.", partial(simultaneous, evidence=summed)),
    ("dlydm1", DELAYED, 2, "Stronger of two in turn, in ring 1.", partial(sequential, evidence=ring1)),
    ("dlydm2", DELAYED, 2, "Stronger of two in turn, in ring 2.", partial(sequential, evidence=ring2)),
    ("ctxdlydm1", DELAYED, 2, "In turn, ring 1, ring 2 ignored.", partial(sequential, evidence=attend1)),
    ("ctxdlydm2", DELAYED, 2, "In turn, ring 2, ring 1 ignored.", partial(sequential, evidence=attend2)),
    ("multidlydm", DELAYED, 2, "In turn, over both rings.", partial(sequential, evidence=summed)),
    ("dms", MATCH, 2, "Answer if the angles agree.", partial(sample, answer_on_match=True)),
    ("dnms", MATCH, 2, "Answer if the angles differ.", partial(sample, answer_on_match=False)),
    ("dmc", MATCH, 2, "Answer if the categories agree.", partial(category, answer_on_match=True)),
    ("dnmc", MATCH, 2, "Answer if the categories differ.", partial(category, answer_on_match=False)),
)

TASKS = MappingProxyType(
    {
        name: Task(name, family, rule, n_choices, description, draw)
        for rule, (name, family, n_choices, description, draw) in enumerate(_LINES)
    }
)
FAMILIES = MappingProxyType(
    {
        family: tuple(name for name, task in TASKS.items() if task.family == family)
        for family in dict.fromkeys(task.family for task in TASKS.values())
    }
)
RULES20 = tuple(TASKS)[:20]
# The 18 of the abstract are not named; leaving out the two category tasks is DigiMus' own choice.
RULES18 = tuple(name for name in RULES20 if name not in ("dmc", "dnmc"))
N_INPUTS = RULE_START + len(TASKS)


def make_batch(name, batch_size, seed, device="cpu"):
    """Draw a batch of trials.

    Everything is drawn on the CPU from one generator, so a seed gives the same batch on any device.

    Parameters
    ----------
    name : str
        One of `TASKS`.
    batch_size : int
        Trials, one or more.
    seed : int or numpy.random.Generator
        A number of zero or more, of which each task has a stream of its own; or a generator, which is
        drawn from where it stands.
    device : str or torch.device

    Returns
    -------
    digimus.tasks.Batch

    Raises
    ------
    InputError
        If the task, the batch size, the seed or the device is not as it must be.
    """
    task = _task(name)
    if not _is_whole(batch_size) or batch_size < 1:
        raise InputError(
            "A batch needs at least one trial.",
            where="batch_size",
            expected="a whole number, 1 or more",
            got=repr(batch_size),
            hint="64 is usual.",
        )
    rng = _generator(seed, name)
    device = _device(device)
    plan = task.draw(rng, int(batch_size))
    return assemble(name, plan, task.rule, len(TASKS), rng, device)


def _task(name):
    if isinstance(name, str) and name in TASKS:
        return TASKS[name]
    plain = "".join(letter for letter in str(name).lower() if letter.isalnum())
    near = difflib.get_close_matches(plain, TASKS, n=3, cutoff=0.5)
    raise InputError(
        "There is no such task.",
        where="task name",
        expected=f"one of {', '.join(TASKS)}",
        got=repr(name),
        hint=f"Did you mean {' or '.join(near)}?" if near else "Take a name from digimus.tasks.TASKS.",
    )


def _generator(seed, name):
    if isinstance(seed, np.random.Generator):
        return seed
    if _is_whole(seed) and seed >= 0:
        return stream(seed, "tasks", name)
    raise InputError(
        "This cannot seed a batch.",
        where="seed",
        expected="a whole number, 0 or more, or a numpy.random.Generator",
        got=repr(seed),
        hint="Hand in a number to repeat a batch, a generator to go on through new ones.",
    )


def _device(device):
    """The device, tried before anything is drawn, so that a failure leaves the generator where it was."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InputError(
            "The device cannot be used.",
            where="device",
            expected="a device that this build of torch reaches, such as cpu",
            got=f"{device!r}: {str(error).splitlines()[0]}",
            hint="Use cpu, or install a torch build for this machine's accelerator.",
        ) from error


def _is_whole(value):
    return isinstance(value, Integral) and not isinstance(value, bool)
