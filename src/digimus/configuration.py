"""The configuration, checked before anything runs.

Every complaint is one `InputError` that names the key, what was found, what was expected and a hint.
"""

import math
import re
from pathlib import Path

from jsonschema import Draft202012Validator

from digimus import registries
from digimus.configuration_files import read_configuration
from digimus.dataset_mappings import with_likes
from digimus.errors import InputError
from digimus.prior_roles import is_control
from digimus.suggest import did_you_mean

LEAST_UNITS = 3
"""Units of a module that has a prior of its own: a triad's."""
PROJECT = (
    *(
        "benchmarks",
        "config",
        "docs",
        "envs",
        "examples",
        "profiles",
        "resources",
        "src",
        "tests",
        "workflow",
    ),
    *("Makefile", "README.md", "Snakefile", "pyproject.toml"),
)
"""What lies in the project's folder and is nothing to write to, beside all that begins with a dot."""
LARGEST_NUMBER = 2**63 - 1
"""Above it a whole number is none of a machine."""
_KINDS = {
    "object": "a mapping of keys to values",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}


def checked(configuration, schema):
    """The configuration without removed entries, once it satisfies the schema and makes sense.

    Parameters
    ----------
    configuration : dict
        Default and overlays merged; entries set to null are removed, and datasets that are ``like`` another
        one written out.
    schema : dict
        JSON schema (draft 2020-12); where it says ``registry``, the names are those of `digimus.registries`.

    Returns
    -------
    dict

    Raises
    ------
    InputError
    """
    configuration = without_null(with_likes(configuration))
    schema = registries.filled(schema)
    _check_finite(configuration)
    errors = list(Draft202012Validator(schema).iter_errors(configuration))
    if errors:
        # The deepest complaint is about the value itself, not about the mapping around it.
        raise _schema_error(max(errors, key=lambda error: len(error.absolute_path)), schema)
    for name, source in configuration["morphology"]["sources"].items():
        if "retrieve" in source:
            _fill_fetched(name, source)
    _check_sense(configuration)
    for dataset in configuration["recordings"]["datasets"].values():
        if "dandi" in dataset:
            dataset["folder"] = archive_folder(dataset)
    return configuration


def check_place(folder, where, root, own=()):
    """Refuse to write into a folder that belongs to the project itself, or that holds it.

    Links are followed: one that leads out of the project is the user's own, as to a larger disk.

    Parameters
    ----------
    folder : str
        Relative to the project, as the schema has it.
    where : str
        Its key.
    root : str or Path
        The project.
    own : sequence of str
        Folders of the project that may be written to all the same.

    Raises
    ------
    InputError
    """
    root = Path(root).resolve()
    place = (root / folder).resolve()
    within = place.parts[len(root.parts) :] if place.is_relative_to(root) else None
    first = within[0] if within else ""
    kept = first not in own and (first.startswith(".") or first in PROJECT)
    if root.is_relative_to(place) or kept:
        raise InputError(
            "Results would be written over the project itself.",
            where=where,
            expected="a folder below results/, or one that the project does not have",
            got=folder if first == folder.split("/")[0] else f"{folder}, which leads to {place}",
            hint="For example results/mine; simulated data go below resources/.",
        )


def merged(default, *overlays):
    """The default with overlays, as the workflow merges them: mappings are merged, all else is replaced.

    Parameters
    ----------
    default, *overlays : str or Path
        YAML files.

    Returns
    -------
    dict
    """
    configuration = {}
    for path in (default, *overlays):
        empty = not Path(path).read_bytes().strip()
        configuration = _overlaid(configuration, {} if empty else read_configuration(path))
    return configuration


def _overlaid(base, overlay):
    if isinstance(base, dict) and isinstance(overlay, dict):
        return base | {key: _overlaid(base.get(key), value) for key, value in overlay.items()}
    return overlay


def archive_folder(dataset):
    """Where the files that a configured dataset takes from an archive lie."""
    dandi = dataset["dandi"]
    return dataset.get("folder", f"resources/dandi/{dandi['dandiset']}/{dandi['version']}").rstrip("/")


def without_null(value):
    """A copy of nested mappings without the entries that are null."""
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items() if item is not None}
    return value


