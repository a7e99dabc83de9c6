"""Analyses of states on data whose answer is known: science.md 6, one check after the other."""

from itertools import permutations

import numpy as np
import pytest
import torch

from digimus.analysis.states.dimension import (
    corrected_participation_ratio,
    n_components_for,
    participation_ratio,
    unbiased_traces,
)
from digimus.analysis.states.fixed_points import fixed_points
from digimus.analysis.states.geometry import principal_plane, speed, tangling
from digimus.analysis.states.hidden import HiddenSettings, HiddenStates, hidden_states
from digimus.analysis.states.maps import RateMap, spiking_rates, state_map_of
from digimus.analysis.states.similarity import centred_gram, cka, cka_between, shuffled_cka
from digimus.models import build

DT_S = 0.02


@pytest.fixture
def rng():
    return np.random.default_rng(6)


# Participation ratio


def test_the_participation_ratio_of_a_sphere_is_its_dimension(rng):
    assert participation_ratio(rng.normal(size=(50_000, 20))) == pytest.approx(20, rel=0.01)


@pytest.mark.parametrize("n_samples", [15, 30, 60])
def test_the_correction_holds_with_as_few_samples_as_dimensions(rng, n_samples):
    draws = [rng.normal(size=(n_samples, 30)) for _ in range(200)]
    plain = np.mean([participation_ratio(x) for x in draws])
    corrected = np.median([corrected_participation_ratio(x) for x in draws])
    assert plain < 0.7 * 30
    assert corrected == pytest.approx(30, rel=0.04)


def test_the_correction_holds_for_unequal_variances_and_heavy_tails(rng):
    sds = 0.8 ** np.arange(25)
    truth = np.sum(sds**2) ** 2 / np.sum(sds**4)
    draws = [rng.laplace(size=(40, 25)) * sds for _ in range(400)]
    squared, of_square = np.mean([unbiased_traces(x) for x in draws], axis=0)
    assert squared / of_square == pytest.approx(truth, rel=0.03)


def test_the_closed_form_is_the_average_over_four_different_samples(rng):
    x = rng.normal(size=(6, 3)) ** 3
    squared, of_square = [], []
    for i, j, k, m in permutations(range(len(x)), 4):
        first, second = x[i] - x[j], x[k] - x[m]
        squared.append(first @ first * (second @ second) / 4)
        of_square.append((first @ second) ** 2 / 4)
    assert unbiased_traces(x) == pytest.approx((np.mean(squared), np.mean(of_square)))


def test_three_samples_or_none_that_vary_have_no_corrected_ratio(rng):
    assert np.isnan(corrected_participation_ratio(rng.normal(size=(3, 5))))
    assert np.isnan(corrected_participation_ratio(np.ones((10, 5))))


def test_components_are_counted_until_their_share_is_reached(rng):
    x = rng.normal(size=(4, 6)) * [[3], [2], [1], [0.5]]
    values = np.linalg.svd(x - x.mean(0), compute_uv=False) ** 2
    shares = np.cumsum(values) / values.sum()
    assert n_components_for(x, shares[1]) == 2 and n_components_for(x, shares[1] + 0.01) == 3
    assert n_components_for(np.ones((5, 3))) == 0


# Paths


def circle(n_steps=200, turns=1, radius=3.0):
    angle = 2 * np.pi * turns * np.arange(n_steps) / n_steps
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)[None]


def test_the_speed_of_a_uniform_rotation_is_angular_speed_by_radius():
    along = speed(circle(2000), DT_S)
    assert along == pytest.approx(np.full((1, 1999), 2 * np.pi / (2000 * DT_S) * 3), rel=1e-5)


def test_a_circle_is_tangled_as_its_formula_says_and_an_eight_far_more():
    angular = 2 * np.pi / (400 * DT_S)
    inner = tangling(circle(400), DT_S)[0, 20:-20]
    # Opposite points: (2 R w)^2 / ((2 R)^2 + 0.1 R^2).
    assert inner == pytest.approx(np.full(360, angular**2 * 4 / 4.1), rel=0.01)
    phase = 2 * np.pi * np.arange(400) / 400
    eight = np.stack([np.sin(phase), np.sin(2 * phase) / 2], axis=1)[None]
    assert tangling(eight, DT_S).max() > 10 * inner.max()


