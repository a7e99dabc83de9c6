"""For tests in a browser: what a page asked for, said and shows."""

import json


def opened(browser, path, hash=""):
    """Load a file; returns what the browser asked for by then, and what it complained about."""
    browser.get("about:blank")
    browser.get_log("performance"), browser.get_log("browser")
    browser.get(path.as_uri() + hash)
    return asked(browser), complaints(browser)


def complaints(browser):
    """What the console says; that canvases are read often is the doing of these tests."""
    return [entry for entry in browser.get_log("browser") if "getImageData" not in entry["message"]]


def asked(browser):
    """Addresses that were requested since the log was read last."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"
    ]  # fmt: skip


def outside(addresses, path):
    return [a for a in addresses if not a.startswith(("data:", "about:", path.as_uri()))]


def visible(browser, selector):
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].filter((e) => e.offsetParent !== null).length",
        selector,
    )


def drawn(browser):
    """For every canvas: how many marks it says it drew, and how many of its pixels have ink."""
    return browser.execute_script("""
        return [...document.querySelectorAll('canvas')].map((canvas) => {
          const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          let ink = 0;
          for (let k = 3; k < pixels.length; k += 4) ink += pixels[k] > 40;
          return [Number(canvas.dataset.drawn), ink];
        });""")
