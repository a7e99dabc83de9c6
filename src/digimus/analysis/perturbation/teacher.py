"""Which student foretells what a perturbation does to its teacher: one with the right prior, or without?

A teacher is a spiking network of several modules whose edges are drawn from simulated regions' graphs, whose
units excite or inhibit, and whose inhibition stays within its module. It learns a rule task with that wiring
imposed. Students see the teacher's outputs alone; they share its modules and classes of units, but not its
edges. All are then perturbed alike, and a student's score is how well the changes of its answers follow
the teacher's. The question is that of optogenetic tests of recurrent networks; the design is ours.
"""

import numpy as np
import pandas as pd
import torch

from digimus import tasks
from digimus.analysis.perturbation.interventions import Intervention, runner
from digimus.analysis.perturbation.networks import accuracy, epoch_steps
from digimus.analysis.perturbation.teacher_networks import (
    Imitation,
    behaviour_match,
    build_network,
    draw_wiring,
    given_weights,
)
from digimus.analysis.retention.profiles import distance_to_prior, weight_profile
from digimus.models import MotifTerm, RegionTerms
from digimus.models.structure import region_slices
from digimus.seeding import number, stream
from digimus.tasks.trials import PREFERRED_RAD, RING
from digimus.training import FitSettings, RuleTask
from digimus.training.engine import fit

CHANGE_COLUMNS = (
    "teacher", "prior", "role", "seed", "kind", "target", "epoch", "dose", "teacher_change", "student_change",
    "not_available",
)  # fmt: skip
SCORE_COLUMNS = (
    "teacher", "prior", "role", "seed", "n_perturbations", "correlation", "rmse", "behaviour_match",
    "teacher_accuracy", "student_accuracy", "motif_distance", "not_available",
)  # fmt: skip
EXCHANGED = "exchanged"
"""The students whose modules get each other's priors."""
WIRING, SHUFFLED_WIRING = "own wiring", "shuffled wiring"
"""Students that are given all but the teacher's readout, the second with recurrent weights dealt anew."""
NO_TEACHER = "because no teacher is configured"
FEW_MODULES = "because the prior is not one of two modules or more with graphs, or its loss is participation"
N_HELD_OUT = 2
FEWEST_CHANGES = 3


def perturbations(network, modules, settings):
    """What is done to a teacher and to its students: (kind, target, dose, what of `Intervention`).

    Each module is silenced, and driven at every dose; so are the excitatory and the inhibitory units of the
    whole network.

    Parameters
    ----------
    network : digimus.models.DigiMus
    modules : sequence of str
    settings : Settings
    """
    n_units = len(network.signs)
    groups = {}
    for name, part in region_slices(list(modules), n_units).items():
        groups["module", name] = np.isin(np.arange(n_units), np.arange(part.start, part.stop))
    for name, sign in (("excitatory", 1), ("inhibitory", -1)):
        groups["class", name] = (network.signs * sign > 0).numpy()
    found = []
    for (kind, target), members in groups.items():
        if kind == "module":
            found.append(("silence", target, 1.0, dict(silenced=members)))
        for dose in settings.doses:
            found.append((kind, target, dose, dict(push=dose * network.threshold * members)))
    return found


def answer_strength(outputs, batches):
    """How strongly a network answers rightly, graded: ours.

    Of every trial the ring's vector along the right answer, less its rest, as a share of that of the target;
    the mean over the scored steps of the response and over trials. 1 is the target itself, 0 no answer.

    Parameters
    ----------
    outputs : sequence of torch.Tensor, shape (batch, time, 33)
        Raw readouts, one for each batch.
    batches : sequence of digimus.tasks.Batch
        Of a task that always wants an answer.
    """
    strengths = []
    for raw, batch in zip(outputs, batches, strict=True):
        scored = batch.mask[0, :, RING.start].clone() > 0
        scored[: batch.epochs["response"][0]] = False
        along = torch.cos(torch.as_tensor(PREFERRED_RAD, dtype=raw.dtype) - batch.answer_rad[:, None])
        found = (torch.sigmoid(raw[:, scored, RING]) * along[:, None]).sum(-1).mean(1)
        strengths.append(float((found / (batch.targets[:, -1, RING] * along).sum(-1)).mean()))
    return float(np.mean(strengths))