def _check_finite(value, path=()):
    """Refuse nan, infinity and endless whole numbers anywhere: they pass the bounds of a schema."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            _check_finite(item, (*path, str(key)))
    elif isinstance(value, float) and not math.isfinite(value):
        raise _no_number("is not finite", path, "a finite number", repr(value))
    elif isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise _no_number("is too large", path, f"at most {LARGEST_NUMBER}", "more")


def _no_number(what, path, expected, got):
    return InputError(
        f"A number in the configuration {what}.",
        where=".".join(path) or "the configuration",
        expected=expected,
        got=got,
        hint="Write a number, or null to leave the entry out.",
    )


def _schema_error(error, schema):
    path = [str(part) for part in error.absolute_path]
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        return InputError(
            f"Unknown key {unknown!r} in the configuration.",
            where=".".join([*path, str(unknown)]),
            expected=f"one of {', '.join(known)}",
            got=repr(unknown),
            hint=did_you_mean(unknown, known),
        )
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return InputError(
            f"The key {missing!r} is missing from the configuration.",
            where=".".join([*path, missing]),
            expected=_described(error.schema.get("properties", {}).get(missing, {}), schema),
            got="nothing",
            hint="Add it, or start from config/config.yaml; config/README.md explains every key.",
        )
    return InputError(
        "A value in the configuration is not as it must be.",
        where=".".join(path) or "the configuration",
        expected=_described(error.schema, schema, error),
        got=f"{error.instance!r} ({type(error.instance).__name__})",
        hint=_value_hint(error),
    )


def _described(part, schema, error=None):
    """What a part of the schema asks for, in words."""
    if "$ref" in part:
        part = {
            **schema["$defs"][part["$ref"].rsplit("/", 1)[1]],
            **{k: v for k, v in part.items() if k != "$ref"},
        }
    if "description" in part:
        return part["description"]
    if "enum" in part:
        return f"one of {', '.join(map(str, part['enum']))}"
    if "type" in part:
        kind = _KINDS[part["type"]]
        bound = f", {part['minimum']} or more" if "minimum" in part else ""
        return kind + bound
    return error.message if error else "a value"


def _value_hint(error):
    if error.validator == "enum":
        return did_you_mean(error.instance, error.validator_value)
    if isinstance(error.instance, str) and error.validator in ("type", "anyOf", "oneOf"):
        return "Numbers, lists and true/false are written without quotation marks; 1e-3 needs a dot: 1.0e-3."
    return "config/README.md explains every key."


def _check_sense(c):
    """What a schema cannot say: that names refer to something."""
    tables, graphs = c["motifs"]["tables"], c["motifs"].get("graphs", {})
    doubled = set(c["morphology"]["sources"]) & set(tables)
    if doubled:
        raise _clash(f"motifs.tables.{doubled.pop()}", "a name that no source of neurons has")
    doubled = set(graphs) & {*c["morphology"]["sources"], *tables}
    if doubled:
        raise _clash(f"motifs.graphs.{doubled.pop()}", "a name that no source of neurons and no table has")
    for name, prior in c["priors"].items():
        sources = [*c["morphology"]["sources"], *tables, *graphs]
        what = "a source of neurons, a published table or a graph"
        if prior["kind"] == "modules":
            _check_modules_prior(name, prior, c["priors"])
            continue
        _check_keys(name, prior, ["source"], ["modules"])
        one_of(prior["source"], sources, f"priors.{name}.source", what)
        _check_prior_regions(name, prior)
        _check_control(name, prior, c["morphology"]["sources"], tables)
        _check_participation(name, prior, tables, c["training"]["motif_term"])
        _check_shares(name, prior, c["training"]["motif_term"])
        if prior["source"] in tables:
            _check_table_prior(name, prior, c["training"]["motif_term"])
            continue
        sources = c["morphology"]["sources"]
        known = sources[prior["source"]]["regions"] if prior["source"] in sources else [prior["source"]]
        for key, region in regions_of(prior):
            one_of(region, known, f"priors.{name}.{key}", "a region of that source")
    _check_control_of(c["priors"])
    _check_training(c)
    _check_dose(c)
    _check_connectome(c["connectome"], c["morphology"]["voxel_um"])
    _check_simulation(c)
    _check_datasets(c["recordings"]["datasets"])
    _check_simulated_folders(c)
    for name, graph in graphs.items():
        _check_needs(graph, f"motifs.graphs.{name}", "min_weight", ["weight_column"])
    for name, source in c["morphology"]["sources"].items():
        where = f"morphology.sources.{name}"
        _check_files(source, where)
        _check_needs(source, where, "targets", ["annotation"])
        for key in ("soma_table", "soma_key"):
            _check_needs(source, where, key, ["soma_columns"])
        _check_needs(source, where, "soma_columns", ["soma_table", "index"])
        _check_pattern(source, where)
        if "region_column" not in source and "annotation" not in source:
            raise InputError(
                f"There is no way to tell the regions of the neurons in {name!r}.",
                where=f"morphology.sources.{name}",
                expected="region_column (with index), or annotation for an atlas lookup",
                got="neither",
                hint="Name the index's column of regions, or the path of an annotation volume.",
            )


def _fill_fetched(name, source):
    """Folder, pattern and index of neurons that are fetched, where the configuration leaves them out."""
    from digimus.retrieval import neurons

    asked, where = source["retrieve"], f"morphology.sources.{name}"
    dataset = asked["dataset"]
    module = neurons.module_of(dataset, f"{where}.retrieve.dataset")
    for key in asked:
        if key not in ("dataset", *module.SETTINGS):
            raise InputError(
                f"The set {dataset} cannot be asked for {key}.",
                where=f"{where}.retrieve.{key}",
                expected=f"one of {', '.join(module.SETTINGS)}",
                got=key,
                hint=did_you_mean(key, module.SETTINGS),
            )
    needed = neurons.NEEDED.get(dataset)
    if needed and needed not in asked:
        raise InputError(
            f"The set {dataset} is too large to be asked for as a whole.",
            where=f"{where}.retrieve.{needed}",
            expected=f"{needed} beside the dataset",
            got="nothing",
            hint="config/README.md explains the key.",
        )
    for key, what in (("simulated", "made here"), ("index", "listed by themselves")):
        if source.get(key):
            raise InputError(
                f"Neurons that are fetched are not {what} as well.",
                where=f"{where}.{key}",
                expected=f"no {key} beside retrieve",
                got=source[key],
                hint="Leave it out, or name a folder of your own without retrieve.",
            )
    told = neurons.has_regions(dataset, asked)
    if "regions" in asked and not told:
        raise InputError(
            f"Nothing tells the regions of the set {dataset} before its neurons are fetched.",
            where=f"{where}.retrieve.regions",
            expected="somata beside it, a published table",
            got="regions alone",
            hint="Add somata, or leave regions out and give an annotation.",
        )
    folder = source.setdefault("folder", f"resources/retrieved/{dataset}/{name}").rstrip("/")
    source |= {"folder": folder, "index": f"{folder}/{neurons.INDEX}"}
    columns = {"file_column": "file", "id_column": "neuron"}
    columns |= {"region_column": "region", "brain_column": "brain"} if told else {}
    for key, value in {"pattern": neurons.pattern_of(dataset), **columns}.items():
        source.setdefault(key, value)


def _check_files(source, where):
    """A source has a folder and a pattern, or neurons to fetch."""
    for key in ("folder", "pattern"):
        if key not in source:
            raise InputError(
                f"The key {key!r} is missing from the configuration.",
                where=f"{where}.{key}",
                expected="a folder of neurons and a pattern of their names, or retrieve",
                got="nothing",
                hint="Name both, or the set to retrieve; config/config.yaml has an example.",
            )


def regions_of(prior):
    """The regions that a configured prior names, each with the key that names it."""
    named = [("region", prior["region"])] if "region" in prior else []
    return named + [("regions", region) for region in prior.get("regions", [])]


def parts_of(prior, priors):
    """The priors that a configured prior is made of: its modules' by module, or itself under ``""``.

    Parameters
    ----------
    prior : str
        Its name.
    priors : dict
        The key ``priors`` of a checked configuration.

    Returns
    -------
    dict of str to str
    """
    if priors[prior]["kind"] != "modules":
        return {"": prior}
    return dict(priors[prior]["modules"])


def tasks_of(rules, model):
    """The rule tasks that a model is trained on: those of ``tasks`` that ``tasks_of`` leaves it."""
    kept = rules.get("tasks_of", {}).get(model, rules["tasks"])
    return [task for task in rules["tasks"] if task in kept]


def priors_of(rules, model):
    """The priors that a DigiMus network is trained with on the rule tasks."""
    return list(rules.get("priors_of", {}).get(model, rules["priors"]))


def dose_plan(c):
    """The networks of the dose-response: weights of the motif term, tasks, and what is missing.

    Parameters
    ----------
    c : dict
        A checked configuration.

    Returns
    -------
    dict
        model; prior, the one that ``retention.dose`` names or else the first that the model is trained with
        and that is for whole networks and no control, empty where there is none; own, the weight that the
        configuration trains it with; weights, 0 and own among them, in order; tasks; missing, a reason for
        each task that the grid holds no networks of.
    """
    dose = c.get("retention", {}).get("dose", {"tasks": [], "weights": []})
    rules, model = c["training"]["rules"], dose.get("model", "digimus")
    trained = priors_of(rules, model) if model in rules["models"] else []
    whole = [p for p in trained if c["priors"][p]["kind"] != "modules" and not is_control(p, c["priors"])]
    prior = dose.get("prior") or next(iter(whole), "")
    if rules.get("together", False) is True:
        reason = "because no task has a network of its own"
    elif model not in rules["models"]:
        reason = f"because the model {model} is not trained on rule tasks"
    elif not prior:
        reason = f"because the model {model} is trained with no prior for whole networks"
    else:
        reason = (
            "" if prior in trained else f"because the model {model} is not trained with the prior {prior}"
        )
    learnt = tasks_of(rules, model) if not reason else []
    other = reason or f"because the model {model} is not trained on this task"
    own = float(c["priors"].get(prior, {}).get("weight", c["training"]["motif_term"]["weight"]))
    return {
        "model": model,
        "prior": prior,
        "own": own,
        "weights": sorted({0.0, own, *map(float, dose["weights"])}),
        "tasks": [task for task in dose["tasks"] if task in learnt],
        "missing": {task: other for task in dose["tasks"] if task not in learnt},
    }


def _check_dose(c):
    """The dose-response names a spiking model, and a prior for whole networks."""
    dose, where = c.get("retention", {}).get("dose", {}), "retention.dose"
    model, prior = dose.get("model"), dose.get("prior")
    if model is not None:
        one_of(model, c["models"], f"{where}.model", "a model of the configuration")
        _check_models_with_priors({model: [prior or "a prior"]}, c["models"], f"{where}.model")
    if prior is not None:
        whole = [name for name, entry in c["priors"].items() if entry["kind"] != "modules"]
        one_of(prior, whole, f"{where}.prior", "a prior for whole networks")


def _check_keys(name, prior, needed, others):
    """Refuse a prior without the keys of its kind, or with those of another."""
    missing = [key for key in needed if key not in prior]
    beside = [key for key in others if key in prior]
    if missing or beside:
        raise InputError(
            f"A prior of kind {prior['kind']} needs {', '.join(needed)}, and takes no {', '.join(others)}.",
            where=f"priors.{name}.{(missing + beside)[0]}",
            expected="module names, each with the name of a prior" if "modules" in needed else "a source",
            got="nothing" if missing else f"the key {beside[0]}",
            hint="The kind modules gives each module a prior of its own; all others take a source.",
        )


def _check_modules_prior(name, prior, priors):
    """Each module has a prior of another kind, which brings its own loss and weights."""
    _check_keys(
        name, prior, ["modules"], ["source", "region", "regions", "loss", "weight", "reciprocity_weight"]
    )
    plain = [other for other, entry in priors.items() if entry["kind"] != "modules"]
    for module, other in prior["modules"].items():
        one_of(other, plain, f"priors.{name}.modules.{module}", "a prior of another kind than modules")


def _check_prior_regions(name, prior):
    wanted, other = ("regions", "region") if prior["kind"] == "mean" else ("region", "regions")
    if wanted not in prior or other in prior:
        raise InputError(
            f"A prior of kind {prior['kind']} needs {wanted}, and nothing else.",
            where=f"priors.{name}.{wanted}",
            expected="a list of regions" if wanted == "regions" else "one region",
            got=f"the key {other}" if other in prior else "nothing",
            hint="Only the kind mean takes a list, regions; the others take one region.",
        )


def _check_control(name, prior, sources, tables):
    """Controls ask for more than some sources have."""
    kind, source = prior["kind"], prior["source"]
    if kind == "degree" and source in tables:
        expected, got = "a source of neurons, or a graph", "a published table, which has no degrees"
    elif kind == "shuffled" and source not in tables and len(sources.get(source, {}).get("regions", [])) < 2:
        expected, got = "a source with two regions or more", "a source with one region"
    else:
        return
    raise InputError(
        f"The prior {name!r} of kind {kind} cannot be made from its source.",
        where=f"priors.{name}.source",
        expected=expected,
        got=f"{source}, {got}",
        hint="Choose another kind, or another source.",
    )


def _check_control_of(priors):
    """A prior that is marked as a control is one of another prior, which is none itself."""
    plain = [name for name in priors if not is_control(name, priors)]
    for name, prior in priors.items():
        if "control_of" in prior:
            what = "another prior of the configuration, which is no control itself"
            one_of(prior["control_of"], plain, f"priors.{name}.control_of", what)


def _check_participation(name, prior, tables, term):
    """Only neurons of a region have a participation that a network's units can be compared with."""
    if {**term, **prior}["loss"] == "participation" and (
        prior["kind"] != "region" or prior["source"] in tables
    ):
        raise InputError(
            f"The prior {name!r} does not tell how single neurons take part in motifs.",
            where=f"priors.{name}.loss",
            expected="with the loss participation: kind region, from a source of neurons or a graph",
            got=f"kind {prior['kind']} of {prior['source']}",
            hint="Give this prior a loss of its own, such as kl.",
        )


