"""The report: whole, self-contained, and honest about what is missing."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anatomy_tables import grid
from digimus.errors import InputError
from digimus.figures import FIGURES
from digimus.figures.pages import TEMPLATES, paragraphs
from digimus.figures.report import TOPICS, write_report
from digimus.figures.report_rows import missing_panels, rule_times
from digimus.figures.rule_graph import rule_graph

CAPTIONS = Path(__file__).parents[1] / "workflow" / "report"
TASKS = ("go", "dm1")
CELLS = (("digimus", "none"), ("digimus", "A"), ("lstm", "none"))
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes([0, 0, 0, 13]) + b"IHDR" + bytes([0, 0, 5, 136, 0, 0, 2, 0])


def cells(table):
    """The table once for every model and prior."""
    return pd.concat([table.assign(model=model, prior=prior) for model, prior in CELLS], ignore_index=True)


CLAIMS = pd.DataFrame(
    dict(
        claim=["one claim", "another claim of the same unit", "a claim without data", "a control"],
        test="signed rank", n=[8, 8, 0, 7], effect=[0.2, -0.01, np.nan, 0.1],
        ci_low=[0.1, -0.03, np.nan, 0.0], ci_high=[0.3, 0.01, np.nan, 0.2],
        p_corrected=[0.01, 0.6, np.nan, 0.2], smallest_effect=[0.02, 0.02, 0.1, 0.1],
        verdict=["holds", "does not hold", "undetermined", "undetermined"], figure="figS1_all", unit="task",
        effect_unit="accuracy", simulated=[True, False, False, False], note=["", "", "no cell", ""],
        category=["abstract", "abstract", "abstract", "control"], topic=["words", "words", "deeds", "deeds"],
        not_available=["", "", "because no cell was trained", ""],
    )
)  # fmt: skip
RULES = pd.DataFrame(
    dict(
        rule=["read", "count", "train", "draw", "write"], stage="x", n_jobs=[2, 1, 6, 3, 1],
        needs=["", "read", "count", "count train", "draw read"],
    )
)  # fmt: skip


@pytest.fixture
def report(tmp_path):
    (tmp_path / "figS1_all.png").write_bytes(PICTURE)
    (tmp_path / "fig1_atlas.png").write_bytes(PICTURE)
    times = tmp_path / "rules" / "train"
    times.mkdir(parents=True)
    for name, seconds in (("a", 2.0), ("b", 5.0)):
        (times / f"{name}.tsv").write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:02\t100.5\n")
    (tmp_path / "rules" / "read.tsv").write_text("s\th:m:s\tmax_rss\n0.1\t0:00:00\t-\n")
    (tmp_path / "rules" / "broken.tsv").write_text("")
    sessions = pd.DataFrame(
        dict(file=["x.nwb", "y.nwb"], session=["x", np.nan], animal=["a", np.nan],
             status=["used", "set aside"], reason=[np.nan, "no <trials> table"], n_units=[5, np.nan])
    )  # fmt: skip
    models = cells(grid(benchmark=["rules"], task=TASKS, seed=[1])).assign(
        n_parameters=96033, spikes_per_step=0.1
    )

    def write(**changes):
        parts = dict(
            figures={"atlas": tmp_path / "fig1_atlas.png", "all": tmp_path / "figS1_all.png"},
            captions=dict.fromkeys(["atlas", "all"], "**Shown.** n is *small* & ``ours``.\n\nSecond."),
            claims=CLAIMS,
            set_aside={"s": pd.DataFrame(dict(file=["bad.swc"], reason=["a cycle"]))},
            sessions={"visual": sessions},
            models=models,
            configuration={"name": "test", "morphology": {"sources": {"s": {"simulated": True}}}},
            benchmarks_dir=tmp_path / "rules",
        )
        write_report(tmp_path / "report.html", **(parts | changes))
        return (tmp_path / "report.html").read_text()

    return write


def section(page, anchor):
    """The text of a section, from its heading to the next."""
    return page[page.index(f'<h2 id="{anchor}"') :].split("<h2", 2)[1]


def test_report_is_whole_and_refers_to_nothing_outside(report):
    page = report(explorer="explorer.html", rules=RULES)
    assert page.count('src="data:image/png;base64,') == 2 == page.count('width="1416" height="512"')
    assert set(re.findall(r'(?:src|href)\s*=\s*"(?!data:|#)([^"]*)"', page)) == {"explorer.html"}
    assert "url(" not in page and "@import" not in page and "fetch(" not in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")
    for target in re.findall(r'href="#([^"]+)"', page):
        assert page.count(f'id="{target}"') == 1, target
    assert page.index('id="simulated"') < page.index('id="claims"')
    assert "<strong>Shown.</strong> n is <em>small</em> &amp; <code>ours</code>." in page
    assert "a cycle" in page and "no &lt;trials&gt; table" in page and "1 sessions of 1 animals used" in page
    assert "96,033" in page and "numpy" in page
    assert report(explorer="explorer.html", rules=RULES) == page


def test_figures_stand_in_groups_with_their_titles(report, tmp_path):
    page = report()
    assert page.index('id="main-figures"') < page.index('id="figure-atlas"') < page.index('id="supplement')
    assert "Figure 1. Shown</h3>" in page and "Figure S1. Shown</h3>" in page
    assert section(page, "supplement-further-figures").count("<img") == 1
    for file in ("figS4_motifs.png", "figS9_modules.png"):
        (tmp_path / file).write_bytes(PICTURE)
    page = report(
        figures={"motifs": tmp_path / "figS4_motifs.png", "modules": tmp_path / "figS9_modules.png"}
    )
    assert "Supplement: neurons, graphs and motifs" in page and "Supplement: trained networks" in page
    assert "Main figures" not in page and "Figure S9. Modules" in page


def test_every_figure_of_the_supplement_has_a_topic():
    main = {"atlas", "accuracy", "learning", "decoding", "retention", "states", "perturbation"}
    assert set(FIGURES) <= main | {name for names in TOPICS.values() for name in names}


def test_claims_stand_by_category_with_their_verdicts(report):
    page = section(report(), "claims")
    abstract, control = page.split("Decisive controls")
    assert "What the abstract claims" in abstract and "a control" in control
    assert "one claim" in abstract and "not available, because no cell was trained" in abstract
    assert page.count('<tr data-verdict="undetermined">') == 2
    assert abstract.count(">words<") == 1 and abstract.count(">deeds<") == 1 == control.count(">deeds<")
    assert "<b>2</b> undetermined" in page and "<b>1</b> does not hold" in page
    assert 'href="#figure-all">S1</a>' in page
    assert page.count('<span class="tag">simulated</span>') == 1
    assert "nan" not in page.replace("unan", "")
    assert "0.2 (0.1 to 0.3)" in page
    ends = dict.fromkeys(["ci_low", "ci_high"], np.nan)
    assert "0.2 (no interval)" in report(claims=CLAIMS.assign(**ends))
    plain = report(claims=CLAIMS.drop(columns=["category", "not_available"]))
    assert plain.count("<tr data-verdict") == len(CLAIMS)


def test_report_without_data_says_so(report):
    page = report(
        claims=CLAIMS.iloc[:0], models=pd.DataFrame(), set_aside={}, sessions={},
        configuration={"name": "none"}, benchmarks_dir="nowhere", rules=None,
    )  # fmt: skip
    assert page.count("Not available") == 4 and 'id="simulated"' not in page
    with pytest.raises(InputError, match="picture"):
        report(figures={"graphs": "fig1_nowhere.png"})


def test_what_figures_lack_is_listed_with_the_reason(report):
    table = pd.DataFrame(
        dict(panel=["a", "b", "b", "c"], not_available=[np.nan, "because <few>", "because <few>", ""])
    )
    assert missing_panels(table) == [dict(panel="b", reason="because <few>", n=2)]
    assert missing_panels(table[["panel"]]) == []
    page = report(tables={"all": table, "atlas": table[["panel"]]})
    text = section(page, "missing")
    assert "because &lt;few&gt;" in text and 'href="#figure-all"' in text and "#figure-atlas" not in text
    assert "show everything" in section(report(tables={"all": table.iloc[:1]}), "missing")


def test_the_report_shows_accuracies_and_controls(report):
    key = dict(training="per task", model=["digimus", "digimus", "lstm"], prior=["none", "A", "none"])
    accuracy = pd.DataFrame(
        dict(
            task="dm1", **key, n_seeds=3, mean=[0.9, 0.8765, 0.5], ci_low=[0.85, np.nan, 0.4],
            ci_high=[0.95, np.nan, 0.6], interval="95 %, t", lowest=0.3, highest=0.97, chance=0.5,
            n_parameters=1234, updates_fewest=100, updates_most=[100, 200, 100],
        )
    )  # fmt: skip
    controls = pd.DataFrame(
        dict(
            training="per task", scope=["task", "task", "all tasks"], task=["dm1", "dm1", np.nan],
            model="digimus", prior="A", control=["none", "A-degree", "none"],
            control_kind=["none", "degree", "none"],
            measure=["accuracy gained", "updates saved", "accuracy gained"],
            n_pairs=[3, 3, 18], n=[3, 3, 6], unit=["seed", "seed", "task"], effect=[-0.012, 40.0, 0.034],
            ci_low=[-0.02, np.nan, 0.01], ci_high=[0.001, np.nan, 0.05], p_corrected=[0.2, np.nan, 0.03],
            smallest_effect=[0.01, np.nan, 0.01], verdict=["undetermined", np.nan, "holds"],
            prior_never=[np.nan, 1, np.nan], control_never=[np.nan, 2, np.nan], test="t", simulated=True,
        )
    )  # fmt: skip
    page = report(accuracy=accuracy, controls=controls)
    for shown in (
        "87.6", "85.0 to 95.0", "no interval", "[30.0 to 97.0]", "1,234 parameters, 100 to 200 updates",
        "3 seeds", "A-degree (degree)", "no prior", "−0.012", "(−0.02 to 0.001)", "(no interval)",
        "1 and 2 of 3", "0.034", "6 tasks", "Task by task (2 comparisons)",
    ):  # fmt: skip
        assert shown in page, shown
    for target in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{target}"' in page
    text = section(page, "controls")
    assert text.index("0.034") < text.index("<details>") < text.index("−0.012")
    assert "nan" not in text.lower().replace("unan", "")
    empty = report(accuracy=accuracy.iloc[:0], controls=controls.iloc[:0])
    assert "no DigiMus network with a prior was trained" in empty and 'id="accuracy"' in empty
    assert 'id="accuracy"' not in report() and 'id="controls"' not in report()


def test_times_are_summed_by_rule(report, tmp_path):
    page = report()
    times = rule_times(tmp_path / "rules").set_index("rule")
    assert times.loc["train", ["n_jobs", "total_s", "longest_s"]].tolist() == [2, 7, 5]
    assert times.index.tolist() == ["train", "read"] and np.isnan(times.loc["read", "largest_mb"])
    assert "nan" not in section(page, "times")


# The graph of rules


def test_rules_lie_below_what_they_need_and_apart():
    drawn = rule_graph(RULES)
    boxes = {box["rule"]: box for box in drawn["boxes"]}
    lines = {(line["start"], line["end"]): line["implied"] for line in drawn["lines"]}
    assert lines == {
        ("read", "count"): False, ("count", "train"): False, ("count", "draw"): True,
        ("train", "draw"): False, ("draw", "write"): False, ("read", "write"): True,
    }  # fmt: skip
    assert all(boxes[start]["y"] + boxes[start]["height"] < boxes[end]["y"] for start, end in lines)
    assert boxes["count"]["feeds"] == ["draw", "train"] and boxes["draw"]["needs"] == ["count", "train"]
    assert boxes["train"]["jobs"] == 6


def test_boxes_of_a_large_graph_do_not_overlap():
    rng = np.random.default_rng(5)
    names = [f"rule_{k}" for k in range(40)]
    needs = [" ".join(rng.choice(names[:k], min(k, 3), replace=False)) for k in range(40)]
    drawn = rule_graph(pd.DataFrame(dict(rule=names, stage="x", n_jobs=1, needs=needs)))
    rows = {}
    for box in drawn["boxes"]:
        assert box["x"] >= 0 and box["x"] + box["width"] <= drawn["width"] + 1
        assert box["y"] + box["height"] <= drawn["height"]
        rows.setdefault(box["y"], []).append((box["x"], box["x"] + box["width"]))
    for row in rows.values():
        ends = [end for span in sorted(row) for end in span]
        assert ends == sorted(ends)
    assert len(drawn["lines"]) == sum(len(need.split()) for need in needs)


def test_the_rules_are_on_the_page_in_a_drawing_and_in_words(report):
    text = section(report(rules=RULES), "rules")
    assert text.count("<g data-rule=") == 5 and text.count('class="implied"') == 2
    assert "count, train" in text and "6 jobs" in text and "1 job<" in text
    assert rule_graph(RULES.iloc[:0])["boxes"] == []
    assert "left no record" in section(report(rules=RULES.iloc[:0]), "rules")


def test_pages_need_nothing_but_their_own_parts():
    for file in TEMPLATES.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text and "@import" not in text and "url(" not in text, file.name
        assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import)\s*\(", text), file.name


def test_a_star_in_a_caption_starts_no_emphasis():
    (shown,) = paragraphs("A mark: * (or a dot) is p < .05, n/a* is none; *holds* and ``a*b`` are set apart.")
    assert "* (or a dot) is p &lt; .05, n/a* is none; <em>holds</em> and <code>a*b</code>" in shown


@pytest.mark.parametrize("file", sorted(CAPTIONS.glob("*.rst")), ids=lambda file: file.stem)
def test_emphasis_in_captions_ends_where_it_should(file):
    for block in paragraphs(file.read_text()):
        set_apart = re.findall(r"<em>(.*?)</em>", block)
        assert all(len(words) < 70 and words == words.strip() for words in set_apart)
        assert not re.search(r"\*\*|``", block)
