"""No decoder sees what it must not: shuffled labels, planted leaks that must be found, and the splits."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from digimus.analysis.decoding.across_sessions import as_session, latents, predicted, trained_on_others
from digimus.analysis.decoding.decoders import CLASSIFIERS, REGRESSIONS, held_out
from digimus.analysis.decoding.leaks import check_causal, check_decoder
from digimus.analysis.decoding.nulls import LABELS, PSEUDO, null_labels, null_values, permutation_p, reached
from digimus.analysis.decoding.reference_tables import reference_tables
from digimus.errors import InputError
from digimus.models import MODELS, build
from digimus.recordings.prepared import Prepared
from digimus.recordings.splits import blocked, interleaved
from digimus.training import Decoding, FitSettings, fit

NETWORKS = ("digimus", "lstm", "gru", "tcn", "transformer", "lru")


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def a_session(
    seed=0, *, n_trials=48, per_trial=3, n_units=6, n_bins=4, strength=1.0, continuous=False, name="s"
):
    """Trials of several windows one after the other; counts that rise with the label, and a clock."""
    rng = np.random.default_rng(seed)
    n = n_trials * per_trial
    groups, place = np.divmod(np.arange(n), per_trial)
    start_s = 10.0 * groups + 0.4 * place
    labels = rng.normal(size=n) if continuous else rng.integers(0, 2, n)
    gain = rng.normal(0, 0.5, n_units) * strength
    signal = labels if continuous else labels - 0.5
    values = rng.poisson(np.exp(1 + signal[:, None, None] * gain), (n, n_bins, n_units)).astype(np.float32)
    return Prepared(
        values=values, labels=labels, classes=[] if continuous else ["no", "yes"], groups=groups,
        start_s=start_s, clock_s=0.4 * place + rng.uniform(0, 0.05, n), unit_regions=np.full(n_units, "A"),
        bin_ms=100.0, window_ms=(0.0, 400.0), session_id=name, animal="a", signal="spikes",
        n_trials=n_trials, n_trials_dropped=0, dropped={}, simulated=True,
        previous=np.where(place > 0, np.arange(n) - 1, -1),
    )  # fmt: skip


def folds_of(session, split="blocked", n_folds=4):
    if split == "blocked":
        return list(blocked(session.groups, session.start_s, n_folds, 1))
    return list(interleaved(session.groups, session.labels, n_folds, 1))


def plain(decoder):
    """A decoder of the registry as a function of a session and folds."""

    def decode(session, folds):
        features = decoder.features(session)
        return held_out(decoder, features, session.labels, folds, len(session.classes))

    return decode


def network(kind, n_updates=6):
    """A small network as the same function."""

    def decode(session, folds):
        found = np.full((session.n_samples, len(session.classes)), np.nan)
        for train, test in folds:
            problem = Decoding(
                session.values, session.labels, train, test, n_classes=len(session.classes), batch_size=32
            )
            widths = dict.fromkeys(["n_units", *getattr(MODELS[kind], "widths", ())], 8)
            model = build(kind, problem.n_inputs, problem.n_outputs, seed=1, **widths)
            fit(model, problem, FitSettings(n_updates, learning_rate=0.02, validate_every=n_updates), seed=1)
            found[test] = problem.held_out_probabilities(model)
        return found

    return decode


def across(decoder, others, folds_of_other=folds_of):
    """A decoder of other sessions, as the same function of the held-out one."""

    def decode(session, folds):
        seen = [as_session(other, latents(other, folds_of_other(other))) for other in others]
        own = latents(session, folds)
        return predicted(decoder, *trained_on_others(decoder, seen), session, own[None])[0]

    return decode


# Ours pass


@pytest.mark.parametrize("split", ["blocked", "interleaved"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_our_classifiers_pass_every_check(name, split):
    session = a_session()
    n_shuffles = 4 if name == "boosted" else 30
    report = check_decoder(
        plain(CLASSIFIERS[name]), session, folds_of(session, split), rng=np.random.default_rng(1),
        n_shuffles=n_shuffles,
    )  # fmt: skip
    assert report.passes, str(report)
    assert len(report.table) == 6 and report.failed == []


@pytest.mark.parametrize("name", REGRESSIONS)
def test_our_regressions_pass_every_check(name):
    session = a_session(continuous=True)
    report = check_decoder(
        plain(REGRESSIONS[name]), session, folds_of(session), rng=np.random.default_rng(1), n_shuffles=5
    )
    assert report.passes, str(report)


@pytest.mark.parametrize("name", ["logistic", "logistic-history"])
def test_decoders_of_other_sessions_pass_every_check(name):
    session, *others = [a_session(seed, name=f"s{seed}") for seed in range(3)]
    decode = across(CLASSIFIERS[name], others)
    report = check_decoder(decode, session, folds_of(session), rng=np.random.default_rng(1), n_shuffles=5)
    assert report.passes, str(report)
    # What they say rests on the other sessions, too.
    taught = across(CLASSIFIERS[name], [replace(other, labels=1 - other.labels) for other in others])
    with_others = decode(session, folds_of(session))
    assert not np.allclose(with_others, taught(session, folds_of(session)))


@pytest.mark.parametrize("kind", NETWORKS)
def test_our_networks_pass_every_check(kind):
    session = a_session(n_trials=30)
    decode, rng = network(kind), np.random.default_rng(1)
    report = check_decoder(decode, session, folds_of(session, n_folds=2), rng=rng, n_shuffles=6)
    assert report.passes, str(report)


@pytest.mark.parametrize("name", ["logistic", "logistic-history", "lstm"])
def test_what_passes_does_decode_what_there_is(name):
    session = a_session(strength=2.0, n_trials=30)
    decode = network(name, 40) if name == "lstm" else plain(CLASSIFIERS[name])
    folds = folds_of(session)
    assert reached(session.labels, decode(session, folds), folds, 2) > 0.7


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_say_nothing_after_a_bin_that_rests_on_a_later_one(kind):
    session = a_session(n_trials=12)
    train = np.arange(session.n_samples)
    test = train + len(train)

    def run(values):
        both = np.concatenate([session.values, values])
        problem = Decoding(both, np.tile(session.labels, 2), train, test, n_classes=2, batch_size=32)
        widths = dict.fromkeys(["n_units", *getattr(MODELS[kind], "widths", ())], 8)
        model = build(kind, problem.n_inputs, problem.n_outputs, seed=1, **widths)
        fit(model, problem, FitSettings(3, learning_rate=0.02, validate_every=3), seed=1)
        return problem.running(model)

    assert check_causal(run, session.values, rng=np.random.default_rng(2)) is None


def test_answers_that_look_ahead_are_found_with_the_bin():
    values = np.random.default_rng(0).normal(size=(5, 6, 3))
    rng = np.random.default_rng(1)
    assert check_causal(lambda v: v.cumsum(1), values, rng=rng) is None

    def peeks(v):
        found = v.cumsum(1)
        found[:, 3] += v[:, 4]
        return found

    assert check_causal(peeks, values, rng=rng) == 3
    assert check_causal(lambda v: v - v.mean((0, 1)), values, rng=rng) == 0


# Leaks are found


def fitted(features, labels, folds, n_classes=2):
    found = np.full((len(labels), n_classes), np.nan)
    for train, test in folds:
        model = LogisticRegression(C=0.1).fit(features[train], labels[train])
        found[test] = model.predict_proba(features[test])
    return found


def sums(session):
    return np.sqrt(session.values.sum(1))


def honest(session, folds):
    """What the leaky ones below are made from."""
    return fitted(sums(session), session.labels, folds)


def label_after_the_window(session, folds):
    """The sample's own label gets into its activity, as when bins after the event are taken along."""
    return fitted(np.column_stack([sums(session), 3 * session.labels]), session.labels, folds)