def _check_shares(name, prior, term):
    """The control of kind reciprocity leaves the classes out, so it has no shares of them."""
    loss = {**term, **prior}["loss"]
    if prior["kind"] == "reciprocity" and loss in ("kl", "frequency"):
        raise InputError(
            f"The prior {name!r} holds reciprocity alone, and no frequencies of motifs.",
            where=f"priors.{name}.loss",
            expected="enrichment for a prior of kind reciprocity",
            got=loss,
            hint="Give this prior the loss enrichment of its own, or choose another kind.",
        )


def _check_needs(entry, where, key, needed):
    """Refuse a key that says nothing without one of some others."""
    if key in entry and not any(other in entry for other in needed):
        others = " or ".join(needed)
        raise InputError(
            f"The key {key} needs {others}.",
            where=f"{where}.{key}",
            expected=f"{others} beside it",
            got=f"{key} without {others}",
            hint=f"Add {others}, or leave {key} out.",
        )


def _check_pattern(source, where):
    """Refuse a pattern of brains that is none, or that does not say which part is the brain."""
    pattern = source.get("brain_pattern", "()")
    try:
        groups, got = re.compile(pattern).groups, f"{pattern}, without a group"
    except re.error as error:
        groups, got = 0, f"{pattern}: {error}"
    if groups < 1:
        raise InputError(
            "The pattern of brains cannot be used.",
            where=f"{where}.brain_pattern",
            expected="a regular expression with the brain in parentheses",
            got=got,
            hint="For names such as 17109_001.swc write '^(\\d+)_'.",
        )


