"""What the comparison with the null models says of a region, in words.

Our definitions. A region's motifs are more than geometry if its profile differs from both distance nulls,
and more than degree if it differs from the degree null. A region that is small, or was compared with too
few null graphs to tell, is undetermined: that no difference was found then means nothing.
"""

import pandas as pd

from digimus.motifs.profiles import LEVEL, corrected_within_null

YES, NO, UNDETERMINED, ABSENT = "yes", "no", "undetermined", "not available"
GEOMETRY = ("distance", "distance-mutual")


def correct_verdicts(verdicts, profiles=None):
    """Verdicts of all regions, with p corrected over regions within each null.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        Concatenated verdicts of `RegionProfile` with a column region; `small` (bool) where it is known.
    profiles : pandas.DataFrame, optional
        The profiles of the same regions, as `correct_profiles` gives them, to name the classes.

    Returns
    -------
    pandas.DataFrame
        With p_corrected (Benjamini-Hochberg), differs, verdict (a row's, in words), more_than_geometry and
        more_than_degree ("yes", "no", "undetermined", "not available") and summary (one a region).
    """
    table = corrected_within_null(verdicts, "p_profile")
    table["differs"] = table["p_corrected"] < LEVEL
    if "small" not in table:
        table["small"] = False
    answers = table.apply(_answer, axis=1)
    table["verdict"] = [
        _row_verdict(row, answer, profiles)
        for (_, row), answer in zip(table.iterrows(), answers, strict=True)
    ]
    parts = []
    for region, rows in table.groupby("region", sort=False):
        known = dict(zip(rows["null"], answers[rows.index], strict=True))
        more = dict(
            more_than_geometry=_all_of(known.get(null, ABSENT) for null in GEOMETRY),
            more_than_degree=known.get("degree", ABSENT),
        )
        more["summary"] = _summary(region, known, more, bool(rows["small"].iloc[0]))
        parts.append(rows.assign(**more))
    return pd.concat(parts).sort_index()


def _answer(row):
    """Whether a region's profile differs from a null, as far as that can be told."""
    if row["small"]:
        return UNDETERMINED
    if row["differs"]:
        return YES
    at_the_limit = row["p_profile"] <= row["p_least"] * (1 + 1e-9)
    return UNDETERMINED if at_the_limit or row["p_least"] >= LEVEL else NO


def _row_verdict(row, answer, profiles):
    if row["small"]:
        return "undetermined: too few neurons"
    if answer == UNDETERMINED:
        return f"cannot be told with n_null = {row['n_null']}"
    if answer == NO:
        return "no difference found"
    return "differs" + _classes(row, profiles)


def _classes(row, profiles):
    if profiles is None:
        return ""
    here = profiles[(profiles["region"] == row["region"]) & (profiles["null"] == row["null"])]
    named = [
        f"{word} {' '.join(here['triad'][here[column]])}"
        for word, column in (("more", "exceeds"), ("less", "falls_short"))
        if here[column].any()
    ]
    return ": " + ", ".join(named) if named else ": no single class"


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
    ABSENT: "{} was not tested, for want of soma positions",
}


def _summary(region, known, more, small):
    if small:
        return f"{region}: undetermined, too few neurons."
    geometry = "geometry"
    if (known.get("distance"), known.get("distance-mutual")) == (YES, NO):
        geometry = "geometry and reciprocity"
    words = [
        _WORDS[more["more_than_geometry"]].format(geometry),
        _WORDS[more["more_than_degree"]].format("degree"),
    ]
    return f"{region}: {'; '.join(words)}."
