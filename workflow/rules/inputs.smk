# The grid of cells, and which files a job needs where that depends on the configuration.
#
# Inputs:  the checked configuration (common.smk)
# Outputs: none

SIMULATION = CONFIG.get("simulation", {})
SIMULATED_FOLDER = SIMULATION.get("folder", "resources/simulated").rstrip("/")
PRIORS = CONFIG["priors"]
SIMULATED_PRIORS = [
    name
    for name in PRIORS
    if any(
        PRIORS[part].get("source") in SIMULATED_SOURCES
        for part in configuration.parts_of(name, PRIORS).values()
    )
]
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


def recordings_of_dataset(wildcards):
    """The NWB files of a dataset; for one simulated or from an archive, the table that is written last."""
    dataset = DATASETS[wildcards.dataset]
    if "dandi" in dataset:
        return f"{dataset['folder']}/manifest.csv"
    if wildcards.dataset in SIMULATED_DATASETS:
        return f"{SIMULATED_FOLDER}/recordings/{simulated_as(wildcards.dataset)}/truth.csv"
    where = f"recordings.datasets.{wildcards.dataset}.pattern"
    return [str(path) for path in recorded_files(dataset["folder"], dataset["pattern"], where)]


def truth_table(wildcards):
    """The known best accuracies of a simulated dataset, where its samples are those that they hold for."""
    name = wildcards.dataset
    if name not in SIMULATED_DATASETS or not truth_holds(simulated_as(name), preparation(name)):
        return []
    return f"{SIMULATED_FOLDER}/recordings/{simulated_as(name)}/truth.csv"


def kind_of(model):
    """The kind of a configured model; its name unless it says otherwise."""
    return MODELS[model].get("kind", model)


def cells(models, priors_of):
    """(model, prior) pairs: every model without a motif term, and DigiMus with each of its priors too."""
    plain = [(model, "none") for model in models]
    return plain + [(m, prior) for m in models if kind_of(m) == "digimus" for prior in priors_of(m)]


def tasks_of(model):
    """The rule tasks that a model is trained on."""
    return configuration.tasks_of(RULES, model)


def priors_of(model):
    """The priors that a DigiMus network is trained with on the rule tasks."""
    return configuration.priors_of(RULES, model)


def prior_parts(prior):
    """The configured priors that a prior is made of: those of its modules, or itself."""
    return [PRIORS[name] for name in configuration.parts_of(prior, PRIORS).values()]


def prior_tables(*priors):
    """The tables that priors are read from."""
    sources = {part["source"] for prior in priors for part in prior_parts(prior)}
    return [results(f"motifs/{source}/priors.csv") for source in sorted(sources)]


def prior_table(wildcards):
    """The tables that a cell's prior is read from; several where its modules' come from several sources."""
    return [] if wildcards.prior == "none" else prior_tables(wildcards.prior)


def participation_table(wildcards):
    """How the neurons of a prior's regions take part in motifs, for the loss that asks for it."""
    loss = TRAINING["motif_term"]["loss"]
    parts = [] if wildcards.prior == "none" else prior_parts(wildcards.prior)
    found = [
        results(f"motifs/{part['source']}/regions/{part['region']}.neurons.csv")
        for part in parts
        if part.get("loss", loss) == "participation"
    ]
    return list(dict.fromkeys(found))


def prior_settings(wildcards):
    """The configured prior of a cell, and the seed that the shuffled and the random kind depend on."""
    if wildcards.prior == "none":
        return None
    return {"name": wildcards.prior, "seed": CONFIG["seed"], **whole_prior(wildcards.prior)}


def whole_prior(name):
    """A configured prior; the priors of its modules stand in it as they are configured themselves."""
    prior = trained_prior(name)
    if prior["kind"] != "modules":
        return prior
    parts = {m: {"name": part, **trained_prior(part)} for m, part in prior["modules"].items()}
    return prior | {"modules": parts}


def trained_prior(name):
    """What training with a configured prior depends on; what it is compared with does not belong to that."""
    return {key: value for key, value in PRIORS[name].items() if key != "control_of"}


def motif_settings(wildcards):
    """The motif term, where the cell has one."""
    return None if wildcards.prior == "none" else TRAINING["motif_term"]


def model_settings(wildcards):
    """Kind and settings of a cell's model, with the paths of the files that mask and projections come from."""
    settings = {"kind": kind_of(wildcards.model), **MODELS[wildcards.model]}
    if isinstance(settings.get("projections"), dict):
        settings["projections"] = results(f"morphology/{settings['projections']['source']}/projections.csv")
    if isinstance(settings.get("mask"), dict):
        settings["mask"] = results("connectome/{source}/{region}.h5").format(**settings["mask"])
    return settings


def structure_files(wildcards):
    """The files that say how a cell's model is wired."""
    settings = model_settings(wildcards)
    return [settings[key] for key in ("mask", "projections") if isinstance(settings.get(key), str)]


def dose_cell(task, weight):
    """The cell of the dose-response with a weight of the motif term; two of them are in the grid anyway."""
    model, prior = DOSE["model"], DOSE["prior"]
    if weight in (0, DOSE["own"]):
        return f"training/rules/{task}/{model}/{prior if weight else 'none'}.h5"
    return f"training/dose/{task}/{model}/{prior}/{weight:g}.h5"