def _check_table_prior(name, prior, term):
    """Published counts lack 012 and 102, so they tell neither enrichment over dyads nor reciprocity."""
    if {**term, **prior}["loss"] == "enrichment":
        raise InputError(
            f"The prior {name!r} is from a published table, which does not tell enrichment.",
            where=f"priors.{name}.loss",
            expected="kl or frequency",
            got="enrichment",
            hint="Give the prior a loss of its own; config/real.yaml has an example.",
        )
    effective = {**term, **prior}
    if effective["loss"] == "kl" and effective["reciprocity_weight"] > 0:
        raise InputError(
            f"The prior {name!r} is from a published table, which does not tell reciprocity.",
            where=f"priors.{name}.reciprocity_weight",
            expected="0",
            got=effective["reciprocity_weight"],
            hint="Set reciprocity_weight: 0 for this prior; config/real.yaml has an example.",
        )


def _check_training(c):
    _check_models(c["models"])
    from_prior = {
        f"recordings.datasets.{n}.priors": d["priors"] for n, d in c["recordings"]["datasets"].items()
    }
    from_prior["training.rules.priors"] = c["training"]["rules"]["priors"]
    for where, names in from_prior.items():
        for name in names:
            one_of(name, c["priors"], where, "a prior of the configuration")
    for key in ("tasks_of", "priors_of"):
        for model in c["training"]["rules"].get(key, {}):
            one_of(model, c["models"], f"training.rules.{key}", "a model of the configuration")
    _check_models_with_priors(c["training"]["rules"].get("priors_of", {}), c["models"])
    rates = [r for part in ("rules", "decoding") for r in c["training"][part]["learning_rate"].values()]
    searched = any(isinstance(rate, list) for rate in rates)
    if searched and c["training"].get("search", {}).get("seed", 0) in c["training"]["seeds"]:
        raise InputError(
            "Learning rates are compared with a seed that is also reported.",
            where="training.search.seed",
            expected="a seed that is not among training.seeds",
            got=c["training"].get("search", {}).get("seed", 0),
            hint="Set training.search.seed, which is 0 where it is left out, to another number.",
        )
    for part in ("rules", "decoding"):
        for name in c["training"][part]["models"]:
            one_of(name, c["models"], f"training.{part}.models", "a model of the configuration")
            kind = c["models"][name].get("kind", name)
            one_of(name, c["training"][part]["learning_rate"], f"training.{part}.learning_rate",
                    "a learning rate for every model")  # fmt: skip
            if kind == "digimus":
                _check_structure(c, name, c["models"][name].get("n_units", c["training"][part]["n_units"]))
    for where, model, prior in _prior_cells(c):
        _check_prior_of_model(c, where, model, prior)


