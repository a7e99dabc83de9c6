# Perturbation: what silencing, driving and pushing do to trained networks, and to a teacher and its students.
#
# Inputs:  results/training/rules/{task}/{model}/{prior}.h5; results/motifs/{source}/priors.csv and
#          results/connectome/{source}/{region}.h5 of the modules that teachers are made of
# Outputs: results/perturbation/effects.csv         task, model, prior, seed, kind, target, epoch, dose, draw: accuracy
#          results/perturbation/slopes.csv          the change of accuracy per unit dose, beside random ones
#          results/perturbation/teacher.csv         teacher, prior, target, epoch, dose: change in teacher and student
#          results/perturbation/teacher_scores.csv  teacher, prior: correlation and rmse of these changes


rule perturbation:
    input:
        results("perturbation/slopes.csv"),
        results("perturbation/teacher_scores.csv"),


rule perturb_networks:
    input:
        [cell for cell in RULE_CELLS if Path(cell).parts[-3] in PERTURBATION["tasks"]],
    output:
        effects=update(results("perturbation/effects.csv")),
        slopes=update(results("perturbation/slopes.csv")),
    log:
        log_file("perturb_networks"),
    benchmark:
        benchmark_file("perturb_networks")
    conda:
        TORCH_ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(2000, of_input=2),
        runtime=minutes(120, of_input=2),
    params:
        settings={
            **{key: PERTURBATION[key] for key in ("epochs", "fractions", "doses", "n_draws", "n_trials")},
            "n_axis_trials": RULES["n_test"],
        },
        untrained=[
            task
            for task in PERTURBATION["tasks"] or [""]
            if task not in {Path(cell).parts[-3] for cell in RULE_CELLS}
        ],
        seed=CONFIG["seed"],
        code=code(
            *("analysis/errors", "analysis/perturbation", "models", "tasks"),
            *("training/cells", "training/problems"),
        ),
    script:
        "../scripts/perturb_networks.py"


rule perturb_teachers:
    input:
        priors=prior_tables(TEACHER["prior"]) if TEACHER_PARTS else [],
        graphs=[
            results(f"connectome/{part['source']}/{part['region']}.h5") for part in TEACHER_PARTS.values()
        ],
    output:
        changes=update(results("perturbation/teacher.csv")),
        scores=update(results("perturbation/teacher_scores.csv")),
    log:
        log_file("perturb_teachers"),
    benchmark:
        benchmark_file("perturb_teachers")
    conda:
        TORCH_ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(2000, of_input=2),
        runtime=minutes(120, of_input=2),
    params:
        name=TEACHER.get("prior", ""),
        prior=whole_prior(TEACHER["prior"]) if TEACHER_PARTS else None,
        settings={key: value for key, value in TEACHER.items() if key != "prior"}
        | {
            "motif_term": {
                **{key: value for key, value in TRAINING["motif_term"].items()},
                "density": TEACHER.get("density"),
            }
        },
        seed=CONFIG["seed"],
        code=code(
            *("analysis/errors", "analysis/perturbation", "analysis/retention/profiles"),
            *("connectome/graph", "models", "motifs", "tasks"),
            *("training/adam", "training/engine", "training/problems"),
        ),
    script:
        "../scripts/perturb_teachers.py"
