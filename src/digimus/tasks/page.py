"""The page that describes the rule tasks, made from the constants that draw them."""

import re
import textwrap

import numpy as np

from digimus.seeding import stream
from digimus.tasks import delayed_decision, match, perceptual_decision, sensorimotor
from digimus.tasks.registry import FAMILIES, N_INPUTS, RULES18, RULES20, TASKS
from digimus.tasks.scoring import FIXATING_ABOVE, TOLERANCE_RAD
from digimus.tasks.trials import (
    ALPHA,
    BUMP_HEIGHT,
    BUMP_WIDTH_RAD,
    DT_MS,
    GRACE_MS,
    INPUT_NOISE_SD,
    N_OUTPUTS,
    N_RING,
    RULE_START,
    TAIL_MS,
    TARGET_FIXATING,
    TARGET_LOW,
    WEIGHT_AFTER_GO,
    WEIGHT_BEFORE_GO,
    WEIGHT_FIXATION,
)

HEAD = """\
# The rule tasks

Written by `python -m digimus.tasks`; a test holds this page to the code. After Yang et al., Nature
Neuroscience 22, 297 (2019). The set `rules20` (`digimus.tasks.RULES20`) has {all_of_them}, `rules18`
(`digimus.tasks.RULES18`) leaves out {left_out}. Which 18 tasks the DigiMus abstract means is not said;
this choice is our definition, and so are the four families (`digimus.tasks.FAMILIES`), by
complexity, the simplest first: {families}.
"""

BATCH_HEAD = """\
## A batch

`digimus.tasks.make_batch(name, batch_size, seed, device)` draws B trials of T steps with S stimuli, one
or two. Everything is drawn on the CPU from one generator, so a seed gives the same batch on any machine
and for any device. A batch carries:
"""

GRAMMAR = """\
## What all tasks share

- A step is {dt} ms. All trials of a batch have one timing; durations are cut to whole steps.
- Inputs, {n_inputs}: fixation, two rings of {n_ring} units, {n_rules} rule inputs of which the
  task's own is 1. Every input carries normal noise of standard deviation {noise:.4f} = 0.01 √(2 /
  {alpha}).
- A stimulus at angle θ gives unit k of its ring {height} exp(-½ (d / {width})²) times its strength,
  d the distance from θ to 2πk/{n_ring} on the circle.
- Targets, {n_outputs}: fixation {fixating} before the go signal and {low} after it; the ring {low},
  and in the response {low} plus the bump at the answer. Where no answer is due, fixation stays
  {fixating} to the end.
- The loss is the mean of ((target - output) · mask)². The mask is 0 in the first {grace} ms of the
  trial and in the {grace} ms after the go signal, {before:g} before it and {after:g} after it, and
  {fixation:g} times as much on fixation.
- A trial is right if, at its last step, fixation is at most {above} and the population vector lies
  within {degrees:g}° of the answer; where no answer is due, if fixation is above {above}.
- Chance is one over the choices, or the share of the ring that counts as right.
"""

BATCH = {
    "name": ("text", "The task."),
    "inputs": ("(B, T, {n_inputs})", "Fixation, ring 1, ring 2, rule; with noise."),
    "targets": ("(B, T, {n_outputs})", "Fixation and ring, what the outputs should be."),
    "mask": ("(B, T, {n_outputs})", "Weighs the error before it is squared. One for all trials."),
    "epochs": ("name: (start, stop)", "Steps of each epoch of the timing below, in order and without gaps."),
    "reaction_window": (
        "(start, stop)",
        "Steps in which an answer may be given: from the go signal to the end.",
    ),
    "answer_rad": ("(B,)", "The correct answer; nan where it is to keep fixating."),
    "angles_rad": ("(B, S)", "Where each stimulus is."),
    "strengths": ("(B, S, 2)", "Of each stimulus in ring 1 and ring 2; 0 where it is not shown."),
    "onsets": ("S steps", "When each stimulus appears."),
    "difficulty": ("(B,)", "In decision tasks the size of c, see below; smaller is harder. Otherwise nan."),
}
"""Shape and meaning of what a batch carries, in its order."""

