"""States of trained networks and of recordings: dimension, paths, fixed points, similarity, hidden states."""

import pandas as pd

from job import job

with job(snakemake):
    from digimus.analysis.states import networks as states
    from digimus.analysis.states import shared
    from digimus.analysis.states.hidden import HiddenSettings
    from digimus.analysis.states.hidden_tables import TABLES, network_hidden, session_hidden
    from digimus.seeding import stream
    from digimus.storage import write_table
    from digimus.training import load
    from state_inputs import sessions_of

    params = snakemake.params
    settings = HiddenSettings(**{**params.hidden, "n_states": tuple(params.hidden["n_states"])})
    tables = {"summary": [], "trajectories": [], "fixed_points": [], "similarity": []}
    tables |= {f"hidden_{name}": [] for name in TABLES}

    def keep_hidden(found):
        for name, table in found.items():
            tables[f"hidden_{name}"].append(table)

    systems = {}
    for path in snakemake.input.cells:
        for k, run in enumerate(states.runs_of(load(path), params.n_test)):
            names = run.key.values()
            tables["summary"].append(states.summary_table(run))
            if k == 0:
                tables["trajectories"].append(states.trajectory_table(run))
            rng = stream(params.seed, "fixed points", *names)
            tables["fixed_points"].append(states.fixed_point_table(run, params.n_starts, rng))
            keep_hidden(network_hidden(run, settings, stream(params.seed, "hidden states", *names)))
            kept = run.key, run.by_epoch[: params.n_trials], shared.network_conditions(run)
            systems.setdefault(run.key["task"], []).append(kept)
    recorded = {}
    for dataset, session in sessions_of(snakemake.input.sessions):
        rng = stream(params.seed, "hidden states", dataset, session.session_id)
        keep_hidden(session_hidden(dataset, session, settings, rng))
        recorded[dataset, session.session_id] = shared.session_conditions(session)
    for task, of_task in systems.items():
        keys, by_epoch, conditions = zip(*of_task, strict=True)
        rng = stream(params.seed, "similarity", task)
        tables["similarity"] += [
            shared.between_networks(keys, by_epoch, rng, params.n_shuffles),
            shared.with_recordings(keys, conditions, recorded, rng, params.n_shuffles),
        ]
    columns = {
        "summary": states.SUMMARY_COLUMNS,
        "trajectories": states.TRAJECTORY_COLUMNS,
        "fixed_points": states.FIXED_POINT_COLUMNS,
        "similarity": shared.COLUMNS,
        **{f"hidden_{name}": of_table for name, of_table in TABLES.items()},
    }
    for name, parts in tables.items():
        parts = [part for part in parts if len(part)]
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns[name])
        write_table(snakemake.output[name], table[list(columns[name])])