def changes_of(network, modules, batches, settings):
    """How strongly a network answers, and how every perturbation changes that in every epoch.

    Parameters
    ----------
    network : digimus.models.DigiMus
    modules : sequence of str
    batches : sequence of digimus.tasks.Batch
    settings : Settings

    Returns
    -------
    (float, pandas.DataFrame)
        Accuracy without a perturbation; columns kind, target, epoch, dose, change (of `answer_strength`; nan
        where the task has no such epoch).
    """
    runs = [runner(network, batch.inputs) for batch in batches]
    with torch.no_grad():
        plain = [network(batch.inputs) for batch in batches]
    baseline = answer_strength(plain, batches)
    rows = []
    for epoch in settings.epochs:
        steps = [epoch_steps(batch, epoch) for batch in batches]
        for kind, target, dose, acts in perturbations(network, modules, settings):
            change = np.nan
            if all(lasts is not None for lasts in steps):
                raw = [run(Intervention(lasts, **acts)) for run, lasts in zip(runs, steps, strict=True)]
                change = answer_strength(raw, batches) - baseline
            rows.append(dict(kind=kind, target=target, epoch=epoch, dose=dose, change=change))
    return accuracy(plain, batches), pd.DataFrame(rows)


def score(teacher, student):
    """How well a student's changes follow its teacher's.

    Parameters
    ----------
    teacher, student : array, shape (perturbations,)
        Changes of behaviour; those that are nan do not count.

    Returns
    -------
    dict
        n_perturbations, correlation (Pearson; nan where either does not vary), rmse, not_available.
    """
    teacher, student = np.asarray(teacher, float), np.asarray(student, float)
    known = np.isfinite(teacher) & np.isfinite(student)
    teacher, student = teacher[known], student[known]
    found = dict(n_perturbations=len(teacher), correlation=np.nan, rmse=np.nan, not_available="")
    if len(teacher) < FEWEST_CHANGES:
        return found | dict(not_available=f"because there are fewer than {FEWEST_CHANGES} perturbations")
    found["rmse"] = float(np.sqrt(np.mean((student - teacher) ** 2)))
    for name, values in (("teacher", teacher), ("student", student)):
        if not np.ptp(values) > 0:
            return found | dict(not_available=f"because no perturbation changes what the {name} does")
    return found | dict(correlation=float(np.corrcoef(teacher, student)[0, 1]))


def teacher_tables(number_of, graphs, priors, name, settings, seed):
    """A teacher, its students, and what the same perturbations do to all of them.

    Parameters
    ----------
    number_of : int
        Which teacher; its wiring, weights and trials depend on it.
    graphs : dict of str to array or sparse matrix
        By module, see `draw_wiring`.
    priors : dict of str to digimus.motifs.Prior
        By module, of the regions that the wiring is drawn from.
    name : str
        Of the prior in the configuration.
    settings : Settings
    seed : int

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        `CHANGE_COLUMNS` and `SCORE_COLUMNS`. The role of a student: none, prior, control, or bound for those
        that are given weights. Without a teacher that does its task better than chance, and with fewer than
        two modules, there are no numbers but a reason.
    """
    if len(graphs) < 2:
        return missing_tables(number_of, name, seed, FEW_MODULES)
    own_seed = number(seed, "teacher", number_of)
    modules = list(graphs)
    wiring = draw_wiring(graphs, settings, own_seed)
    teacher, test = _taught(modules, wiring, settings, own_seed)
    shown, held_out = _trials(settings, own_seed)
    problem = Imitation(teacher, shown, held_out)
    teacher_accuracy, expected = changes_of(teacher, modules, test, settings)
    if teacher_accuracy <= tasks.TASKS[settings.task].chance:
        return missing_tables(number_of, name, seed, f"because the teacher did not learn {settings.task}")
    others = dict(zip(modules, [*list(priors.values())[1:], next(iter(priors.values()))], strict=True))
    changes, scores = [], []
    students = (
        ("none", "none", {}),
        (name, "prior", dict(priors=priors)),
        (EXCHANGED, "control", dict(priors=others)),
        (WIRING, "bound", dict(weights=given_weights(teacher))),
        (SHUFFLED_WIRING, "bound", dict(weights=given_weights(teacher, stream(own_seed, SHUFFLED_WIRING)))),
    )
    for student_name, role, part in students:
        student = _student(modules, problem, settings, own_seed, **part)
        student_accuracy, found = changes_of(student, modules, test, settings)
        key = dict(teacher=number_of, prior=student_name, role=role, seed=seed)
        table = expected.rename(columns={"change": "teacher_change"}).assign(**key)
        no_epoch = f"because {settings.task} has no such epoch"
        table["not_available"] = np.where(table["teacher_change"].isna(), no_epoch, "")
        changes.append(table.assign(student_change=found["change"]))
        scores.append(
            key
            | score(expected["change"], found["change"])
            | dict(
                behaviour_match=behaviour_match(student, problem),
                teacher_accuracy=teacher_accuracy,
                student_accuracy=student_accuracy,
                motif_distance=_motif_distance(student, priors, settings.density),
            )
        )
    changes = pd.concat(changes, ignore_index=True).reindex(columns=CHANGE_COLUMNS)
    return changes, pd.DataFrame(scores).reindex(columns=SCORE_COLUMNS)