def test_tangling_does_not_depend_on_rotation_or_scale_and_needs_motion(rng):
    eight = np.stack([np.sin(circle()[0, :, 0]), circle()[0, :, 1]], axis=1)[None]
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    placed = np.pad(eight, ((0, 0), (0, 0), (0, 3))) @ turn * 7 + 2
    assert tangling(placed, DT_S) == pytest.approx(tangling(eight, DT_S), rel=1e-6)
    assert np.isnan(tangling(np.ones((2, 9, 3)), DT_S)).all()


def test_the_plane_is_that_of_the_data_with_settled_signs(rng):
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    x = rng.normal(size=(500, 6)) * [5, 2, 0.1, 0.1, 0.1, 0.1] @ turn.T
    plane = principal_plane(x, 2)
    assert np.abs(plane.axes @ turn[:, :2]) == pytest.approx(np.eye(2), abs=0.05)
    mirrored = principal_plane(np.concatenate([x, -x]), 2)
    again = principal_plane(-np.concatenate([x, -x])[::-1], 2)
    assert mirrored.axes == pytest.approx(again.axes)
    assert (mirrored.axes[np.arange(2), np.abs(mirrored.axes).argmax(1)] > 0).all()
    assert plane.explained.sum() == pytest.approx(plane.project(x).var(0).sum() / x.var(0).sum())


# CKA


def test_cka_is_invariant_to_rotation_shift_and_scale_and_one_with_itself(rng):
    x, y = rng.normal(size=(40, 12)), rng.normal(size=(40, 7))
    y[:, :3] += x[:, :3]
    turn = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    assert cka(x, x) == pytest.approx(1)
    assert cka(x, 3 * x @ turn + 5) == pytest.approx(1)
    assert cka(3 * x @ turn + 5, y) == pytest.approx(cka(x, y))
    assert cka(x, y) == pytest.approx(cka(y, x))
    assert cka(x * np.linspace(0.1, 3, 12), x) < 0.99


def test_products_of_centred_grams_are_the_unbiased_hsic_of_song(rng):
    x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
    n, k, m = 9, x @ x.T, y @ y.T
    np.fill_diagonal(k, 0), np.fill_diagonal(m, 0)
    expected = np.trace(k @ m) + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * (k @ m).sum() / (n - 2)
    assert np.sum(centred_gram(x) * centred_gram(y)) == pytest.approx(expected)


def test_cka_of_unrelated_systems_is_zero_even_with_few_trials_and_many_units(rng):
    values = [cka(rng.normal(size=(12, 200)), rng.normal(size=(12, 300))) for _ in range(300)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values)) + 0.005


def test_cka_with_few_units_of_noise_does_not_depend_on_the_number_of_trials(rng):
    def mean(n):
        shared = [rng.normal(size=(n, 3)) for _ in range(150)]
        mixed = [(z @ rng.normal(size=(3, 40)), z @ rng.normal(size=(3, 40))) for z in shared]
        return np.mean([cka(x, y) for x, y in mixed])

    assert mean(15) == pytest.approx(mean(120), abs=0.06)


def test_cka_of_states_that_do_not_vary_is_not_a_number(rng):
    found = cka_between([rng.normal(size=(9, 3)), np.ones((9, 3))], [rng.normal(size=(9, 4))])
    assert np.isfinite(found[0, 0]) and np.isnan(found[1, 0])


def test_shuffled_rows_give_the_null_of_unrelated_ones(rng):
    x = rng.normal(size=(30, 5))
    null = shuffled_cka([x], [x + 0.1 * rng.normal(size=x.shape)], rng, 300)[:, 0, 0]
    assert abs(null.mean()) < 0.03 and (null < 0.5).all()
    assert null.std() == pytest.approx(
        np.std([cka(x, rng.normal(size=x.shape)) for _ in range(300)]), rel=0.3
    )


# Fixed points


def linear(matrix, drive):
    return RateMap(matrix, drive, 0.0, lambda u: (u, np.ones_like(u)))


