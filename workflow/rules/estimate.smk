# What training will cost: printed at the end of a dry run and at the start of a run, where it is much.
#
# Inputs:  the jobs that are to run (workflow.dag), the checked configuration
# Outputs: none; how fast this machine is stays in .snakemake/digimus-timings.json

import atexit
import json
import subprocess

# Networks x updates x units^2 x trials of a batch above which an estimate is worth its seconds. Of the order
# of an hour of one core; the default configuration has a tenth of it.
MUCH_TRAINING = 3e10
LONGEST_ESTIMATE_S = 300  # it takes a tenth of this, unless the machine is overloaded


def training_jobs():
    """(task or together, model, prior) of the jobs to run that train on rule tasks, and how many train decoders."""
    jobs = [(job.rule.name, job.wildcards) for job in workflow.dag.needrun_jobs(exclude_finished=False)]
    alone = [(w.task, w.model, w.prior) for rule, w in jobs if rule in ("train_task", "train_dose")]
    together = [("together", w.model, w.prior) for rule, w in jobs if rule == "train_together"]
    return alone + together, sum(rule == "train_decoders" for rule, _ in jobs)


def amount_of(cells):
    """Networks x updates x units^2 x trials of a batch, without the attempts of learning rates."""
    n_tasks = sum(len(tasks_of(model)) if unit == "together" else 1 for unit, model, _ in cells)
    size = RULES["n_updates"] * RULES["n_units"] ** 2 * RULES["batch_size"]
    return n_tasks * len(TRAINING["seeds"]) * size


def estimate_of(cells, n_decoding, n_cores):
    """The estimate as text, made by another process: parsing imports no torch, and a failure stops nothing."""
    plan = {
        "configuration": CONFIG,
        "cells": cells,
        "n_decoding": n_decoding,
        "code": code(*TRAINING_CODE, "tasks"),
        "kept": ".snakemake/digimus-timings.json",
    }
    command = [sys.executable, "-m", "digimus.training", "--estimate", "--planned"]
    command += ["--cores", str(n_cores)] if n_cores else []
    try:
        done = subprocess.run(
            command,
            input=json.dumps(plan),
            capture_output=True,
            text=True,
            timeout=LONGEST_ESTIMATE_S,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"What training will cost is not known: {error}"
    if done.returncode:
        reason = done.stderr.strip().splitlines() or ["no reason given"]
        return f"What training will cost is not known: {reason[-1]}"
    return done.stdout.rstrip()


def print_estimate(n_cores, file):
    """Say what the planned training will cost, where it is much."""
    cells, n_decoding = training_jobs()
    if amount_of(cells) > MUCH_TRAINING:
        print("\nTiming the models, to say what training will cost ...", file=file, flush=True)
        print(f"\n{estimate_of(cells, n_decoding, n_cores)}\n", file=file, flush=True)


def at_once():
    """How many jobs may run at once: jobs of a cluster, which may be unlimited, or cores of this machine."""
    given = workflow.resource_settings
    if given.nodes is None:
        return given.cores
    return min(given.nodes, sum(1 for _ in workflow.dag.needrun_jobs(exclude_finished=False)))


def after_dry_run():
    """Print the estimate after the plan; nothing where no plan was made, as with --summary or after an error."""
    if workflow.dryrun and workflow.scheduler is not None:
        n = at_once() or 1
        # Without --cores Snakemake plans with one core, and nobody asked for that.
        print_estimate(n if n > 1 else None, sys.stdout)


# A dry run calls no hook at its end.
if workflow.is_main_process and workflow.output_settings.dryrun:
    atexit.register(after_dry_run)
