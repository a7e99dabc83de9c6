# Report and explorer: two pages that open offline.
#
# Inputs:  figures, claims, tables of set-aside inputs, results/benchmarks/; tables and graphs of every region
# Outputs: results/report.html                     figures, claims, configuration, rules and times
#          results/explorer.html                   motifs, neurons and graph, region by region
#          results/benchmarks/rule_graph.csv       written when a run starts that makes the report


rule report:
    input:
        results("report.html"),
        results("explorer.html"),


rule write_report:
    input:
        figures=FIGURES,
        claims=results("claims.csv"),
        set_aside=expand(results("morphology/{source}/set_aside.csv"), source=SOURCES),
        sessions=expand(results("recordings/{dataset}/sessions.csv"), dataset=DATASETS),
        models=results("evaluation/models.csv"),
        accuracy=results("evaluation/accuracy.csv"),
        controls=results("evaluation/controls.csv"),
        captions=expand("workflow/report/{name}.rst", name=DRAWN),
        recovery=expand(results("connectome/{source}/recovery.csv"), source=SIMULATED_SOURCES),
        templates=page_parts("report"),
    output:
        page=update(results("report.html")),
    log:
        log_file("write_report"),
    benchmark:
        benchmark_file("write_report")
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(1500, of_input=2),
        runtime=minutes(15),
    params:
        configuration=CONFIG,
        figures=DRAWN,
        explorer="explorer.html",
        code=code(
            *(f"figures/{name}" for name in ("report", "report_rows", "rule_graph", "pages", "comparisons")),
            "figures/style",
            "analysis/statistics",
        ),
    script:
        "../scripts/write_report.py"


rule write_explorer:
    input:
        tables=[
            *tables_of([*SOURCES, *GRAPHS], "motifs/*/profiles", "motifs/*/verdicts"),
            *tables_of([*SOURCES, *GRAPHS, *TABLES], "motifs/*/priors"),
            *tables_of(SOURCES, "connectome/*/graphs", "morphology/*/neurons", "morphology/*/outlines"),
            *every_region("motifs/{source}/regions/{region}.neurons.csv"),
            *every_region("connectome/{source}/sketches/{region}.csv"),
            *(results(f"motifs/{name}/regions/{name}.neurons.csv") for name in GRAPHS),
        ],
        graphs=every_region("connectome/{source}/{region}.h5"),
        handed_in=[graph["path"] for graph in GRAPHS.values()],
        templates=page_parts("explorer"),
    output:
        page=update(results("explorer.html")),
    log:
        log_file("write_explorer"),
    benchmark:
        benchmark_file("write_explorer")
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(1500, of_input=2),
        runtime=minutes(15),
    params:
        kinds=GRAPH_KINDS,
        handed_in=GRAPHS,
        title=CONFIG["name"],
        report="report.html",
        code=code(
            *(f"figures/{name}" for name in ("explorer", "explorer_tables", "inputs", "pages", "triads")),
            "figures/style",
            "connectome/graph",
            "motifs/graphs",
        ),
    script:
        "../scripts/write_explorer.py"
