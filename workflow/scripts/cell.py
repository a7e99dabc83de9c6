"""What the two training rules share: the cell, its motif term and its key."""

import hashlib
import json
import logging

import torch

from digimus.models import MotifTerm
from digimus.motifs import MOTIFS
from digimus.motifs.priors import build_prior, read_priors
from digimus.storage import read_table
from digimus.training import FitSettings, RateGrid
from digimus.training.cells import Cell
from job import provenance

torch.set_num_threads(1)


def make_cell(snakemake, benchmark, unit, n_units):
    """The cell of a job; a baseline without a width of its own is matched to DigiMus in size."""
    settings = dict(snakemake.params.model)
    kind = settings.pop("kind")
    own_width = "n_units" in settings
    if kind == "digimus" and not own_width:
        settings["n_units"] = n_units
    return Cell(
        benchmark=benchmark,
        unit=unit,
        model=snakemake.wildcards.model,
        kind=kind,
        prior=snakemake.wildcards.prior,
        model_settings=settings,
        seeds=tuple(snakemake.params.seeds),
        device=snakemake.params.device,
        matched_to=None if own_width or kind == "digimus" else n_units,
    )


def make_motif_term(snakemake, n_updates):
    """The motif term of a job, or None."""
    configured = snakemake.params.prior
    if configured is None:
        return None
    priors = read_priors(snakemake.input.priors)
    prior = build_prior(configured["name"], configured, priors, configured["seed"])
    logging.info("prior %s: %s of %s, region %s %s", prior.name, prior.kind, prior.source, prior.region,
                 prior.settings or "")  # fmt: skip
    own = {key: configured[key] for key in ("loss", "weight", "reciprocity_weight") if key in configured}
    shares = None
    if snakemake.input.participation:
        shares = read_table(snakemake.input.participation, MOTIFS)[list(MOTIFS)].to_numpy()
    settings = {**snakemake.params.motif_term, **own}
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
