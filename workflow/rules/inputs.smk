# The grid of cells, and which files a job needs where that depends on the configuration.
#
# Inputs:  the checked configuration (common.smk)
# Outputs: none

SIMULATION = CONFIG.get("simulation", {})
SIMULATED_FOLDER = SIMULATION.get("folder", "resources/simulated").rstrip("/")
PRIORS = CONFIG["priors"]
MODELS = CONFIG["models"]
TRAINING = CONFIG["training"]
RULES = TRAINING["rules"]
DECODING = TRAINING["decoding"]
TORCH_ENVIRONMENT = f"../../envs/torch-{'cpu' if TRAINING['device'] == 'cpu' else 'cuda'}.yaml"


def neuron_tables(wildcards):
    """The tables that say which neuron lies where; for simulated neurons the index is written last."""
    source = SOURCES[wildcards.source]
    keys = ("index", "annotation", "structure_tree", "soma_table")
    return [source[key] for key in keys if key in source]


def every_region(path):
    """A path for every region of every source of neurons."""
    return [
        results(path.format(source=name, region=region))
        for name, source in SOURCES.items()
        for region in source["regions"]
    ]


REGION_VIEWS = every_region("connectome/{source}/views/{region}.csv")


def graph_input(wildcards):
    """What the graphs of a source are made from."""
    name = "points" if CONFIG["connectome"].get("rule") == "contact" else "arbors"
    return results(f"morphology/{wildcards.source}/{name}.h5")


def region_graphs(wildcards):
    """The graphs of all regions of a source."""
    regions = SOURCES[wildcards.source]["regions"]
    return expand(results("connectome/{source}/{region}.h5"), source=wildcards.source, region=regions)


def region_tables(kind):
    """The tables of all regions of a source, as an input function."""

    def tables(wildcards):
        return expand(
            results("motifs/{source}/regions/{region}.{kind}.csv"),
            source=wildcards.source,
            region=(
                SOURCES[wildcards.source]["regions"] if wildcards.source in SOURCES else [wildcards.source]
            ),
            kind=kind,
        )

    return tables


def graphs_table(wildcards):
    """The table of a source's graphs; a graph that was handed in has one of its own."""
    source = wildcards.source
    name = f"connectome/{source}/graphs" if source in SOURCES else f"motifs/{source}/regions/{source}.graph"
    return results(f"{name}.csv")


def recorded_files(wildcards):
    """The NWB files of a dataset; for a simulated one, the table that is written last."""
    dataset = DATASETS[wildcards.dataset]
    if wildcards.dataset in SIMULATED_DATASETS:
        return f"{SIMULATED_FOLDER}/recordings/{wildcards.dataset}/truth.csv"
    where = f"recordings.datasets.{wildcards.dataset}.pattern"
    return [str(path) for path in matching_files(dataset["folder"], dataset["pattern"], where)]


def truth_table(wildcards):
    """The known best accuracies of a simulated dataset."""
    if wildcards.dataset not in SIMULATED_DATASETS:
        return []
    return f"{SIMULATED_FOLDER}/recordings/{wildcards.dataset}/truth.csv"


def kind_of(model):
    """The kind of a configured model; its name unless it says otherwise."""
    return MODELS[model].get("kind", model)


def cells(models, priors):
    """(model, prior) pairs: every model without a motif term, and DigiMus with each prior too."""
    plain = [(model, "none") for model in models]
    return plain + [(m, prior) for m in models if kind_of(m) == "digimus" for prior in priors]


def prior_table(wildcards):
    """The table that a cell's prior is read from."""
    if wildcards.prior == "none":
        return []
    return results(f"motifs/{PRIORS[wildcards.prior]['source']}/priors.csv")


def participation_table(wildcards):
    """How the neurons of a prior's region take part in motifs, for the loss that asks for it."""
    prior = PRIORS.get(wildcards.prior, {})
    if prior.get("loss", TRAINING["motif_term"]["loss"]) != "participation" or not prior:
        return []
    return results(f"motifs/{prior['source']}/regions/{prior['region']}.neurons.csv")


def prior_settings(wildcards):
    """The configured prior of a cell, and the seed that the shuffled and the random kind depend on."""
    if wildcards.prior == "none":
        return None
    return {"name": wildcards.prior, "seed": CONFIG["seed"], **PRIORS[wildcards.prior]}


def motif_settings(wildcards):
    """The motif term, where the cell has one."""
    return None if wildcards.prior == "none" else TRAINING["motif_term"]


def model_settings(wildcards):
    """Kind and settings of a cell's model."""
    return {"kind": kind_of(wildcards.model), **MODELS[wildcards.model]}


# YAML and JSON know true and false; "both" trains one network a task, and one network for all of them.
TOGETHER = RULES.get("together", False)
RULE_CELLS = [
    results(f"training/rules/{task}/{model}/{prior}.h5")
    for task in (RULES["tasks"] if TOGETHER is not True else [])
    for model, prior in cells(RULES["models"], RULES["priors"])
]
TOGETHER_CELLS = [
    results(f"training/together/{model}/{prior}.h5")
    for model, prior in (cells(RULES["models"], RULES["priors"]) if TOGETHER else [])
]
DECODING_CELLS = [
    results(f"training/{dataset}/sessions/{model}/{prior}.h5")
    for dataset in DATASETS
    for model, prior in cells(DECODING["models"], DATASETS[dataset]["priors"])
]
RETENTION_CELLS = [cell for cell in RULE_CELLS if kind_of(Path(cell).parent.name) == "digimus"]

FIGURE_NUMBERS = {
    name: number
    for number, name in enumerate(
        [
            "neurons",
            "graphs",
            "motifs",
            "profiles",
            "sensitivity",
            "tasks",
            "learning",
            "decoding",
            "retention",
            "states",
            "claims",
        ],
        start=1,
    )
}


def tables_of(sources, *kinds):
    """Tables of every source, such as morphology/*/neurons."""
    return [results(kind.replace("*", source) + ".csv") for kind in kinds for source in sources]


FIGURE_INPUTS = {
    "neurons": tables_of(
        SOURCES, *(f"morphology/*/{kind}" for kind in ("neurons", "quality", "checks", "projections"))
    ),
    "graphs": tables_of(
        SOURCES,
        *("connectome/*/graphs", "connectome/*/distance"),
        *("morphology/*/neurons", "morphology/*/outlines"),
    )
    + REGION_VIEWS,
    "motifs": tables_of(
        [*SOURCES, *GRAPHS],
        *(f"motifs/*/{kind}" for kind in ("profiles", "verdicts", "similarity", "clusters", "linkage")),
    )
    + [results("motifs/comparison.csv")],
    "profiles": tables_of([*SOURCES, *GRAPHS], "motifs/*/profiles", "motifs/*/verdicts"),
    "sensitivity": (
        tables_of(SOURCES, "motifs/*/sensitivity") if CONFIG["connectome"].get("rule") != "contact" else []
    ),
    "tasks": [results("tasks/trials.csv")],
    "learning": [results("evaluation/scores.csv"), results("evaluation/curves.csv")],
    "decoding": [results("evaluation/scores.csv"), results("evaluation/nulls.csv")],
    "retention": [results("retention/profiles.csv"), results("retention/scores.csv")],
    "states": [
        results("states/summary.csv"),
        results("states/trajectories.csv"),
        results("states/distances.csv"),
    ],
    "claims": [results("claims.csv")],
}
FIGURES = [
    results(f"figures/fig{FIGURE_NUMBERS[name]}_{name}.{suffix}")
    for name in CONFIG["figures"]
    for suffix in ("pdf", "png", "csv")
]