def missing_tables(number_of, name, seed, reason):
    """The tables of a teacher without numbers: a row in each, with the reason.

    Parameters
    ----------
    number_of : int
    name : str
        Of the prior.
    seed : int
    reason : str
        Beginning with "because".
    """
    row = dict(teacher=number_of, prior=name, role="prior", seed=seed, not_available=reason)
    return tuple(pd.DataFrame([row]).reindex(columns=columns) for columns in (CHANGE_COLUMNS, SCORE_COLUMNS))


def _taught(modules, wiring, settings, seed):
    """A teacher that has learnt its task with its wiring imposed, and trials to test it on."""
    problem = RuleTask(
        settings.task, batch_size=settings.batch_size, n_validation=4, n_test=settings.n_trials
    )
    teacher = build_network(modules, settings, seed, "teacher", wiring)
    fit(teacher, problem, _fit_settings(settings, settings.n_updates), seed=seed % 2**31)
    return teacher.eval(), problem.test


def _trials(settings, seed):
    """Batches that students are shown, and some that they are not."""
    made = [
        tasks.make_batch(settings.task, settings.batch_size, stream(seed, "imitation", k))
        for k in range(settings.n_batches + N_HELD_OUT)
    ]
    return made[N_HELD_OUT:], made[:N_HELD_OUT]


def _fit_settings(settings, n_updates):
    return FitSettings(
        n_updates=n_updates, learning_rate=settings.learning_rate, schedule="cosine", validate_every=n_updates
    )


def _student(modules, problem, settings, seed, priors=None, weights=None):
    """A student trained on its teacher's outputs, towards priors or with all but the readout given."""
    student = build_network(modules, settings, seed, "student")
    n_updates, term = settings.n_student_updates, None
    if weights is not None:
        for parameter, given in weights.items():
            getattr(student, parameter).requires_grad_(False)[:] = given
        torch.nn.init.zeros_(student.readout.weight)  # what the teacher's outputs do not show stays out of it
    if priors is not None:
        made = {
            module: MotifTerm(prior, n_updates=n_updates, **settings.motif_term)
            for module, prior in priors.items()
        }
        term = RegionTerms(made, student.region_slices)
    fit(student, problem, _fit_settings(settings, n_updates), seed=seed % 2**31, motif_term=term)
    return student.eval()


@torch.no_grad()
def _motif_distance(network, priors, density):
    """Mean over modules of the distance of a network's motifs to those of its module's region."""
    distances = []
    for module, prior in priors.items():
        profile, _ = weight_profile(network.region_weight(module).numpy(), density)
        distances.append(distance_to_prior(profile, prior))
    return float(np.mean(distances))
