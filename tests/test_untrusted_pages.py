"""Names on the report and the explorer are text, whatever they hold."""

from html.parser import HTMLParser

import pandas as pd

from browsing import opened, outside
from digimus.figures.explorer import write_explorer
from digimus.figures.report import write_report
from explorer_inputs import KINDS, explorer_inputs

HOSTILE = [
    "</script><script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 2'>",
    '" onmouseover="window.hit = 3',
    "javascript:window.hit=4",
    "<!--<script>",
    "]]><svg/onload=window.hit=5>",
    "{{ 7 * 7 }}{% raw %}",
    "**x** ``y`` `z <javascript:window.hit=6>`_",
]


class Elements(HTMLParser):
    """The elements of a page and their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def hostile_pages(folder):
    """A report and an explorer whose sources, regions, files and reasons have hostile names."""
    picture = folder / "fig1_atlas.png"
    picture.write_bytes(
        b"\x89PNG\r\n\x1a\n" + bytes([0, 0, 0, 13]) + b"IHDR" + bytes([0, 0, 5, 136, 0, 0, 2, 0])
    )
    claims = pd.DataFrame({"claim": HOSTILE, "note": HOSTILE, "not_available": HOSTILE, "unit": HOSTILE})
    claims = claims.assign(
        test="t", n=8, effect=0.2, ci_low=0.1, ci_high=0.3, p_corrected=0.01, smallest_effect=0.02,
        simulated=True, verdict="holds", figure="fig1_atlas", effect_unit=HOSTILE, category="abstract",
        topic=HOSTILE,
    )  # fmt: skip
    names = {key: HOSTILE for key in ("file", "session", "animal", "reason")}
    sessions = pd.DataFrame(names | {"status": "set aside", "n_units": 1})
    sources = {name: {"regions": HOSTILE} for name in HOSTILE}
    write_report(
        folder / "report.html",
        figures={"atlas": picture},
        captions={"atlas": f"**Shown.** {' '.join(HOSTILE)}"},
        claims=claims,
        set_aside={name: pd.DataFrame({"file": [name], "reason": [name]}) for name in HOSTILE},
        sessions=dict.fromkeys(HOSTILE, sessions),
        models=pd.DataFrame(
            {"benchmark": "rules", "task": HOSTILE, "model": HOSTILE, "prior": HOSTILE, "seed": 1,
             "n_parameters": 3, "spikes_per_step": 0.1}
        ),
        configuration={"name": HOSTILE[0], "morphology": {"sources": sources}},
        benchmarks_dir=folder,
    )  # fmt: skip
    regions = HOSTILE[:3]
    tables, graphs = explorer_inputs(regions)
    write_explorer(
        folder / "explorer.html",
        tables=tables,
        graphs=graphs,
        kinds=KINDS,
        title=HOSTILE[0],
        report="report.html",
    )
    return folder / "report.html", folder / "explorer.html"


def test_names_on_pages_are_text(tmp_path):
    for page in hostile_pages(tmp_path):
        elements = Elements(page.read_text(encoding="utf-8")).found
        assert {tag for tag, _ in elements} & {"img", "script", "table", "canvas"}
        for tag, attributes in elements:
            assert not [name for name in attributes if name.startswith("on")], (page.name, tag, attributes)
            assert not (attributes.get("href") or "").lower().startswith("javascript"), page.name
            assert tag != "img" or attributes.get("src", "data:image/png").startswith("data:image/png"), (
                page.name
            )
        assert "window.hit" in page.read_text()  # it is there, as text


def test_a_browser_runs_nothing_of_the_names(tmp_path, browser):
    for page in hostile_pages(tmp_path):
        requests, said = opened(browser, page)
        assert not outside(requests, page) and not said
        assert browser.execute_script("return window.hit === undefined")
