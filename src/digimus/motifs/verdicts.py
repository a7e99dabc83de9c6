"""What the comparison with the null models says of a region, in words.

Our definitions. A region's motifs are more than geometry if its profile differs from both distance nulls,
and more than degree if it differs from the degree null. A region that is small, or was compared with too
few null graphs to tell, is undetermined: that no difference was found then means nothing. So is one whose
whole profile is not told apart from a null while single classes are. What was not sampled, by configuration
or for want of soma positions, is not tested.
"""

import pandas as pd

from digimus.motifs.profiles import LEVEL, corrected_within_null

YES, NO, UNDETERMINED, ABSENT = "yes", "no", "undetermined", "not tested"
GEOMETRY = ("distance", "distance-mutual")


def correct_verdicts(verdicts, profiles=None):
    """Verdicts of all regions, with p corrected over regions within each null.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        Concatenated verdicts of `RegionProfile` with a column region; `small` (bool) where it is known.
    profiles : pandas.DataFrame, optional
        The profiles of the same regions, as `correct_profiles` gives them: they name the classes, and a
        class that differs where the whole profile does not leaves the answer open.

    Returns
    -------
    pandas.DataFrame
        With p_corrected (Benjamini-Hochberg), differs, verdict (a row's, in words), more_than_geometry and
        more_than_degree ("yes", "no", "undetermined", "not tested") and summary (one a region).
    """
    table = corrected_within_null(verdicts, "p_profile")
    table["differs"] = table["p_corrected"] < LEVEL
    if "small" not in table:
        table["small"] = False
    classes = table.apply(_classes, axis=1, profiles=profiles)
    answers = pd.Series([_answer(row, classes[k]) for k, row in table.iterrows()], table.index)
    table["verdict"] = [_row_verdict(row, answers[k], classes[k], profiles) for k, row in table.iterrows()]
    parts = []
    for region, rows in table.groupby("region", sort=False):
        known = dict(zip(rows["null"], answers[rows.index], strict=True))
        more = dict(
            more_than_geometry=_all_of(known.get(null, ABSENT) for null in GEOMETRY),
            more_than_degree=known.get("degree", ABSENT),
        )
        single = {row["null"]: classes[k] for k, row in rows.iterrows() if answers[k] == UNDETERMINED}
        more["summary"] = _summary(region, known, more, single, bool(rows["small"].iloc[0]))
        parts.append(rows.assign(**more))
    return pd.concat(parts).sort_index()


def _answer(row, classes):
    """Whether a region's profile differs from a null, as far as that can be told."""
    if row["n_null"] == 0:
        return ABSENT
    if row["small"]:
        return UNDETERMINED
    if row["differs"]:
        return YES
    at_the_limit = row["p_profile"] <= row["p_least"] * (1 + 1e-9)
    return UNDETERMINED if at_the_limit or row["p_least"] >= LEVEL or classes else NO


def _row_verdict(row, answer, classes, profiles):
    if answer == ABSENT:
        return ABSENT
    if row["small"]:
        return "undetermined: too few neurons"
    if answer == UNDETERMINED and classes:
        return f"whole profile not told apart with n_null = {row['n_null']}; single classes: {classes}"
    if answer == UNDETERMINED:
        return f"cannot be told with n_null = {row['n_null']}"
    if answer == NO:
        return "no difference found"
    return "differs" if profiles is None else f"differs: {classes or 'no single class'}"


def _classes(row, profiles):
    """The classes that differ from a null on their own, in words; "" if none does, or none is known."""
    if profiles is None:
        return ""
    here = profiles[(profiles["region"] == row["region"]) & (profiles["null"] == row["null"])]
    named = [
        f"{word} {' '.join(here['triad'][here[column]])}"
        for word, column in (("more", "exceeds"), ("less", "falls_short"))
        if here[column].any()
    ]
    return ", ".join(named)


def _all_of(answers):
    answers = list(answers)
    for answer in (ABSENT, NO, UNDETERMINED):
        if answer in answers:
            return answer
    return YES


_WORDS = {
    YES: "more than {}",
    NO: "nothing beyond {} was found",
    UNDETERMINED: "whether there is more than {} cannot be told",
    ABSENT: "{} was not tested",
}


def _summary(region, known, more, single, small):
    if small:
        return f"{region}: undetermined, too few neurons."
    if set(more.values()) == {ABSENT}:
        return f"{region}: geometry and degree were not tested."
    geometry = "geometry"
    if (known.get("distance"), known.get("distance-mutual")) == (YES, NO):
        geometry = "geometry and reciprocity"
    words = [
        _in_words(more["more_than_geometry"], geometry, GEOMETRY, single),
        _in_words(more["more_than_degree"], "degree", ("degree",), single),
    ]
    return f"{region}: {'; '.join(words)}."


def _in_words(answer, what, nulls, single):
    """An answer, with the classes that differ where the whole profile does not."""
    named = [f"{single[null]} against {null}" for null in nulls if single.get(null)]
    but = f" (single classes: {', '.join(named)})" if answer == UNDETERMINED and named else ""
    return _WORDS[answer].format(what) + but
