# What a run fetches: listed at the end of a dry run, and after a run that failed what is still missing.
#
# Inputs:  the jobs of the run (workflow.dag), what the configuration asks for (ASKED), what lies in resources/
# Outputs: none

import atexit


def retrieves(dag):
    """Whether a plan holds jobs that fetch, whether or not they are still to run."""
    return any(job.rule.name.startswith("retrieve") for job in dag.jobs)


def print_missing(file):
    """After a run that failed: everything that is still to be fetched, in one list."""
    from digimus.retrieval.inventory import missing

    lines = missing(ASKED) if retrieves(workflow.dag) else []
    if lines:
        print(f"\nNot there yet, {len(lines)} in all:", *lines, sep="\n  ", file=file)
        print("Connect to the network and run again: what came is kept and used.\n", file=file)


def print_sizes():
    """At the end of a dry run: how much the configuration asks for, by what is known without the network."""
    from digimus.retrieval.inventory import described, inventory

    if workflow.dryrun and workflow.scheduler is not None and retrieves(workflow.dag):
        print(f"\n{described(inventory(ASKED))}\n")


# As with estimates: a dry run calls no hook at its end.
if workflow.is_main_process and workflow.output_settings.dryrun:
    atexit.register(print_sizes)
