"""Tables of perturbations as the workflow writes them, with made-up numbers, for the tests of figures."""

import numpy as np
import pandas as pd

from anatomy_tables import grid

NO_ERRORS = "because there are fewer than 20 error trials"
STUDENTS = (
    ("none", "none"), ("A", "prior"), ("exchanged", "control"), ("own wiring", "bound"),
    ("shuffled wiring", "bound"),
)  # fmt: skip


def perturbation_tables(cells, tasks, *, teachers=0, modules=("M1", "M2")):
    """Effects and slopes of all cells, the first task alone with an error axis; and of so many teachers."""
    rng = np.random.default_rng(4)
    kinds = [
        ("silence", "random units", tasks, (0.5, 1.0)),
        ("error-axis", "error axis", tasks[:1], (-1.0, 0.5, 1.0)),
        ("random-direction", "all directions", tasks[:1], (0.5, 1.0)),
        ("random-direction", "shuffled outcomes", tasks[:1], (0.5, 1.0)),
    ]
    effects = pd.concat(
        grid(task=of, seed=[1, 2], kind=[kind], target=[target], epoch=["stimulus", "response"], dose=doses)
        for kind, target, of, doses in kinds
    )
    slopes = pd.concat(
        [
            grid(task=tasks, seed=[1, 2], kind=["error-axis"], target=["error axis"], epoch=["response"]),
            grid(task=tasks, seed=[1, 2], kind=["module"], target=modules, epoch=["response"]),
        ]
    )
    effects, slopes = (
        pd.concat([table.assign(model=m, prior=p) for m, p in cells], ignore_index=True)
        for table in (effects, slopes)
    )
    effects = effects.assign(change=rng.normal(-0.1, 0.1, len(effects)), dose_unit="threshold", draw=0)
    effects = effects.assign(n_trials=96, not_available="")
    slopes = slopes.assign(n_draws=5, not_available="")
    for name in ("slope", "random_slope_mean", "effect", "shuffled_effect"):
        slopes[name] = rng.normal(size=len(slopes))
    gone = slopes["kind"].eq("error-axis") & slopes["task"].ne(tasks[0])
    slopes.loc[gone, ["slope", "random_slope_mean", "effect", "shuffled_effect"]] = np.nan
    slopes.loc[gone, "not_available"] = NO_ERRORS
    tables = {"x/perturbation/effects.csv": effects, "x/perturbation/slopes.csv": slopes}
    return tables | _teachers(rng, teachers)


def _teachers(rng, n):
    if not n:
        missing = pd.DataFrame(
            [dict(teacher=0, prior="A", role="prior", not_available="because of no modules")]
        )
        numbers = ["teacher_change", "student_change", "correlation", "rmse", "n_perturbations", "dose"]
        missing = missing.assign(kind="", target="", epoch="", **dict.fromkeys(numbers, np.nan))
        return {f"x/perturbation/{name}.csv": missing for name in ("teacher", "teacher_scores")}
    roles = dict(STUDENTS)
    changes = grid(teacher=range(n), prior=list(roles), kind=["module"], target=["M1"], epoch=["response"],
                   dose=[-1.0, 1.0])  # fmt: skip
    changes = changes.assign(role=changes["prior"].map(roles), not_available="")
    for name in ("teacher_change", "student_change"):
        changes[name] = rng.normal(-0.1, 0.1, len(changes))
    scores = grid(teacher=range(n), prior=list(roles)).assign(n_perturbations=2, not_available="")
    scores = scores.assign(role=scores["prior"].map(roles), correlation=rng.uniform(0, 1, len(scores)))
    scores["rmse"] = rng.uniform(0, 0.1, len(scores))
    return {"x/perturbation/teacher.csv": changes, "x/perturbation/teacher_scores.csv": scores}