def next_window(session, folds):
    """The following window's activity, which is not there yet."""
    x = sums(session)
    following = np.append(np.arange(1, len(x)), 0)
    return fitted(np.column_stack([x, x[following]]), session.labels, folds)


def next_label(session, folds):
    """The label of the window before, which within a test block is one to be predicted."""
    before = np.append(session.labels[0], session.labels[:-1])
    return fitted(np.column_stack([sums(session), before]), session.labels, folds)


def test_block_normalised_by_itself(session, folds):
    """Test samples are centred together."""
    x, found = sums(session), np.full((session.n_samples, 2), np.nan)
    for train, test in folds:
        scaled = x.copy()
        scaled[test] -= x[test].mean(0) - x[train].mean(0)
        found[test] = fitted(scaled, session.labels, [(train, test)])[test]
    return found


test_block_normalised_by_itself.__test__ = False


def normalised_over_all(session, folds):
    """Mean and spread of all samples, test and gap included."""
    x = sums(session)
    return fitted((x - x.mean(0)) / x.std(0), session.labels, folds)


def units_chosen_by_all_labels(session, folds):
    """The units that tell the labels apart best, test labels included."""
    x = sums(session)
    noise = np.random.default_rng(0).normal(size=(len(x), 400))
    x = np.column_stack([x, noise])
    told = np.abs((x - x.mean(0)).T @ (session.labels - session.labels.mean()))
    return fitted(x[:, np.argsort(told)[-10:]], session.labels, folds)


