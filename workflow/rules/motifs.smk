# Motifs: the census of each region against its null models, and the priors made from it.
#
# Inputs:  results/connectome/{source}/{region}.h5, published tables of motif counts, graphs of other origin
# Outputs: results/motifs/{source}/regions/{region}.{profile,verdict,neurons}.csv  per region; neurons: participation
#          results/motifs/{source}/profiles.csv    region x null x triad: counts, null, z, SP, p, intervals
#          results/motifs/{source}/verdicts.csv    region x null: does the profile differ, more than geometry, than degree?
#          results/motifs/{source}/priors.csv      region x triad: what a prior on weights needs
#          results/motifs/{source}/similarity.csv  region x region x measure: cosine
#          results/motifs/{source}/clusters.csv    region: order and cluster; linkage.csv: the dendrogram
#          results/motifs/{graph}/regions/{graph}.graph.csv  a graph that was handed in: nodes, density, reciprocity
#          results/motifs/comparison.csv           our regions x regions of published tables: cosine


rule motifs:
    input:
        expand(results("motifs/{source}/priors.csv"), source=[*SOURCES, *TABLES, *GRAPHS]),
        results("motifs/comparison.csv"),


rule region_motifs:
    input:
        graph=results("connectome/{source}/{region}.h5"),
    output:
        profile=update(results("motifs/{source}/regions/{region}.profile.csv")),
        verdict=update(results("motifs/{source}/regions/{region}.verdict.csv")),
        neurons=update(results("motifs/{source}/regions/{region}.neurons.csv")),
    log:
        log_file("region_motifs/{source}/{region}"),
    benchmark:
        benchmark_file("region_motifs/{source}/{region}")
    wildcard_constraints:
        source=one_name_of(SOURCES),
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1500, of_input=50),
        runtime=minutes(120, of_input=30),
    params:
        n_draws=CONFIG["motifs"]["n_draws"],
        n_null=CONFIG["motifs"]["n_null"],
        nulls=CONFIG["motifs"]["nulls"],
        n_bootstrap=CONFIG["motifs"]["n_bootstrap"],
        seed=CONFIG["seed"],
        code=code("motifs", "connectome"),
    script:
        "../scripts/region_motifs.py"


rule graph_motifs:
    input:
        graph=lambda wildcards: GRAPHS[wildcards.source]["path"],
    output:
        profile=update(results("motifs/{source}/regions/{region}.profile.csv")),
        verdict=update(results("motifs/{source}/regions/{region}.verdict.csv")),
        neurons=update(results("motifs/{source}/regions/{region}.neurons.csv")),
        graphs=update(results("motifs/{source}/regions/{region}.graph.csv")),
    log:
        log_file("graph_motifs/{source}/{region}"),
    benchmark:
        benchmark_file("graph_motifs/{source}/{region}")
    wildcard_constraints:
        source=one_name_of(GRAPHS),
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1500, of_input=50),
        runtime=minutes(120, of_input=30),
    params:
        graph=lambda wildcards: GRAPHS[wildcards.source],
        min_neurons=CONFIG["connectome"]["min_neurons"],
        n_null=CONFIG["motifs"]["n_null"],
        nulls=CONFIG["motifs"]["nulls"],
        n_bootstrap=CONFIG["motifs"]["n_bootstrap"],
        seed=CONFIG["seed"],
        code=code("motifs"),
    script:
        "../scripts/graph_motifs.py"


rule motif_tables:
    input:
        profiles=region_tables("profile"),
        verdicts=region_tables("verdict"),
        graphs=graphs_table,
    output:
        profiles=update(results("motifs/{source}/profiles.csv")),
        verdicts=update(results("motifs/{source}/verdicts.csv")),
        priors=update(results("motifs/{source}/priors.csv")),
        similarity=update(results("motifs/{source}/similarity.csv")),
        clusters=update(results("motifs/{source}/clusters.csv")),
        linkage=update(results("motifs/{source}/linkage.csv")),
    log:
        log_file("motif_tables/{source}"),
    benchmark:
        benchmark_file("motif_tables/{source}")
    wildcard_constraints:
        source=one_name_of([*SOURCES, *GRAPHS]),
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        kind=lambda wildcards: "region" if wildcards.source in SOURCES else "graph",
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
        source=one_name_of(TABLES),
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(15),
    params:
        rows=lambda wildcards: TABLES[wildcards.source].get("rows", "presynaptic"),
        code=code("motifs"),
    script:
        "../scripts/published_priors.py"


rule compare_profiles:
    input:
        profiles=expand(results("motifs/{source}/profiles.csv"), source=SOURCES),
        tables=[table[key] for table in TABLES.values() for key in ("path", "nz_path") if key in table],
    output:
        comparison=update(results("motifs/comparison.csv")),
    log:
        log_file("compare_profiles"),
    benchmark:
        benchmark_file("compare_profiles")
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        tables=TABLES,
        code=code("motifs"),
    script:
        "../scripts/compare_profiles.py"
