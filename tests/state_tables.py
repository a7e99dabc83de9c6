"""Tables of states as the workflow writes them, with numbers of chance, for the tests of figures."""

import numpy as np
import pandas as pd

KEYS = ["task", "model", "prior", "seed"]


def with_dynamics(summary, rng):
    """Dimension, speed and tangling for a table of networks."""
    n = len(summary)
    return summary.assign(
        participation_ratio=rng.uniform(2, 9, n), participation_ratio_corrected=rng.uniform(2, 9, n),
        n_units=64, n_components_90=8, n_conditions=4, speed=rng.uniform(2, 9, n),
        speed_before_response=rng.uniform(2, 9, n), state_rms=1.2, tangling=rng.uniform(500, 5000, n),
    )  # fmt: skip


def by_condition(paths, rng):
    """Mean paths of outcomes, and of conditions beside them."""
    outcomes = paths.assign(condition="all", not_available="", n_trials=20)
    parts = [outcomes]
    first = outcomes[outcomes["outcome"] == outcomes["outcome"].iloc[0]]
    for condition in ("all", "000-090 deg", "090-180 deg"):
        part = first.assign(condition=condition, outcome="all")
        part[["pc1", "pc2"]] = rng.normal(size=(len(part), 2))
        parts.append(part)
    return pd.concat(parts, ignore_index=True).assign(
        pc3=0.0, time_s=lambda t: 0.02 * t["step"], explained_pc1=0.5, explained_pc2=0.2, explained_pc3=0.1
    )


def dynamics_tables(summary, rng):
    """Fixed points, similarities and hidden states of the networks of a table."""
    networks = summary[KEYS]
    points = networks.merge(pd.DataFrame(dict(epoch=["fixation", "delay1", "response"])), how="cross")
    points = points.merge(pd.DataFrame(dict(point=[0.0, 1.0], kind=["stable", "saddle"])), how="cross")
    points[["pc1", "pc2"]] = rng.normal(size=(len(points), 2))
    points = points.assign(
        max_abs_eigenvalue=np.where(points["kind"] == "stable", 0.97, 1.02), n_unstable=0, speed=1e-9,
        distance=0.1, rate_agreement=0.98, n_found=2, n_starts=12, converged=1.0, not_available="",
    )  # fmt: skip
    gone = points["model"] == "tcn"
    points.loc[gone, ["point", "kind", "max_abs_eigenvalue", "pc1", "pc2"]] = np.nan
    points.loc[gone, "not_available"] = "because the model has no recurrent units with a state map"
    pairs = networks.merge(networks.add_prefix("other_"), how="cross").query("task == other_task")
    pairs = pairs.drop(columns="other_task").assign(
        kind="models", other_kind="network", dataset="", session=""
    )
    recorded = networks.assign(kind="recordings", other_kind="session", dataset="visual", session="s1")
    similar = pd.concat([pairs, recorded], ignore_index=True)
    similar = similar.assign(
        cka=rng.uniform(0, 1, len(similar)), null_mean=0.0, null_95=0.1, p=0.02, n=6, not_available=""
    )
    cells = networks.assign(benchmark="rules", unit=networks["task"], session="").drop(columns="task")
    session = dict(
        benchmark=["visual"], unit=["visual"], session=["s1"], model=["recording"], prior=[""], seed=[""]
    )
    cells = pd.concat([cells, pd.DataFrame(session)], ignore_index=True)
    steps = pd.DataFrame(dict(step=range(5), time_s=np.arange(5) * 0.08))
    hidden = cells.merge(pd.DataFrame(dict(outcome=["all", "correct", "error"])), how="cross").merge(
        steps.merge(pd.DataFrame(dict(state=[1.0, 2.0])), how="cross"), how="cross"
    )
    hidden = hidden.assign(occupancy=np.where(hidden["state"] == 1, 0.7, 0.3), n_trials=20, not_available="")
    moves = pd.DataFrame(
        dict(from_state=[1, 1, 2, 2], to_state=[1, 2, 1, 2], probability=[0.9, 0.1, 0.2, 0.8])
    )
    return {
        "x/states/fixed_points.csv": points,
        "x/states/similarity.csv": similar,
        "x/states/hidden_paths.csv": hidden,
        "x/states/hidden_transitions.csv": cells.merge(moves, how="cross").assign(not_available=""),
    }
