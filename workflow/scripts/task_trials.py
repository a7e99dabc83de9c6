"""One example trial of every configured task, as a tidy table."""

import numpy as np
import pandas as pd

from job import job

COLUMNS = ("task", "family", "signal", "step", "channel", "value", "response_step")

with job(snakemake):
    from digimus.seeding import stream
    from digimus.storage import write_table
    from digimus.tasks import TASKS, make_batch

    tables = []
    for task in snakemake.params.tasks:
        batch = make_batch(task, 1, stream(snakemake.params.seed, "example trial", task))
        signals = {"input": batch.inputs, "target": batch.targets, "mask": batch.mask}
        for signal, values in signals.items():
            values = values[0].numpy()
            step, channel = np.indices(values.shape)
            tables.append(
                pd.DataFrame(
                    {
                        "task": task,
                        "family": TASKS[task].family,
                        "signal": signal,
                        "step": step.ravel(),
                        "channel": channel.ravel(),
                        "value": values.ravel(),
                        "response_step": batch.epochs["response"][0],
                    }
                )
            )
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    write_table(snakemake.output.trials, table)
