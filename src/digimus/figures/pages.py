"""Pages that open without a network: templates filled in, with style, script and pictures inside."""

import base64
import html
import re
from pathlib import Path

import jinja2
from markupsafe import Markup

from digimus.errors import InputError

TEMPLATES = Path(__file__).with_name("templates")


def filled(template, **values):
    """A template of `TEMPLATES` with its values; text is escaped.

    Parameters
    ----------
    template : str
        File name.
    **values
        What the template shows.

    Returns
    -------
    str
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["part"] = _part
    return environment.get_template(template).render(**values)


def _part(name):
    """A style sheet or a script of our own, as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def embedded(file):
    """A PNG file as an address that holds the picture, and its size.

    Returns
    -------
    (str, int, int)
        Address, width and height in pixels.

    Raises
    ------
    InputError
        If it is not there.
    """
    file = Path(file)
    if not file.is_file():
        raise InputError(
            "A picture for the report is missing.",
            where=file,
            expected="a PNG file",
            got="nothing there",
            hint="Draw the figure first.",
        )
    data = file.read_bytes()
    width, height = (int.from_bytes(data[k : k + 4], "big") for k in (16, 20))  # where every PNG has them
    return "data:image/png;base64," + base64.b64encode(data).decode(), width, height


def paragraphs(text):
    """A caption as HTML: paragraphs with emphasis, strong and literals; comments and directives left out.

    Parameters
    ----------
    text : str
        reStructuredText.

    Returns
    -------
    list of Markup
    """
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text.strip())]
    shown = [html.escape(block) for block in blocks if block and not block.startswith("..")]
    for pattern, tag in (
        (r"``(.+?)``", "code"),
        (r"\*\*(.+?)\*\*", "strong"),
        (r"\*(?!\s)(.+?)(?<!\s)\*", "em"),
    ):
        shown = [re.sub(pattern, rf"<{tag}>\1</{tag}>", block) for block in shown]
    return [Markup(block) for block in shown]


def title_of(text, otherwise):
    """The title of a caption: the strong text that it starts with, without its full stop."""
    found = re.match(r"\s*\*\*(.+?)\*\*", text, re.S)
    return " ".join(found[1].split()).rstrip(".") if found else otherwise
