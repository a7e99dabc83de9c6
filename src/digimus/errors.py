"""The errors that a user of DigiMus can act on."""


class InputError(ValueError):
    """Something handed in by the user is not as it must be.

    Parameters
    ----------
    what : str
        What is wrong, as a short sentence.
    where : str or Path
        The file, configuration key, table column or argument it was found in.
    expected : str
        What would have been right.
    got : object
        What was found.
    hint : str
        What to do about it.
    """

    def __init__(self, what, *, where, expected, got, hint):
        self.what, self.where, self.expected, self.got, self.hint = (
            str(what),
            str(where),
            str(expected),
            str(got),
            str(hint),
        )
        super().__init__(self.what, self.where, self.expected, self.got, self.hint)

    def __str__(self):
        return (
            f"{self.what}\n"
            f"  where:    {self.where}\n"
            f"  expected: {self.expected}\n"
            f"  got:      {self.got}\n"
            f"  hint:     {self.hint}"
        )

    def __reduce__(self):
        fields = dict(where=self.where, expected=self.expected, got=self.got, hint=self.hint)
        return _rebuild, (type(self), self.what, fields)


class TrainingError(InputError):
    """Training could not go on, for example because the loss is no longer finite."""


def _rebuild(kind, what, fields):
    return kind(what, **fields)
