# What a job asks of a cluster: memory and time, twice as much at every attempt. Local runs are not limited by them.
#
# Inputs:  the checked configuration, sizes of inputs that are there
# Outputs: none
#
# Least amounts are about twice what the largest run that was tried took (results/benchmarks/rules), and 300 MB for
# the two Snakemake processes that a job on a cluster runs in. Numbers for another cluster go to its profile:
#   set-resources: {train_task: {mem_mb: 8000, runtime: 2880}}

import math

# Networks x updates x units^2 x trials of a batch that one core trains in a minute, and the size below which an update
# gets no cheaper. Measured on one core of 2026 with the default: 3 networks of 64 units, 240 updates of 32 trials in
# 20 s; decoders see far fewer steps a trial, 60 networks of 128 units, 20 updates of 96 trials in 12 s.
TRAINED_A_MINUTE = {"rules": 3e8, "decoding": 5e9}
LEAST_UPDATE = 64**2 * 32
TIMES_SLOWER = 6  # a slower core, a slower model (LSTM 1.3, baselines more), a busy node


def memory(least_mb, of_input=0.0):
    """The memory of a job in MB: the least, and so much for each MB of input; twice as much at each attempt."""

    def mem_mb(wildcards, input, attempt):
        return math.ceil(least_mb + of_input * (input.size_mb if of_input else 0)) * 2 ** (attempt - 1)

    return mem_mb


def minutes(least, of_input=0.0):
    """The time of a job in minutes: the least, and so much for each MB of input; twice as much at each attempt."""

    def runtime(wildcards, input, attempt):
        return math.ceil(least + of_input * (input.size_mb if of_input else 0)) * 2 ** (attempt - 1)

    return runtime


def of_folder(least, of_folder, size):
    """The same for a rule whose inputs stand for the files of a folder, of which `size` gives the MB."""

    def wanted(wildcards, attempt):
        return math.ceil(least + of_folder * size(wildcards)) * 2 ** (attempt - 1)

    return wanted


def sizes_mb(folder, pattern):
    """Sizes of the files of a folder; one of none where it is still to be made."""
    return [path.stat().st_size / 1e6 for path in matching_files(folder, pattern, "pattern")] or [0.0]


def neurons_mb(wildcards):
    """The size of all files of a source of neurons."""
    source = SOURCES[wildcards.source]
    return sum(sizes_mb(source["folder"], source["pattern"]))


def session_sizes_mb(wildcards):
    """The sizes of a dataset's files."""
    dataset = DATASETS[wildcards.dataset]
    return sizes_mb(dataset["folder"], dataset.get("pattern", "**/*.nwb"))  # from an archive: all that came


def recordings_mb(wildcards):
    """The size of all files of a dataset."""
    return sum(session_sizes_mb(wildcards))


def largest_recording_mb(wildcards):
    """The size of a dataset's largest file."""
    return max(session_sizes_mb(wildcards))


def training_minutes(part, n_networks):
    """The time of a training job, as a function of wildcards: networks x updates x units² x trials of a batch."""
    settings = TRAINING[part]

    def runtime(wildcards, attempt):
        rates = settings["learning_rate"][wildcards.model]
        tried = len(rates) if isinstance(rates, list) else 0  # each on one network, before the others
        of_search = TRAINING.get("search", {}).get("n_updates", settings["n_updates"])
        own = MODELS[wildcards.model].get("n_units")
        n_units = own if isinstance(own, int) else settings["n_units"]
        size = max(LEAST_UPDATE, n_units**2 * settings["batch_size"])
        amount = size * (n_networks(wildcards) * settings["n_updates"] + tried * of_search)
        return (10 + math.ceil(TIMES_SLOWER * amount / TRAINED_A_MINUTE[part])) * 2 ** (attempt - 1)

    return runtime


def tasks_and_seeds(wildcards):
    """Networks of a job on rule tasks; one for all tasks takes as many updates as one for each."""
    n_tasks = len(tasks_of(wildcards.model)) if "task" not in wildcards.keys() else 1
    return n_tasks * len(TRAINING["seeds"])


def folds_and_seeds(wildcards):
    """Networks of a job that trains decoders: folds of every split and session, with every seed."""
    return (
        len(session_sizes_mb(wildcards))
        * len(DECODING["splits"])
        * DECODING["n_folds"]
        * len(TRAINING["seeds"])
    )


TRAINING_MB = 2000 if TRAINING["device"] == "cpu" else 6000  # CUDA takes its share of the node's memory too
RULE_MINUTES = training_minutes("rules", tasks_and_seeds)
DECODING_MINUTES = training_minutes("decoding", folds_and_seeds)