def test_a_linear_map_has_one_fixed_point_with_its_matrix_as_jacobian(rng):
    matrix, drive = rng.normal(size=(8, 8)) / 3, rng.normal(size=8)
    found = fixed_points(linear(matrix, drive), rng.normal(size=(10, 8)) * 5)
    assert len(found.points) == 1 and found.n_converged == 10
    assert found.points[0] == pytest.approx(np.linalg.solve(np.eye(8) - matrix, drive))
    assert linear(matrix, drive).jacobian(found.points)[0] == pytest.approx(matrix)
    assert np.sort_complex(found.eigenvalues[0]) == pytest.approx(np.sort_complex(np.linalg.eigvals(matrix)))


@pytest.mark.parametrize(
    ("eigenvalues", "kind"), [((0.5, -0.9), "stable"), ((0.5, 1.2), "saddle"), ((-1.1, 2), "unstable")]
)
def test_the_eigenvalues_tell_what_kind_a_fixed_point_is(eigenvalues, kind):
    found = fixed_points(linear(np.diag(eigenvalues), np.ones(2)), np.zeros((1, 2)))
    assert found.kinds.tolist() == [kind]


def test_a_bistable_unit_has_two_stable_fixed_points_and_a_saddle_between(rng):
    def rates(u):
        return np.tanh(u), 1 / np.cosh(u) ** 2

    two = RateMap(np.array([[2.0]]), np.zeros(1), 0.5, rates)
    found = fixed_points(two, rng.uniform(-3, 3, (30, 1)))
    order = np.argsort(found.points[:, 0])
    assert found.points[order, 0] == pytest.approx([-1.91501, 0, 1.91501], abs=1e-5)
    assert found.kinds[order].tolist() == ["stable", "unstable", "stable"]


def test_a_map_without_fixed_points_has_none():
    found = fixed_points(linear(np.eye(1), np.ones(1)), np.zeros((3, 1)))
    assert found.points.shape == (0, 1) and found.n_converged == 0 and found.kinds.shape == (0,)


def test_expected_spikes_are_those_of_a_unit_that_is_run():
    decay, threshold, current = 0.9, 0.5, np.array([0.52, 0.7, 1.5, 6.0, 0.3])
    exact = spiking_rates(np.full(5, decay), threshold, np.full(5, 1e-6))(current)[0]
    v, spiked, count = np.zeros(5), np.zeros(5), np.zeros(5)
    for _ in range(6000):
        v = decay * v * (1 - spiked) + (1 - decay) * current
        spiked = (v >= threshold).astype(float)
        count += spiked
    assert exact == pytest.approx(count / 6000, abs=2e-4)


def test_the_derivative_of_expected_spikes_is_that_of_their_curve():
    rates = spiking_rates(np.array([0.9, 0.96]), 0.5, np.array([0.05, 0.1]))
    u, step = np.array([[0.6, 0.45], [1.4, 0.8]]), 1e-6
    slope = (rates(u + step)[0] - rates(u - step)[0]) / (2 * step)
    assert rates(u)[1] == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize(("kind", "n_units"), [("leaky", 7), ("gru", 6), ("lstm", 5)])
def test_state_maps_of_rate_networks_are_exact(rng, kind, n_units):
    network = build(kind, 4, 2, n_units=n_units, seed=3).eval()
    inputs = rng.normal(size=4)
    with torch.no_grad():
        states = (
            network.run(torch.tensor(inputs, dtype=torch.float32).expand(5, 12, 4))[1].numpy().astype(float)
        )
    state_map, reason = state_map_of(network, inputs, None)
    assert reason == ""
    history = torch.tensor(inputs, dtype=torch.float32).expand(5, 11, 4)
    start = state_map.starts(states[:, 10], history)
    ahead = state_map.step(start)
    # The leaky network's map is of its argument of f, whose rates its state follows.
    expected = states[:, 11]
    reached = ahead if kind != "leaky" else 0.8 * states[:, 10] + 0.2 * state_map.units(start)
    assert (reached[:, :n_units]) == pytest.approx(expected, abs=1e-5)
    moved = np.stack(
        [
            (state_map.step(start[0] + e) - state_map.step(start[0] - e)) / 2e-6
            for e in 1e-6 * np.eye(start.shape[1])
        ]
    )
    assert state_map.jacobian(start)[0] == pytest.approx(moved.T, abs=1e-6)


