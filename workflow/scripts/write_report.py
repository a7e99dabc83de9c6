"""Write the report: figures, claims, what was left out, models, configuration and times on one page."""

from pathlib import Path

from job import job

with job(snakemake):
    from digimus.figures import write_report
    from digimus.storage import read_table

    inputs, params = snakemake.input, snakemake.params
    pictures = {Path(path).stem.split("_", 1)[1]: path for path in inputs.figures if path.endswith(".png")}
    captions = {Path(path).stem: Path(path).read_text(encoding="utf-8") for path in inputs.captions}
    text = {"session": str, "animal": str}
    write_report(
        snakemake.output.page,
        figures={name: pictures[name] for name in params.figures},
        captions=captions,
        claims=read_table(inputs.claims),
        set_aside={Path(path).parts[-2]: read_table(path) for path in inputs.set_aside},
        sessions={Path(path).parts[-2]: read_table(path, dtype=text) for path in inputs.sessions},
        models=read_table(inputs.models),
        recovery=[read_table(path) for path in inputs.recovery],
        accuracy=read_table(inputs.accuracy),
        controls=read_table(inputs.controls),
        configuration=params.configuration,
        benchmarks_dir=Path(snakemake.output.page).parent / "benchmarks" / "rules",
    )