RINGS = {
    sensorimotor: "ring 1 or 2, drawn for the batch",
    match: "each stimulus in ring 1 or 2, drawn for the batch",
    perceptual_decision.ring1: "ring 1",
    perceptual_decision.ring2: "ring 2",
    perceptual_decision.attend1: "both, at the same two angles with strengths of their own; ring 1 decides",
    perceptual_decision.attend2: "both, at the same two angles with strengths of their own; ring 2 decides",
    perceptual_decision.summed: "both, s + d and s - d, d = s U(0.2, 0.8) / 2 with a random sign; s decides",
}


def uniform(bounds):
    """U(low, high) in words."""
    return f"U({bounds[0]}, {bounds[1]})"


def choice(options):
    """One of the options, in words."""
    return f"one of {', '.join(str(option) for option in options)}"


TIMINGS = {
    sensorimotor.go: {
        "fixation": uniform(sensorimotor.GO_ONSET_MS),
        "stimulus1": f"{uniform(sensorimotor.GO_WAIT_MS)}, and on to the end",
        "response": str(TAIL_MS),
    },
    sensorimotor.reaction_time: {
        "fixation": uniform(sensorimotor.REACTION_ONSET_MS),
        "response": f"{TAIL_MS}, with the stimulus",
    },
    sensorimotor.delayed: {
        "fixation": choice(sensorimotor.DELAY_ONSETS_MS),
        "stimulus1": choice(sensorimotor.DELAY_STIMULI_MS),
        "delay1": choice(sensorimotor.DELAYS_MS),
        "response": str(TAIL_MS),
    },
    perceptual_decision.simultaneous: {
        "fixation": uniform(perceptual_decision.ONSET_MS),
        "stimulus1": f"{choice(perceptual_decision.STIMULI_MS)}, both stimuli",
        "response": str(TAIL_MS),
    },
    delayed_decision.sequential: {
        "fixation": choice(delayed_decision.ONSETS_MS),
        "stimulus1": choice(delayed_decision.STIMULI_MS),
        "delay1": choice(delayed_decision.DELAYS_MS),
        "stimulus2": choice(delayed_decision.STIMULI_MS),
        "delay2": uniform(delayed_decision.GO_WAIT_MS),
        "response": str(TAIL_MS),
    },
    match.sample: {
        "fixation": choice(match.ONSETS_MS),
        "stimulus1": choice(match.STIMULI_MS),
        "delay1": choice(match.DELAYS_MS),
        "response": f"{TAIL_MS}, with the second stimulus",
    },
    match.category: {
        "fixation": choice(match.ONSETS_MS),
        "stimulus1": choice(match.STIMULI_MS),
        "delay1": choice(match.DELAYS_MS),
        "response": f"{choice(match.STIMULI_MS)}, with the second stimulus",
    },
}
"""Durations of the epochs in ms, by the function that draws them."""


def page():
    """The page as Markdown, ending in a line break."""
    return "\n".join(
        [
            _wrapped(_head()),
            _table(),
            _wrapped(BATCH_HEAD),
            _batch(),
            _timings(),
            _wrapped(_strengths()),
            _wrapped(_grammar()),
        ]
    )


def _wrapped(text):
    """Paragraphs and list items refilled to 110 characters."""
    parts = re.split(r"\n(?=- |\n)", text.rstrip("\n"))
    filled = []
    for part in parts:
        indent = "  " if part.startswith("- ") else ""
        lead = "\n" if part.startswith("\n") else ""
        words = " ".join(part.split())
        filled.append(lead + textwrap.fill(words, 110, subsequent_indent=indent, break_on_hyphens=False))
    return "\n".join(filled) + "\n"


def _head():
    left_out = " and ".join(f"`{name}`" for name in RULES20 if name not in RULES18)
    all_of_them = "all of them" if len(TASKS) == len(RULES20) else f"the first {len(RULES20)}"
    families = "; ".join(f"{name} ({len(members)})" for name, members in FAMILIES.items())
    return HEAD.format(left_out=left_out, all_of_them=all_of_them, families=families)


