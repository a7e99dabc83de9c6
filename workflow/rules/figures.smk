# Figures: drawn from tables alone, each with the table behind it.
#
# Inputs:  tables under results/
# Outputs: results/figures/fig{n}_{name}.{pdf,png,csv}

FIGURE_NUMBERS = {
    name: number
    for number, name in enumerate(
        ["graphs", "motifs", "tasks", "learning", "decoding", "retention", "states", "claims"], start=1
    )
}
FIGURE_INPUTS = {
    "graphs": expand(results("{kind}.csv"), kind=[f"connectome/{s}/{t}" for s in SOURCES for t in ("graphs", "distance")])
    + expand(results("morphology/{source}/neurons.csv"), source=SOURCES),
    "motifs": expand(results("motifs/{source}/{kind}.csv"), source=SOURCES, kind=["profiles", "verdicts"]),
    "tasks": [results("tasks/trials.csv")],
    "learning": [results("evaluation/scores.csv"), results("evaluation/curves.csv")],
    "decoding": [results("evaluation/scores.csv"), results("evaluation/nulls.csv")],
    "retention": [results("retention/profiles.csv"), results("retention/scores.csv")],
    "states": [results("states/summary.csv"), results("states/trajectories.csv"), results("states/distances.csv")],
    "claims": [results("claims.csv")],
}
FIGURES = [
    results(f"figures/fig{FIGURE_NUMBERS[name]}_{name}.{suffix}")
    for name in CONFIG["figures"]
    for suffix in ("pdf", "png", "csv")
]


rule figures:
    input:
        FIGURES,


rule draw_figure:
    input:
        lambda wildcards: FIGURE_INPUTS[wildcards.figure],
    output:
        pdf=report(
            update(results("figures/fig{number}_{figure}.pdf")),
            caption="../report/{figure}.rst",
            category="Figures",
        ),
        png=update(results("figures/fig{number}_{figure}.png")),
        table=update(results("figures/fig{number}_{figure}.csv")),
    wildcard_constraints:
        number="[0-9]+",
        figure="|".join(FIGURE_NUMBERS),
    params:
        simulated_sources=SIMULATED_SOURCES,
        simulated_datasets=SIMULATED_DATASETS,
        simulated_priors=[name for name, prior in PRIORS.items() if prior["source"] in SIMULATED_SOURCES],
        code=code("figures"),
    log:
        log_file("draw_figure/fig{number}_{figure}"),
    benchmark:
        benchmark_file("draw_figure/fig{number}_{figure}")
    script:
        "../scripts/draw_figure.py"
