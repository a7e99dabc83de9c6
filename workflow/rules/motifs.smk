# Motifs: the census of each region against its null models, and the priors made from it.
#
# Inputs:  results/connectome/{source}/{region}.h5, published tables of motif counts
# Outputs: results/motifs/{source}/regions/{region}.{profile,verdict}.csv  per region
#          results/motifs/{source}/profiles.csv  region x null x triad: counts, null, z, SP, p, intervals
#          results/motifs/{source}/verdicts.csv  region x null: does the whole profile differ?
#          results/motifs/{source}/priors.csv    region x triad: what a prior on weights needs


rule motifs:
    input:
        expand(results("motifs/{source}/priors.csv"), source=[*SOURCES, *TABLES]),


rule region_motifs:
    input:
        graph=results("connectome/{source}/{region}.h5"),
    output:
        profile=update(results("motifs/{source}/regions/{region}.profile.csv")),
        verdict=update(results("motifs/{source}/regions/{region}.verdict.csv")),
    log:
        log_file("region_motifs/{source}/{region}"),
    benchmark:
        benchmark_file("region_motifs/{source}/{region}")
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    params:
        n_draws=CONFIG["motifs"]["n_draws"],
        n_null=CONFIG["motifs"]["n_null"],
        n_bootstrap=CONFIG["motifs"]["n_bootstrap"],
        seed=CONFIG["seed"],
        code=code("motifs", "connectome"),
    script:
        "../scripts/region_motifs.py"


rule motif_tables:
    input:
        profiles=region_tables("profile"),
        verdicts=region_tables("verdict"),
        graphs=results("connectome/{source}/graphs.csv"),
    output:
        profiles=update(results("motifs/{source}/profiles.csv")),
        verdicts=update(results("motifs/{source}/verdicts.csv")),
        priors=update(results("motifs/{source}/priors.csv")),
    log:
        log_file("motif_tables/{source}"),
    benchmark:
        benchmark_file("motif_tables/{source}")
    wildcard_constraints:
        source="|".join(SOURCES) or "none",
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    params:
        min_neurons=CONFIG["connectome"]["min_neurons"],
        code=code("motifs"),
    script:
        "../scripts/motif_tables.py"


rule published_priors:
    input:
        table=lambda wildcards: TABLES[wildcards.source]["path"],
    output:
        priors=update(results("motifs/{source}/priors.csv")),
    log:
        log_file("published_priors/{source}"),
    benchmark:
        benchmark_file("published_priors/{source}")
    wildcard_constraints:
        source="|".join(TABLES) or "none",
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    params:
        rows=lambda wildcards: TABLES[wildcards.source].get("rows", "presynaptic"),
        code=code("motifs"),
    script:
        "../scripts/published_priors.py"
