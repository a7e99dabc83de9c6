"""One engine trains every model on every problem, several seeds a job, and keeps all it learnt.

Adding a problem (a benchmark) is one class with the methods of `digimus.training.problems.RuleTask`.
"""

from digimus.training.cells import Trained, load, train_task
from digimus.training.checkpoints import read_checkpoint
from digimus.training.decoders import train_decoders
from digimus.training.decoding_problem import Decoding
from digimus.training.engine import FitSettings, choose_device, fit
from digimus.training.problems import AllTasks, RuleTask
from digimus.training.rates import RateGrid
from digimus.training.seeds import fit_seeds

__all__ = [
    "AllTasks",
    "Decoding",
    "FitSettings",
    "RateGrid",
    "RuleTask",
    "Trained",
    "choose_device",
    "fit",
    "fit_seeds",
    "load",
    "read_checkpoint",
    "train_decoders",
    "train_task",
]