# YAML and JSON know true and false; "both" trains one network a task, and one network for all of them.
TOGETHER = RULES.get("together", False)
RULE_CELLS = [
    results(f"training/rules/{task}/{model}/{prior}.h5")
    for task in (RULES["tasks"] if TOGETHER is not True else [])
    for model, prior in cells(RULES["models"], priors_of)
    if task in tasks_of(model)
]
TOGETHER_CELLS = [
    results(f"training/together/{model}/{prior}.h5")
    for model, prior in (cells(RULES["models"], priors_of) if TOGETHER else [])
    if tasks_of(model)
]
DECODING_CELLS = [
    results(f"training/{dataset}/sessions/{model}/{prior}.h5")
    for dataset in DATASETS
    for model, prior in cells(DECODING["models"], lambda model: DATASETS[dataset]["priors"])
]
MODULAR_CELLS = [cell for cell in RULE_CELLS if len(MODELS[Path(cell).parent.name].get("regions", [])) > 1]
DOSE = configuration.dose_plan(CONFIG)
DOSE_CELLS = [
    (task, weight, results(dose_cell(task, weight))) for task in DOSE["tasks"] for weight in DOSE["weights"]
]
# Also those that single models have of their own.
RULE_PRIORS = list(
    dict.fromkeys(
        [*RULES["priors"], *(p for m in RULES["models"] if kind_of(m) == "digimus" for p in priors_of(m))]
    )
)

PERTURBATION = CONFIG["perturbation"]
TEACHER = PERTURBATION.get("teacher", {})


def teacher_parts():
    """The prior of each module of a teacher; none where not all have a graph, or the loss wants more than counts."""
    name = TEACHER.get("prior")
    if PRIORS.get(name, {}).get("kind") != "modules" or TRAINING["motif_term"]["loss"] == "participation":
        return {}
    parts = {m: PRIORS[part] for m, part in configuration.parts_of(name, PRIORS).items()}
    drawn = all(part["kind"] == "region" and part["source"] in SOURCES for part in parts.values())
    return parts if drawn and len(parts) > 1 else {}


TEACHER_PARTS = teacher_parts()

MAIN_FIGURES = ["atlas", "accuracy", "learning", "decoding", "retention", "states", "perturbation"]
SUPPLEMENT = [
    *("neurons", "graphs", "motifs", "profiles", "sensitivity", "tasks", "psychometric", "recordings"),
    *("timecourse", "modules", "dynamics", "claims"),
]
FIGURE_NUMBERS = {name: f"{k}" for k, name in enumerate(MAIN_FIGURES, start=1)} | {
    name: f"S{k}" for k, name in enumerate(SUPPLEMENT, start=1)
}


def tables_of(sources, *kinds):
    """Tables of every source, such as morphology/*/neurons."""
    return [results(kind.replace("*", source) + ".csv") for kind in kinds for source in sources]


FIGURE_INPUTS = {
    "atlas": [
        *tables_of(SOURCES, "morphology/*/neurons", "morphology/*/outlines"),
        *tables_of(SOURCES, "connectome/*/graphs", "connectome/*/distance"),
        *REGION_VIEWS,
        *tables_of(
            [*SOURCES, *GRAPHS],
            *(f"motifs/*/{kind}" for kind in ("profiles", "verdicts", "clusters", "linkage")),
        ),
        *tables_of(DATASETS, "recordings/*/sessions"),
        results("evaluation/models.csv"),
    ],
    "accuracy": [
        results("tasks/trials.csv"),
        *(
            results(f"evaluation/{table}.csv")
            for table in ("scores", "accuracy", "controls", "psychometrics")
        ),
    ],
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
    "learning": [results(f"evaluation/{table}.csv") for table in ("scores", "curves", "learning_rates")],
    "psychometric": [results("evaluation/psychometrics.csv"), results("evaluation/thresholds.csv")],
    "recordings": [
        *tables_of(DATASETS, "recordings/*/example", "recordings/*/sessions"),
        results("evaluation/decoded.csv"),
    ],
    "decoding": [
        results(f"evaluation/{table}.csv") for table in ("scores", "nulls", "decoding", "known_best")
    ],
    "timecourse": [
        results(f"evaluation/{table}.csv")
        for table in ("timecourse", "calibration", "regions", "regions_compared", "nulls")
    ],
    "retention": [
        results(f"retention/{table}.csv")
        for table in ("profiles", "scores", "comparisons", "sensitivity", "dose", "carriers")
    ],
    "modules": [
        *(results(f"retention/{table}.csv") for table in ("profiles", "scores", "modules", "weights")),
        results("evaluation/scores.csv"),
    ],
    "states": [
        results(f"states/{table}.csv") for table in ("errors", "error_model", "distances", "trajectories")
    ],
    "dynamics": [
        results(f"states/{table}.csv")
        for table in (
            *("summary", "trajectories", "fixed_points", "similarity", "hidden_paths", "hidden_transitions"),
        )
    ],
    "perturbation": [
        *(
            results(f"perturbation/{table}.csv")
            for table in ("effects", "slopes", "teacher", "teacher_scores")
        ),
        results("claims.csv"),
    ],
    "claims": [results("claims.csv")],
}
# A figure of what the configuration does not have, such as networks of several modules, is not drawn.
if not MODULAR_CELLS:
    del FIGURE_INPUTS["modules"]
DRAWN = [name for name in FIGURE_NUMBERS if name in CONFIG["figures"] and name in FIGURE_INPUTS]
FIGURES = [
    results(f"figures/fig{FIGURE_NUMBERS[name]}_{name}.{suffix}")
    for name in DRAWN
    for suffix in ("pdf", "png", "csv")
]

TEMPLATES = Path("src/digimus/figures/templates")
GRAPH_KINDS = (
    dict.fromkeys(SOURCES, "neurons") | dict.fromkeys(TABLES, "table") | dict.fromkeys(GRAPHS, "graph")
)


def page_parts(name):
    """Template, style and scripts of a page."""
    found = [*(ROOT / TEMPLATES).glob(f"{name}*"), ROOT / TEMPLATES / "page.css"]
    return sorted(str(path.relative_to(ROOT)) for path in found)
