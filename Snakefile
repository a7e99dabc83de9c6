# DigiMus: from neurons and recordings to figures and a table of claims.
#
#   snakemake --cores all              everything
#   snakemake --cores all motifs       one stage and what it needs
#   snakemake --configfile config/tiny.yaml --cores 2


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/simulation.smk"
include: "workflow/rules/morphology.smk"
include: "workflow/rules/connectome.smk"
include: "workflow/rules/motifs.smk"
include: "workflow/rules/tasks.smk"
include: "workflow/rules/retrieval.smk"
include: "workflow/rules/recordings.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/retention.smk"
include: "workflow/rules/states.smk"
include: "workflow/rules/errors.smk"
include: "workflow/rules/perturbation.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/estimate.smk"
include: "workflow/rules/inventory.smk"


keep_hashes()


onstart:
    or_stop(check_writable, RESULTS)
    clear_half_written()
    write_text(results("config.yaml"), yaml.safe_dump(CONFIG, sort_keys=False))
    if workflow.is_main_process and not workflow.touch:
        write_rule_graph(workflow.dag)
        print_estimate(at_once(), sys.stderr)


onerror:
    print_missing(sys.stderr)


onsuccess:
    page = Path(results("report.html"))
    if page.exists() and page.stat().st_mtime > STARTED:
        print(f"\nReport: {page}   claims: {results('claims.csv')}   figures: {results('figures/')}")


wildcard_constraints:
    source=one_name_of([*SOURCES, *TABLES, *GRAPHS]),
    dataset=one_name_of(DATASETS),
    region="[^/]+",
    task="[A-Za-z0-9]+",
    model="[A-Za-z0-9._-]+",
    prior="[A-Za-z0-9._-]+",


rule all:
    default_target: True
    input:
        FIGURES,
        results("claims.csv"),
        results("report.html"),
        results("explorer.html"),
