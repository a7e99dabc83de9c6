"""Two stimuli shown one after the other: hold the first in memory and answer at the stronger one."""

from digimus.tasks.perceptual_decision import decision
from digimus.tasks.trials import choice_steps, uniform_steps

ONSETS_MS = STIMULI_MS = (200, 400, 600)
DELAYS_MS = (200, 400, 800, 1600)
GO_WAIT_MS = (100, 300)
COHERENCES = (0.08, 0.16, 0.32)


def sequential(rng, batch_size, evidence):
    """A delay parts the two stimuli, and a short wait the second from the go signal.

    `evidence` is one of those in `digimus.tasks.perceptual_decision`.
    """
    on1 = choice_steps(rng, ONSETS_MS)
    off1 = on1 + choice_steps(rng, STIMULI_MS)
    on2 = off1 + choice_steps(rng, DELAYS_MS)
    off2 = on2 + choice_steps(rng, STIMULI_MS)
    boundaries = {
        "fixation": 0,
        "stimulus1": on1,
        "delay1": off1,
        "stimulus2": on2,
        "delay2": off2,
        "response": off2 + uniform_steps(rng, *GO_WAIT_MS),
    }
    return decision(rng, batch_size, boundaries, ((on1, off1), (on2, off2)), evidence, COHERENCES)
