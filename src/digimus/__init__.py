"""DigiMus: does the wiring of the mouse brain help a network learn the brain's tasks?

The subpackages follow the order of the data: `morphology`, `connectome`, `motifs`, `tasks`,
`recordings`, `models`, `training`, `analysis`, `figures`; `simulation` makes inputs with a known
truth. Imports run in that order, never back.
"""

from digimus.errors import InputError, TrainingError

__all__ = ["InputError", "TrainingError"]