def _grammar():
    return GRAMMAR.format(
        dt=DT_MS, n_inputs=N_INPUTS, n_ring=N_RING, n_rules=N_INPUTS - RULE_START, noise=INPUT_NOISE_SD,
        alpha=ALPHA, height=BUMP_HEIGHT, width=f"{BUMP_WIDTH_RAD:.4f} rad", n_outputs=N_OUTPUTS,
        fixating=TARGET_FIXATING, low=TARGET_LOW, grace=GRACE_MS, before=WEIGHT_BEFORE_GO,
        after=WEIGHT_AFTER_GO, fixation=WEIGHT_FIXATION, above=FIXATING_ABOVE,
        degrees=round(TOLERANCE_RAD * 180 / np.pi, 6),
    )  # fmt: skip


def _rows(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _table():
    rows = [
        [
            f"`{task.name}`", family, str(task.rule), f"{task.chance:.0%}",
            "yes" if task.name in RULES18 else "no", task.description, _rings(task),
        ]
        for family, names in FAMILIES.items()
        for task in map(TASKS.get, names)
    ]  # fmt: skip
    header = ["Task", "Family", "Rule input", "Chance", "In `rules18`", "What to do", "Rings"]
    return _rows(header, rows)


def _function(task):
    """The function that draws a task, without the arguments that make it this task."""
    return getattr(task.draw, "func", task.draw)


def _rings(task):
    function, arguments = _function(task), getattr(task.draw, "keywords", {})
    if function not in TIMINGS:
        return f"see `{function.__module__}`"
    if "evidence" in arguments:
        return RINGS[arguments["evidence"]]
    return RINGS[match if function in (match.sample, match.category) else sensorimotor]


def _batch():
    sizes = dict(n_inputs=N_INPUTS, n_outputs=N_OUTPUTS)
    rows = [[f"`{field}`", shape.format(**sizes), text] for field, (shape, text) in BATCH.items()]
    return _rows(["Field", "Shape", "What"], rows)


def _timings():
    rows = []
    functions = dict.fromkeys([*TIMINGS, *map(_function, TASKS.values())])
    for function in functions:
        named = {name: task for name, task in TASKS.items() if _function(task) is function}
        plan = next(iter(named.values())).draw(stream(0, "page"), 1)
        stays = "stays on" if plan.fixation_stays else "off at the go signal"
        epochs = TIMINGS.get(function, dict.fromkeys(plan.boundaries, ""))
        timing = "; ".join(f"{epoch} {duration}".rstrip() for epoch, duration in epochs.items())
        rows.append([", ".join(f"`{name}`" for name in named), timing, stays])
    title = "## Timing\n\nEpochs in order, each with its duration in ms."
    title += " The go signal is the start of the response.\n\n"
    return title + _rows(["Tasks", "Epochs", "Fixation input"], rows)


def _strengths():
    both = {"perceptual decision": perceptual_decision, "delayed decision": delayed_decision}
    lines = [
        "## Angles and strengths\n",
        "- Angles are uniform on the circle. One stimulus, and those of the match family, have strength 1.",
        f"- Decision tasks: the stimuli are U({_turn(perceptual_decision.SEPARATION_RAD)}) apart, on a",
        f"  random side, with strengths m + c and m - c, m {uniform(perceptual_decision.MEAN_STRENGTH)},",
        "  c of random sign.",
    ]
    for family, module in both.items():
        lines.append(
            f"- |c| in the {family} family: {choice(module.COHERENCES)}. It is the trial's difficulty."
        )
    angles = ", ".join(f"{angle / np.pi:.1f}" for angle in match.CATEGORY_ANGLES_RAD)
    lines += [
        f"- `dms`, `dnms`: half of the trials match; others are U({_turn(match.NONMATCH_RAD)}) apart, on a",
        "  random side.",
        f"- `dmc`, `dnmc`: both angles are one of {angles} times π;",
        "  below π is one category, above it the other.",
    ]
    return "\n".join(lines) + "\n"


def _turn(bounds):
    return ", ".join(f"{bound / np.pi:.4g}π" for bound in bounds)
