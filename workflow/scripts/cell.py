"""What the two training rules share: the cell, its motif term and its key."""

import hashlib
import json
import logging

import torch

from digimus.models import MotifTerm, RegionTerms
from digimus.models.structure import projection_shares, region_slices
from digimus.motifs import MOTIFS
from digimus.motifs.priors import build_priors, read_priors
from digimus.storage import read_table
from digimus.training import FitSettings, RateGrid
from digimus.training.cells import Cell
from job import provenance

torch.set_num_threads(1)


def make_cell(snakemake, benchmark, unit, n_units):
    """The cell of a job; a baseline without a width of its own is matched to DigiMus in size.

    Sets the precision of torch's products for the job.
    """
    torch.set_float32_matmul_precision(snakemake.params.matmul_precision)
    settings = dict(snakemake.params.model)
    kind = settings.pop("kind")
    own_width = "n_units" in settings
    if kind == "digimus" and not own_width:
        settings["n_units"] = n_units
    if isinstance(settings.get("projections"), str):  # kept with the network as the matrix that it was
        settings["projections"] = projection_shares(settings["projections"], settings["regions"]).tolist()
    return Cell(
        benchmark=benchmark,
        unit=unit,
        model=snakemake.wildcards.model,
        kind=kind,
        prior=snakemake.wildcards.prior,
        model_settings=settings,
        seeds=tuple(snakemake.params.seeds),
        device=snakemake.params.device,
        seeds_at_once=snakemake.params.seeds_at_once,
        matched_to=None if own_width or kind == "digimus" else n_units,
    )


def make_motif_term(snakemake, n_updates, cell):
    """The motif term of a job: of the whole recurrent matrix, or of each module that has a prior; or None."""
    configured = snakemake.params.prior
    if configured is None:
        return None
    tables = {path.split("/")[-2]: read_priors(path) for path in snakemake.input.priors}
    priors = build_priors(configured["name"], configured, tables, configured["seed"])
    terms = {}
    for module, prior in priors.items():
        part = configured["modules"][module] if module else configured
        logging.info("%sprior %s: %s of %s, region %s %s", module and f"module {module}, ", prior.name,
                     prior.kind, prior.source, prior.region, prior.settings or "")  # fmt: skip
        terms[module] = _term(snakemake, n_updates, prior, part)
    if "" in terms:
        return terms[""]
    settings = cell.model_settings
    return RegionTerms(terms, region_slices(settings["regions"], settings["n_units"]))


def _term(snakemake, n_updates, prior, configured):
    own = {key: configured[key] for key in ("loss", "weight", "reciprocity_weight") if key in configured}
    settings = {**snakemake.params.motif_term, **own}
    shares = None
    if settings["loss"] == "participation":
        end = f"motifs/{configured['source']}/regions/{configured['region']}.neurons.csv"
        path = next(path for path in snakemake.input.participation if path.endswith(end))
        shares = read_table(path, MOTIFS)[list(MOTIFS)].to_numpy()
    return MotifTerm(prior, n_updates=n_updates, participation=shares, **settings)


def make_fit(snakemake, settings):
    """The fit settings of a job, and its grid of learning rates or None."""
    rate, search = snakemake.params.learning_rate, snakemake.params.search
    grid = None
    if not isinstance(rate, int | float):
        grid = RateGrid(tuple(rate), seed=search.get("seed", 0), n_updates=search.get("n_updates"))
        rate = grid.rates[0]
    stopping = settings.get("early_stopping", {})
    fit = FitSettings(
        n_updates=settings["n_updates"],
        learning_rate=rate,
        weight_decay=settings.get("weight_decay", 0.0),
        validate_every=settings["validate_every"],
        patience=stopping.get("patience"),
        least_gain=stopping.get("least_gain", 0.0),
        schedule=settings.get("schedule", "constant"),
    )
    return fit, grid


def key_of(snakemake):
    """A hash of everything that the result depends on."""
    return hashlib.sha256(json.dumps(provenance(snakemake), sort_keys=True, default=str).encode()).hexdigest()