def test_the_rate_map_foretells_the_rates_of_a_spiking_network(rng):
    network = build("digimus", 3, 2, n_units=80, seed=4, gain=0.5).eval()
    inputs = np.array([1.0, 0.0, 0.5])
    with torch.no_grad():
        shown = torch.tensor(inputs, dtype=torch.float32).expand(1, 3000, 3)
        observed = network.spikes(shown)[500:].mean((0, 1)).numpy().astype(float)
    state_map, _ = state_map_of(network, inputs, observed)
    found = fixed_points(state_map, state_map.starts(observed[None], None))
    assert len(found.points) == 1
    assert np.corrcoef(state_map.units(found.points[0]), observed)[0, 1] > 0.95


@pytest.mark.parametrize(
    ("kind", "settings", "why"),
    [
        ("alif", {}, "adapts"),
        ("digimus", {"reset": "soft"}, "soft"),
        ("digimus", {"delay_steps": 3}, "delays"),
        ("tcn", {}, "no recurrent units"),
    ],
)
def test_a_network_without_a_map_says_why(kind, settings, why):
    state_map, reason = state_map_of(build(kind, 3, 2, seed=1, **settings), np.zeros(3), np.zeros(3))
    assert state_map is None and reason.startswith("because") and why in reason


# Hidden states


SETTINGS = HiddenSettings(n_states=(3,), n_components=3, n_trials=48, n_restarts=3, bin_ms=80)


def three_states(rng, n_trials=40, n_steps=60, n_units=12):
    transitions = np.array([[0.9, 0.08, 0.02], [0.03, 0.92, 0.05], [0.06, 0.02, 0.92]])
    means = rng.normal(size=(3, n_units)) * 2
    states = np.zeros((n_trials, n_steps), int)
    for t in range(1, n_steps):
        states[:, t] = [rng.choice(3, p=transitions[k]) for k in states[:, t - 1]]
    return states, means[states] + rng.normal(size=(n_trials, n_steps, n_units)), transitions


def test_three_hidden_states_are_recovered(rng):
    states, activity, transitions = three_states(rng)
    found, reason = hidden_states(activity, SETTINGS, rng)
    assert reason == ""
    names = max(permutations(range(3)), key=lambda p: np.mean(np.array(p)[found.paths] == states))
    assert np.mean(np.array(names)[found.paths] == states) > 0.95
    order = np.argsort(names)
    assert found.transitions[np.ix_(order, order)] == pytest.approx(transitions, abs=0.05)
    when = [np.mean(np.nonzero(found.paths == k)[1]) for k in range(3)]
    assert when == sorted(when)


def test_the_number_of_states_is_that_with_the_likeliest_held_out_trials(rng):
    _, activity, _ = three_states(rng)
    several = HiddenSettings(n_states=(1, 2, 3), n_components=3, n_trials=48, n_restarts=2, bin_ms=80)
    assert hidden_states(activity, several, rng)[0].n_states == 3


def test_hidden_states_are_the_same_again(rng):
    _, activity, _ = three_states(rng, 16, 30)
    first, again = (hidden_states(activity, SETTINGS, np.random.default_rng(3))[0] for _ in range(2))
    assert np.array_equal(first.paths, again.paths)
    assert first.log_likelihood_held_out == again.log_likelihood_held_out


def test_dwell_is_the_mean_length_of_stays():
    found = HiddenStates(np.array([[0, 0, 1, 0], [1, 1, 1, 1]]), np.eye(3), 0.0)
    assert found.mean_dwell()[:2] == pytest.approx([1.5, 2.5]) and np.isnan(found.mean_dwell()[2])


def test_hidden_states_that_cannot_be_learnt_say_why(rng, monkeypatch):
    few = rng.normal(size=(7, 20, 4))
    assert "fewer than 8 trials" in hidden_states(few, SETTINGS, rng)[1]
    assert "single time bin" in hidden_states(rng.normal(size=(20, 1, 4)), SETTINGS, rng)[1]
    assert "does not vary" in hidden_states(np.ones((20, 9, 4)), SETTINGS, rng)[1]
    monkeypatch.setattr("digimus.analysis.states.hidden.MOST_ITERATIONS", 2)
    found, reason = hidden_states(rng.normal(size=(20, 30, 6)), SETTINGS, rng)
    assert found is None and "did not converge" in reason
