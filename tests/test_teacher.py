"""Simulated teachers and students: what is imposed on them, and scores with known answers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from digimus.analysis.perturbation.teacher import (
    CHANGE_COLUMNS,
    SCORE_COLUMNS,
    SHUFFLED_WIRING,
    WIRING,
    answer_strength,
    changes_of,
    perturbations,
    score,
    teacher_tables,
)
from digimus.analysis.perturbation.teacher_networks import (
    Imitation,
    Settings,
    behaviour_match,
    build_network,
    draw_wiring,
    given_weights,
)
from digimus.motifs import MOTIFS, Prior
from digimus.seeding import stream
from digimus.tasks import make_batch

SETTINGS = Settings(
    task="go", n_units=24, n_teachers=1, excitatory_share=0.75, density=0.3, projection=0.5,
    learning_rate=0.02, n_updates=60, n_student_updates=150, batch_size=8, n_batches=16,
    epochs=("response",), doses=(-1.0, 2.0), n_trials=32,
    motif_term=dict(loss="enrichment", weight=1e-3, density=0.3, reciprocity_weight=1.0, every=5),
)  # fmt: skip
MODULES = ("first", "second")


@pytest.fixture(scope="module")
def graphs():
    rng = np.random.default_rng(5)
    return {name: rng.uniform(0, 0.6, (30, 30)) * (1 - np.eye(30)) for name in MODULES}


@pytest.fixture(scope="module")
def teacher(graphs):
    return build_network(MODULES, SETTINGS, 3, "teacher", draw_wiring(graphs, SETTINGS, 3)).eval()


def test_a_teacher_has_its_wiring_and_no_inhibition_between_modules(graphs, teacher):
    wiring = draw_wiring(graphs, SETTINGS, 3)
    weight = teacher.recurrent_weight.detach().numpy()
    assert (weight[wiring == 0] == 0).all()
    signs = np.sign(weight).sum(0)
    assert ((weight >= 0).all(0) | (weight <= 0).all(0)).all()  # each unit has one sign
    for part in (slice(0, 12), slice(12, 24)):
        assert (signs[part] < 0).sum() == 3 and (signs[part] > 0).sum() == 9
    across = np.concatenate([weight[:12, 12:].ravel(), weight[12:, :12].ravel()])
    assert (across >= 0).all() and (across > 0).any()
    within = wiring[:12, :12][~np.eye(12, dtype=bool)].mean()
    assert within == pytest.approx(SETTINGS.density, abs=0.12)


def test_given_weights_are_the_teachers_or_the_same_numbers_elsewhere(teacher):
    own, shuffled = given_weights(teacher), given_weights(teacher, stream(1, "shuffled"))
    student = build_network(MODULES, SETTINGS, 3, "student")
    for parts, same in ((own, True), (shuffled, False)):
        with torch.no_grad():
            for name, values in parts.items():
                getattr(student, name).copy_(values)
            weight, expected = student.recurrent_weight, teacher.recurrent_weight
        assert torch.equal(weight, expected) == same
        torch.testing.assert_close(weight.sum(), expected.sum())
        torch.testing.assert_close(
            weight[:12, 12:].flatten().sort()[0], expected[:12, 12:].flatten().sort()[0]
        )
        assert torch.equal(torch.sign(weight.sum(0)), torch.sign(expected.sum(0)))
    assert not (shuffled["w"].diagonal() != own["w"].diagonal()).any()


def test_a_copy_of_the_teacher_foretells_it_wholly(teacher):
    batches = [make_batch("go", 16, stream(k, "teacher")) for k in range(2)]
    problem = Imitation(teacher, batches, batches)
    assert behaviour_match(teacher, problem) == pytest.approx(1)
    _, changes = changes_of(teacher, MODULES, batches, SETTINGS)
    found = score(changes["change"], changes["change"])
    assert found["correlation"] == pytest.approx(1) and found["rmse"] == 0
    assert found["n_perturbations"] == len(changes) == 10
    with torch.no_grad():
        assert float(problem.loss(teacher(batches[0].inputs), problem.batches[0])) < 1e-10


def test_all_perturbations_are_of_modules_and_classes(teacher):
    found = perturbations(teacher, MODULES, SETTINGS)
    silenced = {target: acts["silenced"] for kind, target, _, acts in found if kind == "silence"}
    assert [int(silenced[name].sum()) for name in MODULES] == [12, 12]
    assert not (silenced["first"] & silenced["second"]).any()
    pushes = {(target, dose): acts["push"] for kind, target, dose, acts in found if kind != "silence"}
    inhibitory = pushes["inhibitory", 2.0] != 0
    assert (teacher.signs.numpy()[inhibitory] < 0).all() and inhibitory.sum() == 6
    assert set(pushes["first", -1.0]) == {0.0, -teacher.threshold}


def test_the_strength_of_an_answer_is_one_for_the_target_and_none_for_silence():
    batch = make_batch("go", 16, stream(2, "strength"))
    right = torch.logit(batch.targets)
    assert answer_strength([right], [batch]) == pytest.approx(1, abs=1e-5)
    assert answer_strength([torch.full_like(right, -20.0)], [batch]) == pytest.approx(0, abs=1e-5)
    opposite = replace(batch, answer_rad=batch.answer_rad + np.pi)
    wrong = answer_strength([right], [replace(opposite, targets=batch.targets.roll(16, 2))])
    assert wrong < -0.5


def test_scores_by_hand():
    found = score([0.0, -0.1, -0.2, np.nan], [0.0, -0.2, -0.4, 1.0])
    assert found["correlation"] == pytest.approx(1) and found["n_perturbations"] == 3
    assert found["rmse"] == pytest.approx(np.sqrt((0.01 + 0.04) / 3))
    flat = score([0.0, 0.0, 0.0], [0.1, 0.2, 0.3])
    assert np.isnan(flat["correlation"]) and flat["not_available"].endswith("what the teacher does")
    assert score([0.1], [0.1])["not_available"].startswith("because there are fewer")


def prior_of(name, shift):
    enrichment = np.roll(np.linspace(-0.5, 1, len(MOTIFS)), shift)
    return Prior(
        name=name, source="made", region=name, kind="region", enrichment=enrichment,
        weight=np.ones(len(MOTIFS)), frequency=np.full(len(MOTIFS), 1 / len(MOTIFS)), reciprocity=0.4,
        density=0.3, n_neurons=30,
    )  # fmt: skip


def test_the_teachers_own_wiring_is_an_upper_bound(graphs):
    """The positive control: what is known of the wiring foretells perturbations, and is lost by shuffling."""
    settings = replace(SETTINGS, epochs=("stimulus", "delay", "response"))
    priors = {name: prior_of(name, k) for k, name in enumerate(MODULES)}
    parts = [teacher_tables(number, graphs, priors, "planted", settings, seed=1) for number in (0, 2)]
    changes, scores = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    assert tuple(changes.columns) == CHANGE_COLUMNS and tuple(scores.columns) == SCORE_COLUMNS
    mean = scores.groupby("prior")[["correlation", "rmse", "motif_distance"]].mean()
    assert mean.loc[WIRING, "correlation"] > 0.9
    assert mean.loc[WIRING, "correlation"] > mean.loc[SHUFFLED_WIRING, "correlation"]
    assert mean.loc[WIRING, "rmse"] < mean.loc[["none", SHUFFLED_WIRING], "rmse"].min()
    assert mean.loc["planted", "motif_distance"] < mean.loc["none", "motif_distance"]
    nowhere = changes[changes["epoch"].eq("delay")]
    assert (
        nowhere["student_change"].isna().all()
        and nowhere["not_available"].str.contains("no such epoch").all()
    )
    again = teacher_tables(0, graphs, priors, "planted", settings, seed=1)
    pd.testing.assert_frame_equal(again[1], parts[0][1])


def test_without_modules_or_learning_there_is_a_reason(graphs):
    priors = {name: prior_of(name, 0) for name in MODULES}
    one = {"first": graphs["first"]}
    for tables in (
        teacher_tables(1, one, priors, "planted", SETTINGS, seed=1),
        teacher_tables(1, graphs, priors, "planted", replace(SETTINGS, task="dlyanti", n_updates=1), seed=1),
    ):
        for table in tables:
            assert len(table) == 1 and table["not_available"].str.startswith("because").all()
