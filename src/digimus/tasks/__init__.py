"""The rule tasks: batches of trials for any of them, and how an answer is scored."""

from digimus.tasks.registry import FAMILIES, N_INPUTS, RULES18, RULES20, TASKS, Task, make_batch
from digimus.tasks.scoring import accuracy, loss, population_vector
from digimus.tasks.trials import DT_MS, N_OUTPUTS, N_RING, Batch

__all__ = [
    "DT_MS",
    "FAMILIES",
    "N_INPUTS",
    "N_OUTPUTS",
    "N_RING",
    "RULES18",
    "RULES20",
    "TASKS",
    "Batch",
    "Task",
    "accuracy",
    "loss",
    "make_batch",
    "population_vector",
]
