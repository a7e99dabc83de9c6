"""The configuration: what is shipped passes, and every kind of mistake is named with a way out."""

import ast
import inspect
import json
import re
import subprocess
import sys
from copy import deepcopy

import pytest
import yaml

from digimus import InputError
from digimus.configuration import checked, without_null
from digimus.models import LOSSES, MODELS
from digimus.models.surrogates import SURROGATES
from digimus.motifs.priors import PRIORS
from digimus.prior_roles import CONTROL_KINDS, is_control_of
from digimus.registries import REGISTRIES, families, filled, names, settings
from digimus.storage import matching_files
from digimus.suggest import did_you_mean
from digimus.tasks import FAMILIES, TASKS


def overlaid(base, overlay):
    """Mappings are merged, everything else is replaced."""
    if isinstance(base, dict) and isinstance(overlay, dict):
        return base | {key: overlaid(base.get(key), value) for key, value in overlay.items()}
    return deepcopy(overlay)


def changed(configuration, key, value):
    """A copy with one value set, its key written with dots."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return overlaid(configuration, value)


def without(configuration, key):
    copy = deepcopy(configuration)
    *path, last = key.split(".")
    part = copy
    for name in path:
        part = part[name]
    del part[last]
    return copy


def complaint(configuration, schema):
    with pytest.raises(InputError) as raised:
        checked(configuration, schema)
    error = raised.value
    assert all((error.what, error.where, error.expected, error.got, error.hint))
    text = str(error)
    assert all(f"{word}:" in text for word in ("where", "expected", "got", "hint"))
    assert len(text) < 1500 and "Failed validating" not in text
    return error


def test_the_default_passes_and_is_not_changed(default, schema):
    before = deepcopy(default)
    result = checked(default, schema)
    assert default == before
    assert "target_density" not in result["connectome"] and result["connectome"]["filling_fraction"] == 0.2


UNDER = {"controls": ("real",), "licking": ("real",)}  # overlays that are made for another one


def test_every_overlay_passes_over_the_default(root, default, schema):
    overlays = [path for path in sorted((root / "config").glob("*.yaml")) if path.name != "config.yaml"]
    assert overlays
    for path in overlays:
        configuration = default
        for name in [*UNDER.get(path.stem, ()), path.stem]:
            overlay = yaml.safe_load((root / f"config/{name}.yaml").read_text(encoding="utf-8"))
            configuration = overlaid(configuration, overlay)
        result = checked(configuration, schema)
        assert result["name"] == path.stem
        assert result["results_dir"] != default["results_dir"]


def test_the_shipped_schema_is_itself_valid_and_knows_no_open_mapping(schema):
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema)

    def open_mappings(part, path=()):
        if isinstance(part, dict):
            if "properties" in part and part.get("additionalProperties") is not False:
                yield ".".join(path)
            for key, value in part.items():
                yield from open_mappings(value, (*path, str(key)))

    assert list(open_mappings(schema)) == []


def test_null_removes_an_entry_at_any_depth():
    given = {"a": None, "b": {"c": None, "d": 1, "e": {"f": None}}, "g": [None]}
    assert without_null(given) == {"b": {"d": 1, "e": {}}, "g": [None]}


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("trianing", "training"),
        ("training.rules.n_update", "n_updates"),
        ("training.motif_term.densty", "density"),
        ("morphology.sources.simulated.regoins", "regions"),
        ("recordings.datasets.visual.label.colunm", "column"),
        ("priors.feedforward.regon", "region"),
    ],
)
def test_an_unknown_key_is_named_with_the_one_that_was_meant(default, schema, key, meant):
    error = complaint(changed(default, key, 5), schema)
    assert error.where == key and repr(key.split(".")[-1]) in error.what
    assert error.hint == f"Did you mean {meant!r}?"
    assert meant in error.expected


def test_a_misspelt_required_key_is_reported_as_misspelt(default, schema):
    misspelt = changed(without(default, "morphology.voxel_um"), "morphology.voxel_umm", 25)
    assert complaint(misspelt, schema).hint == "Did you mean 'voxel_um'?"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", "one", "whole number, 0 or more"),
        ("seed", 1.5, "whole number"),
        ("seed", -1, "0 or more"),
        ("seed", True, "whole number"),
        ("morphology.voxel_um", "25", "number above 0"),
        ("morphology.voxel_um", 0, "number above 0"),
        ("morphology.max_bad_share", 1.2, "from 0 to 1"),
        ("connectome.min_neurons", -50, "1 or more"),
        ("motifs.n_null", 2, "3 or more"),
        ("training.rules.n_units", -96, "1 or more"),
        ("training.rules.n_units", 0, "1 or more"),
        ("training.rules.learning_rate.lstm", "1e-3", "number above 0"),
        ("training.rules.tasks", "go", "list of different names"),
        ("training.rules.tasks", ["go", "go"], "list of different names"),
        ("training.motif_term.density", 0, "between 0 and 1"),
        ("training.seeds", [], "whole numbers"),
        ("training.seeds", [1, 1], "different whole numbers"),
        ("training.device", "gpu", "cpu, cuda, auto"),
        ("training.motif_term.loss", "enrichmant", "enrichment, kl, frequency"),
        ("recordings.datasets.visual.window_ms", [0], "start and end"),
        ("recordings.datasets.visual.signal", "spike", "spikes, fluorescence"),
        ("figures", ["motif"], "motifs"),
        ("simulation", [1], "mapping"),
        ("models", "lstm", "mapping"),
    ],
)
def test_a_wrong_value_is_shown_with_what_was_expected(default, schema, key, value, expected):
    error = complaint(changed(default, key, value), schema)
    assert error.where.startswith(key)
    assert expected in error.expected
    shown = value[0] if isinstance(value, list) and len(value) == 1 and key == "figures" else value
    assert repr(shown) in error.got


def test_a_mistyped_choice_is_guessed(default, schema):
    error = complaint(changed(default, "training.motif_term.loss", "enrichmant"), schema)
    assert error.hint == "Did you mean 'enrichment'?"


def test_a_number_in_quotation_marks_gets_a_hint_about_them(default, schema):
    error = complaint(changed(default, "training.rules.learning_rate.lstm", "1e-3"), schema)
    assert "quotation marks" in error.hint and "1.0e-3" in error.hint


@pytest.mark.parametrize(
    "key",
    [
        "seed", "training", "training.rules.n_updates", "morphology.sources.simulated.folder",
        "evaluation.smallest_effect.retention", "priors.feedforward.kind", "recordings.datasets.visual.label",
    ],
)  # fmt: skip
def test_a_missing_key_is_named(default, schema, key):
    for configuration in (without(default, key), changed(default, key, None)):
        error = complaint(configuration, schema)
        assert error.where == key and error.got == "nothing"
        assert repr(key.split(".")[-1]) in error.what and "config/config.yaml" in error.hint


@pytest.mark.parametrize(
    ("key", "value", "where", "meant"),
    [
        ("priors.feedforward.region", "SIM-feedforwart", "priors.feedforward.region", "SIM-feedforward"),
        ("priors.feedforward.source", "simulate", "priors.feedforward.source", "simulated"),
        ("training.rules.models", ["digimus", "lsmt"], "training.rules.models", "lstm"),
        ("training.decoding.models", ["digimis"], "training.decoding.models", "digimus"),
        ("training.rules.priors", ["feedfoward"], "training.rules.priors", "feedforward"),
        ("recordings.datasets.visual.priors", ["feed"], "recordings.datasets.visual.priors", "feedforward"),
    ],
)
def test_a_name_that_nothing_has_is_refused(default, schema, key, value, where, meant):
    error = complaint(changed(default, key, value), schema)
    assert error.where == where
    wrong = value if isinstance(value, str) else value[-1]
    assert wrong in error.got and meant in error.hint


def test_every_trained_model_needs_a_learning_rate(default, schema):
    error = complaint(without(default, "training.rules.learning_rate.lstm"), schema)
    assert error.where == "training.rules.learning_rate" and "learning rate" in error.expected


@pytest.mark.parametrize(
    ("density", "fraction", "got"),
    [(0.05, 0.2, "filling_fraction and target_density"), (None, None, "neither")],
)
def test_exactly_one_way_to_set_the_density_is_taken(default, schema, density, fraction, got):
    both = changed(
        changed(default, "connectome.target_density", density), "connectome.filling_fraction", fraction
    )
    error = complaint(both, schema)
    assert "filling_fraction" in error.where and error.got == got
    assert checked(
        changed(changed(default, "connectome.target_density", 0.05), "connectome.filling_fraction", None),
        schema,
    )


@pytest.mark.parametrize(
    "folder", ["../x", "/etc", "a/../../b", "..", "~/results", "a b", "", "results;rm", "C:\\out", None, 5]
)
def test_a_results_folder_outside_the_project_is_refused(default, schema, folder):
    error = complaint(changed(default, "results_dir", folder), schema)
    assert error.where == "results_dir" and "folder inside the project" in error.expected


@pytest.mark.parametrize("folder", ["results", "results/tiny", "out-2/run_3.b"])
def test_a_results_folder_inside_the_project_is_taken(default, schema, folder):
    assert checked(changed(default, "results_dir", folder), schema)["results_dir"] == folder


@pytest.mark.parametrize("name", ["a/b", "../a", "a b", ".hidden", "", "-x", "a;b", "$HOME"])
def test_names_that_would_make_bad_paths_are_refused(default, schema, name):
    assert complaint(overlaid(default, {"name": name}), schema).where == "name"
    prior = default["priors"]["feedforward"]
    error = complaint(overlaid(default, {"priors": {name: prior}}), schema)
    assert "priors" in error.where and repr(name) in error.got
    dataset = default["recordings"]["datasets"]["visual"]
    error = complaint(overlaid(default, {"recordings": {"datasets": {name: dataset}}}), schema)
    assert "datasets" in error.where and repr(name) in error.got


@pytest.mark.parametrize(("part", "name"), [("priors", "none"), ("recordings", "rules")])
def test_names_with_a_meaning_of_their_own_are_refused(default, schema, part, name):
    entry = {"priors": {name: default["priors"]["feedforward"]}}
    if part == "recordings":
        entry = {"recordings": {"datasets": {name: default["recordings"]["datasets"]["visual"]}}}
    assert repr(name) in complaint(overlaid(default, entry), schema).expected


def test_a_source_and_a_table_may_not_share_a_name(default, schema):
    error = complaint(changed(default, "motifs.tables.simulated", {"path": "table.csv"}), schema)
    assert error.where == "motifs.tables.simulated" and "one name" in error.what


def test_a_source_needs_a_way_to_tell_regions(default, schema):
    looked_up = changed(default, "morphology.sources.simulated.annotation", None)
    error = complaint(changed(looked_up, "morphology.sources.simulated.region_column", None), schema)
    assert error.where == "morphology.sources.simulated" and "annotation" in error.expected


@pytest.mark.parametrize("part", ["neurons", "recordings"])
def test_something_simulated_needs_to_be_told_how(default, schema, part):
    assert complaint(without(default, f"simulation.{part}"), schema).where == f"simulation.{part}"


@pytest.mark.parametrize("label", [{"column": "a", "events": "licks"}, {"rule": "sign"}])
def test_a_label_is_a_column_or_events(default, schema, label):
    dataset = {**default["recordings"]["datasets"]["visual"], "label": label}
    both = deepcopy(default)
    both["recordings"]["datasets"]["visual"] = dataset
    error = complaint(both, schema)
    assert error.where.startswith("recordings.datasets.visual.label")


@pytest.mark.parametrize("configuration", [{}, [], "text", None])
def test_something_that_is_no_configuration_at_all_is_refused(schema, configuration):
    complaint(configuration, schema)


def test_hints_name_the_closest_word_or_all_of_them():
    assert did_you_mean("lstn", ["lstm", "digimus"]) == "Did you mean 'lstm'?"
    assert did_you_mean("zzz", ["lstm", "digimus"]) == "Known names: digimus, lstm."
    assert did_you_mean("zzz", []) == "Known names: none."


def test_names_are_read_from_the_registries_as_they_are_when_imported():
    whole = {"models": MODELS, "priors": PRIORS, "losses": LOSSES, "surrogates": SURROGATES, "tasks": TASKS}
    assert set(whole) == set(REGISTRIES)
    for registry, entries in whole.items():
        assert names(registry) == tuple(entries)


def test_families_are_read_as_they_are_when_imported():
    assert families() == dict(FAMILIES) and list(families()) == list(FAMILIES)


def test_reading_the_names_imports_no_torch():
    code = (
        "import sys, digimus.configuration, digimus.registries as r; r.names('models'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "digimus.registries" in done.stdout.split() and "torch" not in done.stdout.split()


def test_settings_are_read_from_the_models_as_they_are_when_imported():
    for model, kind in MODELS.items():
        assert settings(model) == tuple(
            parameter.name
            for parameter in inspect.signature(kind).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name != "rng"
        )


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("models.lstm.reset", "soft", "Known names: longest_memory, n_units."),
        ("models.mine", {"kind": "tcn", "n_layers": 2}, "Did you mean 'n_levels'?"),
        ("models.digimus.nonlinearity", "relu", "Known names"),
    ],
)
def test_a_setting_that_the_kind_of_model_does_not_take_is_refused(default, schema, key, value, hint):
    error = complaint(changed(default, key, value), schema)
    assert error.where.startswith(key) and "no setting" in error.what and error.hint.startswith(hint)


def test_a_model_that_is_not_trained_needs_a_kind_too(default, schema):
    error = complaint(changed(default, "models.lsmt", {}), schema)
    assert error.where == "models.lsmt.kind" and error.hint == "Did you mean 'lstm'?"


def test_a_registry_that_is_not_where_it_should_be_is_named(monkeypatch):
    monkeypatch.setitem(REGISTRIES, "moved", ("models/__init__.py", "NETWORKS"))
    with pytest.raises(LookupError, match="NETWORKS"):
        names("moved")


def test_the_schema_takes_names_from_every_registry_and_holds_every_setting(schema):
    whole = filled(schema)
    tasks = whole["properties"]["training"]["properties"]["rules"]["properties"]["tasks"]["items"]
    assert tasks == {"enum": list(TASKS)}
    models = whole["properties"]["models"]["additionalProperties"]["properties"]
    assert models["kind"] == {"enum": list(MODELS)} and models["surrogate"] == {"enum": list(SURROGATES)}
    priors = whole["properties"]["priors"]["additionalProperties"]["properties"]
    assert priors["kind"]["enum"][: len(PRIORS)] == list(PRIORS)
    for part in (priors, whole["properties"]["training"]["properties"]["motif_term"]["properties"]):
        assert part["loss"] == {"enum": list(LOSSES)}
    made_by_the_workflow = {"n_inputs", "n_outputs", "rng"}
    settings = {name for model in MODELS.values() for name in inspect.signature(model).parameters}
    assert settings - made_by_the_workflow == set(models) - {"kind"}
    assert filled({"kind": {"registry": "losses", "enum": ["more"]}})["kind"]["enum"] == [*LOSSES, "more"]


@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [
        ("training.rules.tasks", ["goo"], "go"),
        ("models.lstm.kind", "lstn", "lstm"),
        ("priors.feedforward.kind", "regoin", "region"),
        ("priors.feedforward.loss", "kll", "kl"),
        ("models.digimus.surrogate", "triangle", "triangular"),
    ],
)
def test_a_name_that_its_registry_does_not_have_is_refused(default, schema, key, value, meant):
    error = complaint(changed(default, key, value), schema)
    assert error.where.startswith(key) and meant in error.expected
    assert error.hint == f"Did you mean {meant!r}?"


def test_the_loss_on_participation_needs_a_prior_with_neurons(default, schema):
    configuration = changed(default, "training.motif_term.loss", "participation")
    checked(configuration, schema)
    control = changed(configuration, "priors.feedforward.kind", "degree")
    error = complaint(control, schema)
    assert error.where == "priors.feedforward.loss" and "kind region" in error.expected
    checked(changed(control, "priors.feedforward.loss", "kl"), schema)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    "key",
    [
        "morphology.sources.simulated.unit_um", "connectome.contact_um", "connectome.filling_fraction",
        "morphology.checks.alpha", "morphology.voxel_um", "training.rules.learning_rate.lstm",
    ],
)  # fmt: skip
def test_a_number_that_is_not_finite_is_refused(default, schema, key, number):
    error = complaint(changed(default, key, number), schema)
    assert error.where == key and error.got == repr(number)


def test_a_number_that_is_not_finite_is_found_in_lists(default, schema):
    error = complaint(changed(default, "connectome.sensitivity.blur_um", [0, float("nan")]), schema)
    assert error.where == "connectome.sensitivity.blur_um.1"


@pytest.mark.parametrize(
    ("removed", "given", "where"),
    [
        (["annotation"], {"targets": ["SIM-hubs"]}, "targets"),
        ([], {"soma_key": "id"}, "soma_key"),
        ([], {"soma_table": "somas.csv"}, "soma_table"),
        (["index"], {"soma_columns": ["x", "y", "z"]}, "soma_columns"),
        ([], {"brain_pattern": "([0-9"}, "brain_pattern"),
        ([], {"brain_pattern": "^[0-9]+_"}, "brain_pattern"),
    ],
)
def test_keys_of_a_source_that_say_nothing_alone_are_refused(default, schema, removed, given, where):
    source = {k: v for k, v in default["morphology"]["sources"]["simulated"].items() if k not in removed}
    configuration = deepcopy(default)
    configuration["morphology"]["sources"]["simulated"] = source | given
    assert complaint(configuration, schema).where == f"morphology.sources.simulated.{where}"
    whole = source | {"annotation": "a.nrrd", "index": "i.csv", "soma_columns": ["x", "y", "z"]} | given
    configuration["morphology"]["sources"]["simulated"] = whole | (
        {"brain_pattern": "^([0-9]+)_"} if where == "brain_pattern" else {}
    )
    checked(configuration, schema)


def test_a_smallest_weight_needs_a_column_of_weights(default, schema):
    graph = {"path": "edges.csv", "min_weight": 2}
    error = complaint(changed(default, "motifs.graphs.mine", graph), schema)
    assert error.where == "motifs.graphs.mine.min_weight" and "weight_column" in error.expected
    checked(changed(default, "motifs.graphs.mine", graph | {"weight_column": "n"}), schema)


@pytest.mark.parametrize("loss", ["kl", "frequency"])
def test_the_control_of_reciprocity_has_no_frequencies(default, schema, loss):
    control = changed(default, "priors.feedforward.kind", "reciprocity")
    checked(control, schema)
    for key in ("training.motif_term.loss", "priors.feedforward.loss"):
        error = complaint(changed(control, key, loss), schema)
        assert error.where == "priors.feedforward.loss" and error.got == loss
    own = changed(changed(control, "training.motif_term.loss", loss), "priors.feedforward.loss", "enrichment")
    checked(own, schema)


FIT = """
import json, sys
from types import SimpleNamespace
from cell import make_fit
params = SimpleNamespace(learning_rate=0.02, search={})
print(make_fit(SimpleNamespace(params=params), json.loads(sys.argv[1]))[0].weight_decay)
"""


def test_the_weight_decay_of_rule_tasks_reaches_the_settings_of_a_fit(root, default, schema):
    rules = (root / "workflow/rules/training.smk").read_text()
    left_out = ast.literal_eval(re.search(r"^WHAT_IS_TRAINED = (\(.*\))$", rules, re.M).group(1))
    found = []
    for configuration in (default, changed(default, "training.rules.weight_decay", 0.25)):
        given = checked(configuration, schema)["training"]["rules"]
        given = {key: value for key, value in given.items() if key not in left_out}
        command = [sys.executable, "-c", FIT, json.dumps(given)]
        run = subprocess.run(
            command, cwd=root / "workflow/scripts", capture_output=True, check=True, text=True
        )
        found.append(float(run.stdout))
    assert found == [0.0, 0.25]
    error = complaint(changed(default, "training.rules.weight_decay", -0.1), schema)
    assert error.where == "training.rules.weight_decay"


def test_a_prior_can_be_marked_as_a_control_of_another(default, schema):
    checked(changed(default, "priors.cyclic.control_of", "feedforward"), schema)
    checked(changed(default, "priors.by-module.control_of", "feedforward"), schema)
    both = changed(default, "priors.cyclic.control_of", "feedforward")
    for name, marked in (
        ("feedforwards", default),  # no such prior
        ("reciprocal", default),  # itself
        ("cyclic", both),  # marked as a control
        ("feedforward", changed(default, "priors.feedforward.kind", "degree")),  # a control by its kind
    ):
        error = complaint(changed(marked, "priors.reciprocal.control_of", name), schema)
        assert error.where == "priors.reciprocal.control_of" and error.got == repr(name)
    error = complaint(changed(default, "priors.cyclic.control_of", "feedforwards"), schema)
    assert "feedforward" in error.hint and "no control itself" in error.expected


def test_every_kind_of_prior_is_a_control_or_is_known_not_to_be():
    assert set(PRIORS) == {"region", "mean", *CONTROL_KINDS}


def test_the_other_species_is_a_control_of_the_real_region(root):
    real = yaml.safe_load((root / "config/real.yaml").read_text(encoding="utf-8"))["priors"]
    assert is_control_of("celegans", "CP", real) and not is_control_of("celegans", "published-VISp", real)


def test_a_pattern_finds_files_and_the_archives_behind_it(tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("b.swc", "a.swc.gz", "below/c.swc", "below/d.zip", "e.zip", "f.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "g.zip").mkdir()

    def found(pattern):
        return [
            path.relative_to(tmp_path).as_posix() for path in matching_files(tmp_path, pattern, "pattern")
        ]

    assert found("*.swc*") == ["a.swc.gz", "b.swc"]
    assert found("**/*.swc") == ["b.swc", "below/c.swc"]
    assert found("*.zip/*.swc") == ["e.zip"] and found("*.zip") == ["e.zip"]
    assert found("**/*.zip/inner/*.swc.gz") == ["below/d.zip", "e.zip"]
    assert found("*.json") == []
    for wrong in ("", "/etc/*"):
        with pytest.raises(InputError) as raised:
            found(wrong)
        assert raised.value.where == "pattern" and repr(wrong) in raised.value.got


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        (
            "models",
            {"digimus": {"tau_m_ms": [500, 20]}, "lstm": {}, "modular": {}},
            "models.digimus.tau_m_ms",
        ),
        ("models", {"leaky": {"tau_m_ms": [20, 500]}}, "models.leaky.tau_m_ms"),
        ("training.rules.priors_of", {"lstm": ["feedforward"]}, "training.rules.priors_of.lstm"),
    ],
)
def test_time_constants_and_priors_that_a_model_cannot_have_stop_before_any_job(
    default, schema, key, value, where
):
    assert complaint(changed(default, key, value), schema).where == where


# Datasets that are like another one


def with_datasets(default, **datasets):
    return overlaid(default, {"recordings": {"datasets": datasets}})


def test_a_dataset_like_another_has_all_its_keys_but_its_own(default, schema):
    base = {"unit_filters": {"depth": {"min": 1}, "quality": {"values": ["good"]}}}
    choice = {"like": "auditory", "label": {"column": "choice"}, "bin_ms": 25}
    loud = {"like": "choice", "unit_filters": {"depth": {"max": 3}, "quality": None}, "priors": []}
    given = with_datasets(default, auditory=base, choice=choice, loud=loud)
    before = deepcopy(given)
    found = checked(given, schema)["recordings"]["datasets"]
    assert given == before
    auditory = found["auditory"]
    assert found["choice"] == auditory | {
        "label": {"column": "choice"},
        "bin_ms": 25,
    }
    assert found["loud"]["unit_filters"] == {"depth": {"min": 1, "max": 3}} and found["loud"]["priors"] == []
    assert found["loud"]["label"] == {"column": "choice"} and "like" not in found["loud"]


@pytest.mark.parametrize(
    ("datasets", "where", "words"),
    [
        ({"a": {"like": "visaul"}}, "a", ["Did you mean 'visual'"]),
        ({"a": {"like": "b"}, "b": {"like": "a"}}, "b", ["a like b like a"]),
        ({"a": {"like": "a"}}, "a", ["like itself"]),
        ({"visual": None, "a": {"like": "visual"}}, "a", ["set a to null too"]),
        ({"a": {"like": 3}}, "a", ["'a' is like one"]),
    ],
)
def test_a_dataset_like_none_or_like_itself_is_refused(default, schema, datasets, where, words):
    error = complaint(with_datasets(default, **datasets), schema)
    assert error.where == f"recordings.datasets.{where}.like"
    assert all(word in str(error) for word in words)


def test_a_simulated_dataset_reads_a_folder_that_is_simulated(default, schema):
    renamed = with_datasets(default, auditory=None, tone=default["recordings"]["datasets"]["auditory"])
    assert "tone" in checked(renamed, schema)["recordings"]["datasets"]
    wrong = changed(default, "recordings.datasets.visual.folder", "resources/simulated/recordings/vision")
    assert complaint(wrong, schema).where == "recordings.datasets.visual.folder"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("unit_filters", {"rate_hz": {"mni": 1}}, "Did you mean 'min'"),
        ("unit_filters", {"rate_hz": {}}, "min, max, values"),
        ("label", {"series": "speed", "rule": "mean"}, "value, sign, above, number"),
        ("label", {"column": "tone", "values": {"low": 1}}, "a mapping of classes"),
        ("clock_events", [], "a list of them"),
    ],
)
def test_labels_and_filters_that_cannot_be_are_refused(default, schema, key, value, words):
    given = deepcopy(default)
    given["recordings"]["datasets"]["visual"][key] = value
    assert words in str(complaint(given, schema))


def test_the_datasets_of_the_manual_pass(root, default, schema):
    from digimus.recordings import Preparation

    text = (root / "config/README.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)]
    datasets = {name: dataset for block in blocks for name, dataset in block.items()}
    assert {"licks_M2", "choice", "running"} <= set(datasets)
    datasets["licks"]["priors"] = []
    found = checked(with_datasets(default, **datasets), schema)["recordings"]["datasets"]
    others = ("simulated", "folder", "pattern", "signal", "region_column", "trials_table", "priors")
    for name in datasets:
        Preparation.from_config({key: value for key, value in found[name].items() if key not in others})