def _check_models(models):
    known = registries.names("models")
    for name, model in models.items():
        kind = model.get("kind", name)
        one_of(kind, known, f"models.{name}.kind", f"one of {', '.join(known)}")
        settings = registries.settings(kind) or model
        for key in model:
            if key != "kind" and key not in settings:
                raise InputError(
                    f"A model of kind {kind} has no setting {key!r}.",
                    where=f"models.{name}.{key}",
                    expected=f"one of {', '.join(settings)}",
                    got=key,
                    hint=did_you_mean(key, settings),
                )
        _check_time_constant(name, model)


def _check_models_with_priors(priors_of_models, models, where=None):
    for model, priors in priors_of_models.items():
        kind = models[model].get("kind", model)
        if priors and kind != "digimus":
            raise InputError(
                f"A model of kind {kind!r} cannot be trained with a prior.",
                where=where or f"training.rules.priors_of.{model}",
                expected="a model of kind digimus",
                got=f"{kind}, with {', '.join(priors)}",
                hint="Leave the entry out; a prior acts on the recurrent weights of a spiking network.",
            )


def _check_time_constant(name, model):
    """Two bounds, the smaller first, for the kinds that draw between them."""
    given, kind = model.get("tau_m_ms"), model.get("kind", name)
    if not isinstance(given, list) or (kind in ("digimus", "alif") and given[0] <= given[1]):
        return
    raise InputError(
        f"The membrane time constants of the model {name!r} make no sense.",
        where=f"models.{name}.tau_m_ms",
        expected="two numbers, the smaller first"
        if kind in ("digimus", "alif")
        else "one number for this kind",
        got=given,
        hint="For example [20, 500] for digimus and alif, 100 for leaky.",
    )


