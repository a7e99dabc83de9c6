# Report: one page that opens offline, with figures, claims, configuration and times.
#
# Inputs:  figures, claims, tables of set-aside inputs, results/benchmarks/rules/
# Outputs: results/report.html


rule report:
    input:
        results("report.html"),


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
    output:
        page=update(results("report.html")),
    log:
        log_file("write_report"),
    benchmark:
        benchmark_file("write_report")
    conda:
        "../../envs/analysis.yaml"
    params:
        configuration=CONFIG,
        figures=DRAWN,
        code=code("figures", "analysis/statistics"),
    script:
        "../scripts/write_report.py"
