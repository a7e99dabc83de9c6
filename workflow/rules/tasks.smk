# The rule tasks: one example trial of each, as a table.
#
# Inputs:  none
# Outputs: results/tasks/trials.csv  task x step x channel: input, target and mask of one trial


rule tasks:
    input:
        results("tasks/trials.csv"),


rule task_trials:
    output:
        trials=results("tasks/trials.csv"),
    log:
        log_file("task_trials"),
    benchmark:
        benchmark_file("task_trials")
    conda:
        TORCH_ENVIRONMENT
    resources:
        mem_mb=memory(1500),
        runtime=minutes(15),
    params:
        tasks=RULES["tasks"],
        seed=CONFIG["seed"],
        code=code("tasks"),
    script:
        "../scripts/task_trials.py"