def _prior_cells(c):
    """Every DigiMus network that is trained with a prior: where that stands, the model, the prior."""

    def spiking(part):
        models = c["training"][part]["models"]
        return [model for model in models if c["models"][model].get("kind", model) == "digimus"]

    rules = c["training"]["rules"]
    own = rules.get("priors_of", {})
    found = [
        (f"training.rules.priors_of.{model}" if model in own else "training.rules.priors", model, prior)
        for model in spiking("rules")
        for prior in priors_of(rules, model)
    ]
    for name, dataset in c["recordings"]["datasets"].items():
        where = f"recordings.datasets.{name}.priors"
        found += [(where, model, prior) for model in spiking("decoding") for prior in dataset["priors"]]
    return found


def _check_prior_of_model(c, where, model, prior):
    """A prior for modules needs a model that has them, each with units enough for triads."""
    one_of(prior, c["priors"], where, "a prior of the configuration")
    if c["priors"][prior]["kind"] != "modules":
        return
    regions = c["models"][model].get("regions", [])
    if not regions:
        raise InputError(
            f"The prior {prior!r} is for modules, and the model {model!r} has none.",
            where=where,
            expected="priors of other kinds for this model, or models." + model + ".regions",
            got=prior,
            hint=f"Give the model its own list in training.rules.priors_of.{model}, or name its regions.",
        )
    for module in parts_of(prior, c["priors"]):
        one_of(module, regions, f"priors.{prior}.modules", f"a module of models.{model}.regions")
    part = "rules" if where.startswith("training.rules") else "decoding"
    n_units = c["models"][model].get("n_units", c["training"][part]["n_units"])
    if n_units // len(regions) < LEAST_UNITS:
        raise InputError(
            f"A module of the model {model!r} is too small to have motifs.",
            where=f"models.{model}.n_units",
            expected=f"{LEAST_UNITS * len(regions)} units or more for {len(regions)} modules",
            got=f"{n_units} units",
            hint="Give the network more units, or fewer modules.",
        )


