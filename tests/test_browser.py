"""The report and the explorer in a browser without a network: everything is drawn, and the controls work."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from browsing import asked, complaints, drawn, opened, outside, visible
from digimus.figures.explorer import write_explorer
from digimus.figures.report import write_report
from explorer_inputs import KINDS, explorer_inputs
from test_report import CLAIMS, RULES

VERDICTS = ("holds", "does not hold", "undetermined")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    figures = {}
    for k, name in enumerate(("atlas", "states", "motifs")):
        figure = Figure(figsize=(4, 3))
        figure.subplots().plot([0, k + 1])
        figures[name] = folder / (f"figS{k}_{name}.png" if name == "motifs" else f"fig{k}_{name}.png")
        figure.savefig(figures[name])
    write_report(
        folder / "report.html", figures=figures, captions={}, claims=CLAIMS, set_aside={}, sessions={},
        models=pd.DataFrame(), configuration={"name": "test"}, benchmarks_dir=folder, rules=RULES,
        explorer="explorer.html",
    )  # fmt: skip
    return folder / "report.html"


@pytest.fixture(scope="module")
def explorer(report):
    tables, graphs = explorer_inputs()
    path = report.with_name("explorer.html")
    write_explorer(path, tables=tables, graphs=graphs, kinds=KINDS, title="test", report="report.html")
    return path


# The report


def test_every_figure_of_the_report_is_drawn_and_nothing_is_fetched(browser, report):
    requests, said = opened(browser, report)
    assert requests[0] == report.as_uri() and not outside(requests, report) and not said
    widths = browser.execute_script(
        "return [...document.querySelectorAll('figure img')]"
        ".map((i) => [i.naturalWidth, i.clientWidth, i.alt])"
    )
    assert len(widths) == 3
    for natural, shown, words in widths:
        assert natural == 400 and shown > 300 and words.startswith("Figure ")
    assert browser.execute_script("return performance.getEntriesByType('resource').length") <= 3


def test_a_page_that_fetches_would_be_noticed(browser, report):
    """The check above can fail: a picture from elsewhere is seen."""
    bad = report.with_name("bad.html")
    bad.write_text(
        "<!DOCTYPE html><title>bad</title><img src='http://127.0.0.1:9/x.png'><script>absent()</script>"
    )
    requests, said = opened(browser, bad)
    assert outside(requests, bad) == ["http://127.0.0.1:9/x.png"]
    assert any("absent is not defined" in entry["message"] for entry in said)


def test_claims_are_filtered_by_verdict(browser, report):
    opened(browser, report)
    rows = "tr[data-verdict]"
    assert visible(browser, rows) == len(CLAIMS) and visible(browser, ".claim-group") == 2
    for verdict in VERDICTS:
        browser.find_element("css selector", f"button[data-verdict='{verdict}']").click()
        wanted = (CLAIMS["verdict"] == verdict).sum()
        assert visible(browser, rows) == wanted == visible(browser, f"tr[data-verdict='{verdict}']")
        assert browser.find_element("id", "claims-shown").text == f"{wanted} shown"
    browser.find_element("css selector", "button[data-verdict='holds']").click()
    assert visible(browser, ".claim-group") == 1
    browser.find_element("css selector", "button[data-verdict='']").click()
    assert visible(browser, rows) == len(CLAIMS)


def test_a_figure_opens_large_and_closes(browser, report):
    opened(browser, report)
    picture = browser.find_element("css selector", "figure img")
    picture.click()
    shown = browser.execute_script(
        "const i = document.querySelector('dialog[open] img'); return i && [i.src.length, i.clientWidth]"
    )
    assert shown and shown[0] > 1000 and shown[1] > 100
    browser.find_element("css selector", "[data-do=close]").click()
    assert browser.execute_script("return document.querySelector('dialog[open]')") is None
    assert not complaints(browser)


def test_a_rule_lights_what_it_needs_and_feeds(browser, report):
    opened(browser, report)
    light = "document.querySelector('g[data-rule=count]').dispatchEvent(new Event('mouseenter'))"
    browser.execute_script(light)
    on = browser.execute_script(
        "return [...document.querySelectorAll('.rules g.on')].map((g) => g.dataset.rule)"
    )
    assert sorted(on) == ["draw", "read", "train"]


def test_the_report_reads_without_scripts(browser, report):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened(browser, report)
        assert (
            len([r for r in browser.find_elements("css selector", "tr[data-verdict]") if r.is_displayed()])
            == 4
        )
        assert all(i.is_displayed() for i in browser.find_elements("css selector", "figure img"))
        assert not browser.find_element("css selector", ".filter").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


# The explorer


def choose(browser, source, region):
    browser.execute_script(
        "choose(DATA.regions.findIndex((r) => r.source === arguments[0] && r.region === arguments[1]))",
        source, region,
    )  # fmt: skip


def test_every_region_draws_its_profile_neurons_and_graph(browser, explorer):
    requests, said = opened(browser, explorer)
    assert not outside(requests, explorer) and not said
    for region in ("A", "B"):
        choose(browser, "s", region)
        assert visible(browser, "#profile circle") == 13 * 3 + 4 * 12  # corners of triads, and points
        assert visible(browser, "#profile .point") == 4 * 13
        canvases = drawn(browser)
        assert len(canvases) == 4
        for marks, ink in canvases[:3]:
            assert marks > 12 * 10 and ink > 300
        assert canvases[3][0] > 20 and canvases[3][1] > 300
        assert f"{region}: more than <geometry>." in browser.find_element("id", "summary").text
    tag = browser.find_element("id", "tag").text
    choose(browser, "s", "A")
    assert (tag, browser.find_element("id", "tag").text) == ("", "simulated")
    assert not asked(browser) and not complaints(browser)


def test_hovering_a_neuron_lights_it_everywhere(browser, explorer):
    from selenium.webdriver import ActionChains

    opened(browser, explorer, "#s/B")
    before = [ink for _, ink in drawn(browser)]
    assert "Point at a neuron" in browser.find_element("id", "card").text
    graph = browser.find_element("css selector", "#graph canvas")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", graph)
    k, x, y = browser.execute_script("return views[3].hits[7]")
    size = graph.size
    over = ActionChains(browser, duration=0)
    over.move_to_element_with_offset(graph, x - size["width"] / 2, y - size["height"] / 2).perform()
    assert (
        browser.execute_script("return [state.neuron, document.body.dataset.neuron]") == [7, "7"] and k == 7
    )
    assert browser.find_element("id", "card-title").text == "Neuron B-7"
    card = browser.find_element("id", "card").text
    assert "3.00 mm" in card and "A 67 %, B 33 %" in card and visible(browser, "#participation rect") == 12
    after = [ink for _, ink in drawn(browser)]
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert "sends to" in browser.find_element("id", "graph-legend").text
    over.move_to_element(browser.find_element("tag name", "h1")).perform()
    assert browser.execute_script("return state.neuron") == -1
    browser.execute_script("pin(3)")
    assert browser.find_element("id", "card-title").text == "Neuron B-3"
    assert browser.execute_script("return document.getElementById('neuron').value") == "3"
    assert not complaints(browser)


def test_the_controls_change_what_is_drawn(browser, explorer):
    opened(browser, explorer, "#s/A")
    points = "return [...document.querySelectorAll('#profile .point title')].map((t) => t.textContent)"
    shown = {}
    for measure in ("z", "enrichment", "frequency"):
        browser.find_element("css selector", f"[data-measure='{measure}']").click()
        shown[measure] = browser.execute_script(points)
    assert len(shown["z"]) == len(shown["enrichment"]) == 52 and len(shown["frequency"]) == 13
    assert shown["z"][0] != shown["enrichment"][0] and "not available" in shown["z"][12]
    near = browser.execute_script("return state.near")
    inks = [ink for _, ink in drawn(browser)]
    browser.find_element("css selector", f"[data-near='{'' if near else 'yes'}']").click()
    assert [ink for _, ink in drawn(browser)][:3] != inks[:3]
    marks = drawn(browser)[0][0]
    browser.find_element("id", "axons").click()
    assert drawn(browser)[0][0] < marks
    counts = []
    for least in ("0", "0.5", "1"):
        browser.execute_script(
            "const i = document.getElementById('least'); i.value = arguments[0];"
            "i.dispatchEvent(new Event('input'))",
            least,
        )
        counts.append(drawn(browser)[3][0])
    assert counts[0] > counts[1] > counts[2]
    browser.find_element("css selector", "[data-plane='circle']").click()
    assert drawn(browser)[3][1] > 100
    browser.find_element("id", "after").click()
    assert browser.execute_script("return here.region") == "B" and browser.current_url.endswith("#s/B")
    assert not complaints(browser)


def test_sources_without_neurons_say_what_they_lack(browser, explorer):
    opened(browser, explorer)
    choose(browser, "published", "P1")
    assert visible(browser, "#profile .point") == 13 and visible(browser, "canvas") == 0
    for place in ("brain", "graph", "card"):
        assert "Not available, because a published table" in browser.find_element("id", place).text
    choose(browser, "worm", "worm")
    assert visible(browser, "canvas") == 1 and drawn(browser)[0][0] > 10
    assert "no places" in browser.find_element("id", "brain").text
    assert visible(browser, "#profile .point") == 26
    browser.execute_script("pin(0)")
    assert visible(browser, "#participation rect") == 13
    assert not complaints(browser)


def test_pages_fit_a_narrow_window(browser, report, explorer):
    size = browser.get_window_size()
    try:
        for width in (800, 1400):
            browser.set_window_size(width, 1000)
            for page in (report, explorer):
                opened(browser, page)
                inner, whole = browser.execute_script(
                    "return [innerWidth, document.documentElement.scrollWidth]"
                )
                assert whole <= inner and np.abs(inner - width) < 40, page.name
    finally:
        browser.set_window_size(size["width"], size["height"])
