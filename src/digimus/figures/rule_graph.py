"""The graph of the rules that a run is made of, as a drawing in layers.

A rule lies in a row below all that it needs. Rows, the order within them, and places are found by our own
few passes of the usual method (Sugiyama, Tagawa and Toda, IEEE Transactions on Systems, Man, and Cybernetics
11, 109, 1981): layers by the longest path, order by the means of neighbours, then places without overlap.
"""

from graphlib import TopologicalSorter

COLUMNS = ("rule", "stage", "n_jobs", "needs")
_HIGH, _ROW, _GAP, _LETTER, _MARGIN = 30, 62, 12, 6.3, 8
_PASSES = 24


def rule_graph(table):
    """Boxes and lines of a drawing of rules.

    Parameters
    ----------
    table : pandas.DataFrame
        rule, stage, n_jobs and needs (the rules whose outputs it takes, with spaces between them).

    Returns
    -------
    dict
        width and height in pixels; boxes (rule, stage, jobs, needs, feeds, x, y, width, height: x and y of
        the corner at the top left) and lines (start, end, path as SVG, implied: whether longer paths join
        the same two rules). Empty lists without rows.
    """
    rows = {row["rule"]: row for row in table.sort_values("rule").to_dict("records")}
    if not rows:
        return dict(width=0, height=0, boxes=[], lines=[])
    needs = {rule: sorted(set(str(row["needs"]).split()) & set(rows)) for rule, row in rows.items()}
    feeds = {rule: [other for other in needs if rule in needs[other]] for rule in needs}
    direct = _without_implied(needs)
    near = {rule: direct[rule] + [other for other in direct if rule in direct[other]] for rule in needs}
    layers = _layers(needs, feeds)
    wide = {rule: _LETTER * max(len(rule), 9) + 20 for rule in needs}
    middles = _middles(_ordered(layers, near), near, wide)
    left = min(middles[rule] - wide[rule] / 2 for rule in needs) - _MARGIN
    corner = {
        rule: (middles[rule] - wide[rule] / 2 - left, _MARGIN + _ROW * k)
        for k, layer in enumerate(layers)
        for rule in layer
    }
    boxes = [
        dict(
            rule=rule, stage=rows[rule]["stage"], jobs=int(rows[rule]["n_jobs"]), needs=needs[rule],
            feeds=feeds[rule], x=round(corner[rule][0], 1), y=corner[rule][1], width=round(wide[rule], 1),
            height=_HIGH,
        )
        for layer in layers
        for rule in layer
    ]  # fmt: skip
    lines = [
        dict(
            start=need, end=rule, path=_path(corner[need], wide[need], corner[rule], wide[rule]),
            implied=need not in direct[rule],
        )
        for rule in needs
        for need in needs[rule]
    ]  # fmt: skip
    width = max(box["x"] + box["width"] for box in boxes) + _MARGIN
    height = _ROW * (len(layers) - 1) + _HIGH + 2 * _MARGIN
    return dict(width=round(width), height=height, boxes=boxes, lines=lines)


def _without_implied(needs):
    """What each rule needs, without that which another of its needs needs already."""
    before = {}
    for rule in TopologicalSorter(needs).static_order():
        before[rule] = set(needs[rule]).union(*(before[need] for need in needs[rule]))
    return {
        rule: [need for need in own if not any(need in before[other] for other in own)]
        for rule, own in needs.items()
    }


def _layers(needs, feeds):
    """Rules by row: each below all that it needs, and one that needs little near what it feeds."""
    order = list(TopologicalSorter(needs).static_order())
    depth = {}
    for rule in order:
        depth[rule] = 1 + max((depth[need] for need in needs[rule]), default=-1)
    for rule in reversed(order):
        if feeds[rule] and len(needs[rule]) <= 1:
            depth[rule] = max(depth[rule], min(depth[other] for other in feeds[rule]) - 1)
    return [sorted(r for r in order if depth[r] == k) for k in range(max(depth.values()) + 1)]


def _ordered(layers, near):
    """Every row in the order of the mean places of its neighbours, swept down and up."""
    layers = [list(layer) for layer in layers]
    place = {rule: k / max(len(layer) - 1, 1) for layer in layers for k, rule in enumerate(layer)}
    for sweep in range(_PASSES):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            means = {rule: (_mean(rule, near, place), rule) for rule in layer}
            layer.sort(key=means.get)
            place |= {rule: k / max(len(layer) - 1, 1) for k, rule in enumerate(layer)}
    return layers


def _mean(rule, near, place):
    """The mean place of what a rule is joined to; its own where it is joined to nothing."""
    return sum(place[other] for other in near[rule]) / len(near[rule]) if near[rule] else place[rule]


def _middles(layers, near, wide):
    """Middles along a row: near those of the neighbours, in order, and apart."""
    middle = {}
    for layer in layers:
        at = -sum(wide[rule] + _GAP for rule in layer) / 2
        for rule in layer:
            middle[rule] = at + wide[rule] / 2
            at += wide[rule] + _GAP
    for _ in range(_PASSES):
        for layer in layers:
            wanted = [_mean(rule, near, middle) for rule in layer]
            right = _apart(layer, wanted, wide)
            left = _apart(layer[::-1], [-x for x in wanted[::-1]], wide)[::-1]
            middle |= {rule: (a - b) / 2 for rule, a, b in zip(layer, right, left, strict=True)}
    return middle


def _apart(layer, wanted, wide):
    """Places at least as far to the right as wanted, without overlap."""
    found, edge = [], float("-inf")
    for rule, x in zip(layer, wanted, strict=True):
        found.append(max(x, edge + wide[rule] / 2))
        edge = found[-1] + wide[rule] / 2 + _GAP
    return found


def _path(start, start_wide, end, end_wide):
    """A curve from the lower edge of a box to the upper edge of another."""
    x0, y0, x1, y1 = start[0] + start_wide / 2, start[1] + _HIGH, end[0] + end_wide / 2, end[1]
    bend = 0.5 * (y1 - y0)
    return f"M{x0:.1f},{y0} C{x0:.1f},{y0 + bend:.1f} {x1:.1f},{y1 - bend:.1f} {x1:.1f},{y1}"