def _check_structure(c, model, n_units):
    """Regions, projections and mask of a DigiMus network, as far as the configuration tells."""
    settings, where = c["models"][model], f"models.{model}"
    regions, projections, mask = (settings.get(key) for key in ("regions", "projections", "mask"))
    if regions and len(regions) > 1 and projections is None:
        raise InputError(
            f"The model {model!r} has several regions, and nothing says how they project to each other.",
            where=f"{where}.projections",
            expected=f"a source of neurons, a table, or {len(regions)} rows of {len(regions)} numbers",
            got="nothing",
            hint="A row projects to the columns; the diagonal is ignored.",
        )
    if projections is not None and not regions:
        raise InputError(
            "Projections connect regions, and the network has none.",
            where=f"{where}.projections",
            expected=f"{where}.regions beside it",
            got="no regions",
            hint="Name the regions, in the order of the matrix's rows.",
        )
    if isinstance(projections, list) and [len(row) for row in projections] != [len(regions)] * len(regions):
        raise InputError(
            "The projections between regions must be a square matrix of strengths.",
            where=f"{where}.projections",
            expected=f"{len(regions)} rows of {len(regions)} numbers of 0 or more: row projects to column",
            got=f"rows of {', '.join(str(len(row)) for row in projections)}",
            hint="One row and one column for each of the regions, in their order.",
        )
    sources = c["morphology"]["sources"]
    if isinstance(projections, dict):
        name = projections["source"]
        one_of(name, sources, f"{where}.projections.source", "a source of neurons")
        _check_needs({"projections": name, **sources[name]}, f"morphology.sources.{name}", "projections",
                     ["annotation"])  # fmt: skip
        for region in regions:
            one_of(region, sources[name]["regions"], f"{where}.regions", f"a region of source {name}")
            targets = sources[name].get("targets", sources[name]["regions"])
            one_of(region, targets, f"morphology.sources.{name}.targets", "every region of the model")
    if isinstance(mask, dict):
        name = mask["source"]
        one_of(name, sources, f"{where}.mask.source", "a source of neurons")
        one_of(mask["region"], sources[name]["regions"], f"{where}.mask.region", f"a region of source {name}")
        simulated = c.get("simulation", {}).get("neurons") if sources[name].get("simulated") else None
        if simulated and simulated["n_neurons"] < n_units:
            raise InputError(
                f"The region {mask['region']} has fewer neurons than the model {model!r} has units.",
                where=f"{where}.mask.region",
                expected=f"{n_units} neurons or more, one for each unit",
                got=f"{simulated['n_neurons']} neurons",
                hint=f"Choose a larger region, or fewer units in {where}.n_units.",
            )


