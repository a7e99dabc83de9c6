"""Simulated teachers and their students: how they are wired, and what students are trained on.

Both are spiking networks of modules of excitatory and inhibitory units, whose inhibition stays within its
module. A teacher's edges are drawn from regions' graphs; a student may have any.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from digimus import tasks
from digimus.models import build
from digimus.models.structure import mask_from_graph, region_slices
from digimus.seeding import number


@dataclass(frozen=True)
class Settings:
    """How teachers and students are made.

    Attributes
    ----------
    task : str
    n_teachers, n_units : int
        Units are dealt to the modules in equal numbers.
    excitatory_share : float
    density : float
        Of the teacher's edges, within modules and from excitatory units between them.
    projection : float
        Scale of the weights between modules.
    learning_rate : float
    n_updates, n_student_updates, batch_size, n_batches : int
        Students go through so many batches of the teacher's outputs, again and again.
    epochs, doses : sequence
        As for `digimus.analysis.perturbation.networks.Settings`; doses of both signs, in thresholds.
    n_trials : int
    motif_term : dict
        Settings of `digimus.models.MotifTerm`.
    """

    task: str
    n_teachers: int
    n_units: int
    excitatory_share: float
    density: float
    projection: float
    learning_rate: float
    n_updates: int
    n_student_updates: int
    batch_size: int
    n_batches: int
    epochs: tuple
    doses: tuple
    n_trials: int
    motif_term: dict


def draw_wiring(graphs, settings, seed):
    """The edges of a teacher: in each module a sample of its region's graph, between modules at random.

    Parameters
    ----------
    graphs : dict of str to array or sparse matrix
        By module, the probabilities of edges between a region's neurons, presynaptic rows.
    settings : Settings
    seed : int

    Returns
    -------
    numpy.ndarray, shape (unit, unit), uint8
        1 where W[post, pre] may be other than zero.
    """
    rng = torch.Generator().manual_seed(number(seed, "teacher", "wiring") % 2**63)
    n_units = settings.n_units
    mask = (torch.rand(n_units, n_units, generator=rng) < settings.density).to(torch.uint8)
    for name, part in region_slices(list(graphs), n_units).items():
        n = part.stop - part.start
        mask[part, part] = mask_from_graph(graphs[name], n, rng, settings.density, f"the graph of {name}")
    return mask.numpy()


def build_network(modules, settings, seed, who, mask=None):
    """A network of modules of excitatory and inhibitory units, without inhibition between modules.

    Every module has its share of both classes. Networks of one seed start alike, whatever the mask.

    Parameters
    ----------
    modules : sequence of str
    settings : Settings
    seed : int
    who : str
        ``teacher`` or ``student``, which start differently.
    mask : array, shape (unit, unit), optional
    """
    between = settings.projection * (1 - np.eye(len(modules)))
    network = build(
        "digimus", tasks.N_INPUTS, tasks.N_OUTPUTS, seed=number(seed, who, "weights") % 2**63,
        n_units=settings.n_units, regions=list(modules), projections=between.tolist(),
        excitatory_share=settings.excitatory_share, mask=mask, tau_m_ms=[20, 500],
        learn_time_constants=True,
    )  # fmt: skip
    signs = network.signs
    n_inhibitory = int((signs < 0).sum())
    # The signs come excitatory first; inhibitory units are spread evenly, each with its initial weights.
    inhibitory = torch.zeros(len(signs), dtype=torch.bool)
    inhibitory[((torch.arange(n_inhibitory) + 0.5) * len(signs) / n_inhibitory).long()] = True
    source = torch.empty(len(signs), dtype=torch.long)
    source[~inhibitory], source[inhibitory] = torch.where(signs > 0)[0], torch.where(signs < 0)[0]
    with torch.no_grad():
        network.w.copy_(network.w[:, source])
        signs.copy_(signs[source])
        for name, part in network.region_slices.items():
            for other, rows in network.region_slices.items():
                if other != name:
                    network.coupling[rows, part] *= ~inhibitory[part]
    return network


class Imitation:
    """The outputs of a teacher as a problem that students are trained on.

    Parameters
    ----------
    teacher : torch.nn.Module
    batches, validation : sequence of digimus.tasks.Batch
        Trials that are shown, and others. Their targets are replaced by the teacher's outputs.
    """

    def __init__(self, teacher, batches, validation):
        self.batches = [_answered(teacher, batch) for batch in batches]
        self.validation = [_answered(teacher, batch) for batch in validation]

    def training_batch(self, seed, update):
        """Inputs and answers of an update; the batches come in turn, the same for every student."""
        batch = self.batches[update % len(self.batches)]
        return batch.inputs, batch

    def loss(self, outputs, batch):
        """Masked squared distance to the teacher's outputs."""
        return tasks.loss(torch.sigmoid(outputs), batch)

    def validate(self, model):
        """The loss on trials that were not shown."""
        losses = [float(self.loss(model(batch.inputs), batch)) for batch in self.validation]
        return {"validation_loss": float(np.mean(losses))}


@torch.no_grad()
def _answered(teacher, batch):
    return replace(batch, targets=torch.sigmoid(teacher(batch.inputs)))


@torch.no_grad()
def behaviour_match(student, problem):
    """Share of the variance of a teacher's outputs that a student's explain, on trials that were not shown.

    Of the steps that are scored; 1 is the same behaviour, 0 that of a student that always says the mean.

    Parameters
    ----------
    student : torch.nn.Module
    problem : Imitation
    """
    missed = total = 0.0
    for batch in problem.validation:
        scored = batch.mask[0, :, 0] > 0
        wanted = batch.targets[:, scored]
        missed += float((wanted - torch.sigmoid(student(batch.inputs))[:, scored]).square().sum())
        total += float((wanted - wanted.mean((0, 1))).square().sum())
    return 1 - missed / total if total > 0 else np.nan


@torch.no_grad()
def given_weights(teacher, rng=None):
    """All parameters of a teacher but its readout; with `rng` the recurrent weights are dealt anew.

    They keep their module of origin, their target's and the class of their unit of origin; no unit gets one
    on itself.

    Parameters
    ----------
    teacher : digimus.models.DigiMus
    rng : numpy.random.Generator, optional

    Returns
    -------
    dict of str to torch.Tensor
        Parameters of a network of the same modules and classes without a mask.
    """
    w = (teacher.w * teacher.mask).clone()
    if rng is not None:
        signs, others = teacher.signs.numpy(), ~np.eye(len(w), dtype=bool)
        for rows in teacher.region_slices.values():
            for columns in teacher.region_slices.values():
                for sign in (1, -1):
                    block = np.zeros(w.shape, bool)
                    block[rows, columns] = True
                    block = torch.as_tensor(block & others & (signs == sign))
                    values = w[block]
                    w[block] = values[torch.as_tensor(rng.permutation(len(values)))]
    given = {name: getattr(teacher, name).detach() for name in ("w_in", "b", "beta_logit")}
    return given | {"w": w}
