"""Write the report: figures, claims, what is missing, models, rules, configuration and times on one page."""

from pathlib import Path

from job import job

with job(snakemake):
    from digimus.figures.report import write_report
    from digimus.storage import read_table

    inputs, params = snakemake.input, snakemake.params
    drawn = {}
    for path in map(Path, inputs.figures):
        drawn.setdefault(path.suffix, {})[path.stem.split("_", 1)[1]] = path
    captions = {Path(path).stem: Path(path).read_text(encoding="utf-8") for path in inputs.captions}
    text = {"session": str, "animal": str}
    said = dict(usecols=lambda column: column in ("panel", "not_available"), dtype=str)
    records = Path(snakemake.output.page).parent / "benchmarks"
    rules = records / "rule_graph.csv"
    write_report(
        snakemake.output.page,
        figures={name: drawn[".png"][name] for name in params.figures},
        captions=captions,
        claims=read_table(inputs.claims),
        set_aside={Path(path).parts[-2]: read_table(path) for path in inputs.set_aside},
        sessions={Path(path).parts[-2]: read_table(path, dtype=text) for path in inputs.sessions},
        models=read_table(inputs.models),
        tables={name: read_table(path, **said) for name, path in drawn[".csv"].items()},
        rules=read_table(rules, keep_default_na=False) if rules.exists() else None,
        explorer=params.explorer,
        recovery=[read_table(path) for path in inputs.recovery],
        accuracy=read_table(inputs.accuracy),
        controls=read_table(inputs.controls),
        configuration=params.configuration,
        benchmarks_dir=records / "rules",
    )