def trained_on_the_gap(session, folds):
    """Everything that is not held out is trained on."""
    everything = np.arange(session.n_samples)
    return fitted(
        sums(session), session.labels, [(np.setdiff1d(everything, test), test) for _, test in folds]
    )


def trained_on_everything(session, folds):
    """Test samples are trained on."""
    return fitted(sums(session), session.labels, [(np.arange(session.n_samples), test) for _, test in folds])


def another_seed_each_time(session, folds):
    """Not a leak, but nothing can be said of it."""
    return honest(session, folds) + np.random.default_rng().normal(size=(session.n_samples, 2))


@pytest.mark.parametrize(
    ("decode", "found"),
    [
        (honest, set()),
        (label_after_the_window, {"test labels", "shuffled labels"}),
        (next_window, {"other test samples"}),
        (next_label, {"test labels"}),
        (test_block_normalised_by_itself, {"other test samples"}),
        (normalised_over_all, {"other test samples", "gap"}),
        (units_chosen_by_all_labels, {"test labels", "shuffled labels"}),
        (trained_on_the_gap, {"gap"}),
        (trained_on_everything, {"test labels", "other test samples", "gap", "shuffled labels"}),
        (another_seed_each_time, {"repeatable"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_leak_is_found_by_its_name(decode, found):
    session = a_session(n_units=6)
    report = check_decoder(decode, session, folds_of(session), rng=np.random.default_rng(3), n_shuffles=20)
    assert found <= set(report.failed), str(report)
    assert report.passes == (not found) and ("LEAK" in str(report)) == bool(found)


def test_a_trial_on_both_sides_of_a_fold_is_found():
    session = a_session()
    by_sample = np.array_split(np.random.default_rng(0).permutation(session.n_samples), 4)
    folds = [(np.concatenate(by_sample[:k] + by_sample[k + 1 :]), by_sample[k]) for k in range(4)]
    report = check_decoder(honest, session, folds, rng=np.random.default_rng(0), n_shuffles=2)
    assert "trials" in report.failed
    train, test = folds_of(session)[0]
    twice = check_decoder(honest, session, [(train, test)] * 2, rng=np.random.default_rng(0), n_shuffles=2)
    assert twice.failed == ["trials"]


def test_an_array_that_lies_otherwise_in_memory_is_not_taken_for_a_leak():
    session = a_session()
    turned = replace(session, values=np.asfortranarray(session.values))

    def knows_its_place(session, folds):
        return honest(session, folds) + 0.1 * session.values.flags.f_contiguous

    report = check_decoder(
        knows_its_place, turned, folds_of(session), rng=np.random.default_rng(0), n_shuffles=2
    )
    assert report.passes, str(report)


def test_predictions_of_another_shape_are_refused():
    session = a_session()
    with pytest.raises(InputError, match="another shape"):
        check_decoder(lambda s, f: s.labels, session, folds_of(session), rng=np.random.default_rng(0))


def test_leaks_of_continuous_targets_are_found():
    session = a_session(continuous=True)

    def peeking(session, folds):
        features = np.column_stack([sums(session), session.labels])
        return held_out(REGRESSIONS["ridge"], features, session.labels, folds, 0)

    report = check_decoder(peeking, session, folds_of(session), rng=np.random.default_rng(0), n_shuffles=3)
    assert {"test labels", "shuffled labels"} <= set(report.failed)


# Chance, where the labels are shuffled


@pytest.mark.parametrize("split", ["blocked", "interleaved"])
@pytest.mark.parametrize("name", ["logistic", "logistic-history", "clock"])
def test_shuffled_labels_give_chance_neither_more_nor_less(name, split):
    decoder, values = CLASSIFIERS[name], []
    for seed in range(20):
        session = a_session(seed, n_trials=60)
        rng = np.random.default_rng(100 + seed)
        shuffled = replace(session, labels=rng.permutation(session.labels))
        folds = folds_of(shuffled, split)
        values.append(reached(shuffled.labels, plain(decoder)(shuffled, folds), folds, 2))
    # 20 sessions of 180 samples: a standard error of .0083, and training without the test samples, which
    # leaves more of the other class for the test, costs a little.
    assert 0.5 - 5 * 0.0083 < np.mean(values) < 0.5 + 3 * 0.0083


# Splits


@pytest.mark.parametrize("seed", range(25))
def test_no_trial_is_in_two_folds_and_the_gap_is_kept(seed):
    rng = np.random.default_rng(seed)
    n_trials, n_folds, gap = int(rng.integers(12, 60)), int(rng.integers(2, 6)), int(rng.integers(0, 3))
    names = rng.permutation(1000)[:n_trials]  # rows of trials need not be in the order of time
    sizes = rng.integers(1, 6, n_trials)
    groups = np.repeat(names, sizes)
    start_s = np.repeat(np.cumsum(rng.uniform(1, 3, n_trials)), sizes) + rng.uniform(0, 0.9, len(groups))
    order = rng.permutation(len(groups))
    groups, start_s = groups[order], start_s[order]
    first_s = {name: start_s[groups == name].min() for name in names}
    rank = {name: k for k, name in enumerate(sorted(names, key=first_s.get))}
    place = np.array([rank[name] for name in groups])
    labels = rng.integers(0, 2, len(groups))
    for folds, least in (
        (list(blocked(groups, start_s, n_folds, gap)), gap),
        (list(interleaved(groups, labels, n_folds, seed)), 0),
    ):
        assert len(folds) == n_folds
        assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(len(groups)))
        for train, test in folds:
            distance = np.abs(place[train][:, None] - np.unique(place[test])).min(1)
            assert distance.min() > least
            if least:  # and no more is left out than the gap
                left_out = np.setdiff1d(np.arange(len(groups)), np.concatenate([train, test]))
                assert all(np.abs(place[k] - np.unique(place[test])).min() <= least for k in left_out)


# The two nulls, where labels and activity both drift


def drifting(seed, *, n_trials=100, stays=0.92, slow=0.92, n_units=5):
    """Labels that come in blocks and activity that drifts, without any relation."""
    rng = np.random.default_rng(seed)
    session = a_session(seed, n_trials=n_trials, per_trial=1, n_units=n_units, n_bins=1)
    labels = np.cumsum(rng.random(n_trials) > stays) % 2
    drift = np.zeros((n_trials, n_units))
    for k in range(1, n_trials):
        drift[k] = slow * drift[k - 1] + rng.normal(0, np.sqrt(1 - slow**2), n_units)
    values = (drift + 0.3 * rng.normal(size=drift.shape))[:, None, :].astype(np.float32)
    return replace(session, values=values, labels=labels, signal="fluorescence")


def rejections(kind, n_sessions=60, n_draws=19, **how):
    """In how many unrelated sessions the decoder beats every draw of a null; one in twenty by chance.

    Folds are drawn without regard to the labels, so that they suit a draw as well as the session.
    """
    decoder, n_rejected = CLASSIFIERS["logistic"], 0
    for seed in range(n_sessions):
        session = drifting(seed, **how)
        folds = list(interleaved(session.groups, np.zeros(session.n_samples, int), 3, seed))
        features = decoder.features(session)
        draws = null_labels(kind, session, decoder.exchanged, n_draws, np.random.default_rng(1000 + seed))
        value = reached(session.labels, held_out(decoder, features, session.labels, folds, 2), folds, 2)
        n_rejected += permutation_p(value, null_values(decoder, features, draws, folds, 2)) <= 0.05
    return n_rejected


def test_shuffles_mistake_drift_for_decoding_and_pseudo_sessions_do_not():
    assert rejections(LABELS) >= 20
    assert rejections(PSEUDO) <= 9  # of 60, 3 by chance; more than 9 in one of 1000


def test_without_drift_both_nulls_keep_their_level():
    for kind in (LABELS, PSEUDO):
        assert rejections(kind, stays=0.5, slow=0.0) <= 9


def test_pseudo_sessions_still_find_what_is_there():
    found = 0
    for seed in range(20):
        session = drifting(seed)
        values = session.values + 1.5 * (session.labels - 0.5)[:, None, None].astype(np.float32)
        session = replace(session, values=values)
        folds = folds_of(session)
        decoder = CLASSIFIERS["logistic"]
        draws = null_labels(PSEUDO, session, decoder.exchanged, 39, np.random.default_rng(seed))
        features = decoder.features(session)
        value = reached(session.labels, plain(decoder)(session, folds), folds, 2)
        found += permutation_p(value, null_values(decoder, features, draws, folds, 2)) <= 0.05
    assert found >= 12


# What the tables of the reference decoders are made from


def marked(n_trials=24):
    """A session whose every sample can be told from its features, whichever bins are summed."""
    session = a_session(n_trials=n_trials, per_trial=2, n_units=6, n_bins=4)
    values = np.ones_like(session.values)
    values[:, :, ::2] = np.arange(session.n_samples)[:, None, None] + 2
    return replace(session, values=values, signal="fluorescence", clock_s=None)


def test_scores_nulls_time_regions_and_answers_are_fitted_without_held_out_trials(monkeypatch):
    session, calls = marked(), []
    gap, n_folds = 2, 4

    def spy(train_x, train_y, test_x, n_classes):
        train, test = (np.round(x.max(1) / x.min(1)).astype(int) - 2 for x in (train_x, test_x))
        distance = np.abs(session.groups[train][:, None] - session.groups[np.unique(test)]).min()
        of_train = np.atleast_2d(train_y)
        calls.append((distance, of_train.shape == (len(of_train), len(train))))
        return np.full((*np.shape(train_y)[:-1], len(test), n_classes), 1 / n_classes)

    for name in set(CLASSIFIERS) - {"logistic"}:
        monkeypatch.delitem(CLASSIFIERS, name)
    monkeypatch.setitem(CLASSIFIERS, "logistic", replace(CLASSIFIERS["logistic"], predict=spy))
    about = pd.DataFrame([dict(session="s", animal="a", regions="A:6", n_units=6)])
    tables = reference_tables(
        [session], lambda s: {"blocked": list(blocked(s.groups, s.start_s, n_folds, gap))}, benchmark="b",
        about=about, truth={}, n_permutations=3, regions=dict(n_units=4, n_draws=2), seed=1, shown=(0, 1),
    )  # fmt: skip
    # Scores, two nulls, four times of the window, two draws of a region, and the answers after four bins.
    assert len(calls) == n_folds * (1 + 2 + 4 + 2 + 4)
    assert min(distance for distance, _ in calls) == gap + 1 and all(fits for _, fits in calls)
    assert all(len(tables[name]) for name in ("scores", "nulls", "timecourse", "regions", "decoded"))
