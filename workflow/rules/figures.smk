# Figures: drawn from tables alone, each with the table behind it.
#
# Inputs:  tables under results/
# Outputs: results/figures/fig{n}_{name}.{pdf,png,csv}; n is 1 to 7, or S1 to S12 of the supplement


rule figures:
    input:
        FIGURES,


rule draw_figure:
    input:
        lambda wildcards: FIGURE_INPUTS[wildcards.figure],
    output:
        pdf=report(
            update(results("figures/fig{number}_{figure}.pdf")),
            caption="../report/figure.rst",
            category="Figures",
        ),
        png=update(results("figures/fig{number}_{figure}.png")),
        table=update(results("figures/fig{number}_{figure}.csv")),
    log:
        log_file("draw_figure/fig{number}_{figure}"),
    benchmark:
        benchmark_file("draw_figure/fig{number}_{figure}")
    wildcard_constraints:
        number="S?[0-9]+",
        figure=one_name_of(FIGURE_INPUTS),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(1500, of_input=2),
        runtime=minutes(15),
    params:
        simulated_sources=SIMULATED_SOURCES,
        simulated_datasets=SIMULATED_DATASETS,
        simulated_priors=SIMULATED_PRIORS,
        code=code("figures", "analysis/accuracy", "analysis/psychometrics", "registries", "tasks/registry"),
    script:
        "../scripts/draw_figure.py"
