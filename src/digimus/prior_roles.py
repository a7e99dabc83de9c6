"""Which of the configured priors are controls, and of which other priors.

Both the check of the configuration and the comparison of trained networks ask this, so it needs no package.
"""

CONTROL_KINDS = ("reciprocity", "erdos-renyi", "degree", "shuffled", "random")


def is_control(name, priors):
    """Whether a configured prior is a control: by its kind, or because it says of which prior it is one.

    A prior of modules is one if those of all its modules are.

    Parameters
    ----------
    name : str
    priors : dict of str to dict
        The configuration's `priors`.
    """
    settings = priors.get(name, {})
    if "control_of" in settings:
        return True
    if settings.get("kind") == "modules":
        return all(is_control(inner, priors) for inner in settings["modules"].values())
    return settings.get("kind") in CONTROL_KINDS


def is_control_of(name, other, priors):
    """Whether a prior is a control that another prior is to be compared with.

    It is so for the prior that `control_of` names, and for no other; without that key, for priors of its own
    source and region. A control of modules stands for a prior of the same modules, each of whose priors has
    the source and region of its own, or is named by its own `control_of`. Our definition.

    Parameters
    ----------
    name, other : str
    priors : dict of str to dict
        The configuration's `priors`.
    """
    return is_control(name, priors) and not is_control(other, priors) and _stands_for(name, other, priors)


def _stands_for(name, other, priors):
    settings, others = priors[name], priors[other]
    if "control_of" in settings:
        return settings["control_of"] == other
    if settings["kind"] == "modules" or others["kind"] == "modules":
        mine, theirs = settings.get("modules", {}), others.get("modules", {})
        return mine.keys() == theirs.keys() and all(
            part == theirs[module] or _stands_for(part, theirs[module], priors)
            for module, part in mine.items()
        )
    return _origin(settings) == _origin(others)


def _origin(settings):
    """Where a prior's motifs come from: its source, and its region or regions."""
    return settings["source"], settings.get("region"), sorted(settings.get("regions", []))
