"""What the first bytes of a file must be, and web pages that come instead of it."""

import re

from digimus.errors import InputError
from digimus.suggest import did_you_mean

HEAD_BYTES = 2**16
MAGIC = {
    "gzip": (b"\x1f\x8b",),
    "zip": (b"PK\x03\x04", b"PK\x05\x06"),
    "hdf5": (b"\x89HDF\r\n\x1a\n",),
    "nrrd": (b"NRRD000",),
}
KINDS = ("swc", "json", "csv", *MAGIC, "any")
_PAGE = re.compile(r"<(!doctype\s+html|html|head|body|title|script|meta)\b", re.I)
_COMMENTS = re.compile(r"\s*(<\?xml.*?\?>|<!--.*?-->)", re.S)


def check_kind(kind, where):
    """Refuse a kind that is not in `KINDS`.

    Raises
    ------
    InputError
    """
    if kind not in KINDS:
        raise InputError(
            "A kind of file is unknown.",
            where=where,
            expected=f"one of {', '.join(KINDS)}",
            got=kind,
            hint=did_you_mean(kind, KINDS),
        )


def wrong_start(head, kind):
    """What is wrong with the first bytes of a file of which more may follow, or None.

    Parameters
    ----------
    head : bytes
        Any number of bytes from the start.
    kind : str
        One of `KINDS`.

    Returns
    -------
    str or None
    """
    if _is_page(head):
        return "a web page instead of the file"
    wanted = MAGIC.get(kind, ())
    if head and wanted and not any(head[: len(magic)] == magic[: len(head)] for magic in wanted):
        return f"no {kind}: it starts with {head[:16]!r}"
    return None


def wrong_contents(head, kind):
    """What is wrong with a file by its first bytes, or None.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` of the file, or all of it where it is shorter.
    kind : str
        One of `KINDS`; "any" is only no web page.

    Returns
    -------
    str or None
    """
    early = wrong_start(head, kind)
    if early or kind == "any":
        return early
    if kind in MAGIC:
        return None if any(head.startswith(magic) for magic in MAGIC[kind]) else f"no {kind}: too short"
    text = _text(head)
    if text is None:
        return f"no {kind}: it starts with {head[:16]!r}"
    right = {"swc": _is_swc, "json": _is_json, "csv": _is_csv}[kind]
    return None if right(text, len(head) < HEAD_BYTES) else f"no {kind}: it starts with {text[:40]!r}"


def _text(head):
    """The bytes as text without a byte order mark, or None where they are none."""
    for mark, coding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head[2:].decode(coding, errors="replace")
    if b"\0" in head:
        return None
    return head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")


def _is_page(head):
    text = _text(head[:4096])
    if text is None:
        return False
    while comment := _COMMENTS.match(text):
        text = text[comment.end() :]
    return bool(_PAGE.match(text.lstrip()))


def _is_swc(text, whole):
    """Comments, then lines of at least seven numbers."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return not whole and text.lstrip().startswith("#")
    try:
        return len([float(value) for value in re.split(r"[\s,]+", lines[0].strip())]) >= 7
    except ValueError:
        return False


def _is_json(text, whole):
    return text.lstrip()[:1] in ("{", "[")


def _is_csv(text, whole):
    """More than one line, the first with more than one field."""
    lines = text.splitlines()
    return len(lines) > 1 and any(mark in lines[0] for mark in ",;\t") and not text.lstrip().startswith("<")