def _check_connectome(connectome, voxel_um):
    for coarse in connectome.get("sensitivity", {}).get("voxel_um", []):
        if coarse % voxel_um:
            raise InputError(
                "Voxels can be joined by whole numbers alone.",
                where="connectome.sensitivity.voxel_um",
                expected=f"multiples of morphology.voxel_um, {voxel_um:g} µm",
                got=coarse,
                hint="Choose multiples, or change morphology.voxel_um.",
            )
    given = [key for key in ("filling_fraction", "target_density") if key in connectome]
    if len(given) != 1:
        raise InputError(
            "The connectome needs a filling fraction or a target density, and not both.",
            where="connectome.filling_fraction, connectome.target_density",
            expected="one of the two",
            got=" and ".join(given) or "neither",
            hint="Set the other one to null.",
        )


def _check_simulation(c):
    simulated = [
        f"morphology.sources.{n}" for n, s in c["morphology"]["sources"].items() if s.get("simulated")
    ]
    simulated += [
        f"recordings.datasets.{n}" for n, d in c["recordings"]["datasets"].items() if d.get("simulated")
    ]
    needed = {"morphology": "neurons", "recordings": "recordings"}
    for where in simulated:
        part = needed[where.split(".")[0]]
        if part not in c.get("simulation", {}):
            raise InputError(
                "Something simulated is asked for, and the configuration does not say how to simulate it.",
                where=f"simulation.{part}",
                expected="its settings",
                got=f"nothing, though {where} is simulated",
                hint="Copy the key simulation from config/config.yaml.",
            )


def _check_simulated_folders(c):
    """A simulated dataset reads one of the folders that are simulated, whatever it is called itself."""
    from digimus.simulation.recordings import DATASETS

    folder = c.get("simulation", {}).get("folder", "resources/simulated").rstrip("/")
    known = [f"{folder}/recordings/{name}" for name in DATASETS]
    for name, dataset in c["recordings"]["datasets"].items():
        if dataset.get("simulated") and dataset.get("folder", "").rstrip("/") not in known:
            raise InputError(
                f"The dataset {name!r} is simulated, and its folder is none of those that are.",
                where=f"recordings.datasets.{name}.folder",
                expected=f"one of {', '.join(known)}",
                got=dataset.get("folder", "nothing"),
                hint="Correct the folder; the last part of it says what is simulated.",
            )


def _check_datasets(datasets):
    """A dataset has a folder and a pattern, or an archive; a folder has one version of one dandiset."""
    archives = {}
    for name, dataset in datasets.items():
        where = f"recordings.datasets.{name}"
        for key in ("folder", "pattern") if "dandi" not in dataset else ():
            if key not in dataset:
                raise InputError(
                    f"The key {key!r} is missing from the configuration.",
                    where=f"{where}.{key}",
                    expected="a folder of NWB files and a pattern of their names, or dandi",
                    got="nothing",
                    hint="Name both, or the dandiset to retrieve; config/README.md explains every key.",
                )
        if "dandi" not in dataset:
            continue
        for key in ("pattern", "simulated"):
            if dataset.get(key):
                raise InputError(
                    "A dataset from an archive takes the files that are named there.",
                    where=f"{where}.{key}",
                    expected=f"no {key} beside dandi",
                    got=dataset[key],
                    hint=f"Set {key} to null; dandi.paths names the files.",
                )
        folder, dandi = archive_folder(dataset), dataset["dandi"]
        archive = [dandi[key] for key in ("dandiset", "version")] + [dandi.get("api_url")]
        if archives.setdefault(folder, archive) != archive:
            raise _clash(f"{where}.folder", f"a folder that no other dandiset or version goes to: {folder}")


def one_of(name, known, where, what):
    """Raise an InputError unless a name is among the known ones."""
    if name not in known:
        raise InputError(
            f"The configuration names {name!r}, which it does not define.",
            where=where,
            expected=what,
            got=repr(name),
            hint=did_you_mean(name, known),
        )


def _clash(where, expected):
    return InputError(
        "Two things have one name.", where=where, expected=expected, got="a name in use", hint="Rename one."
    )
