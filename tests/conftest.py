"""What several tests share: where the real data lie, a finished run, and no way out of this machine."""

import os
import shutil
from pathlib import Path

import pytest
import yaml

from whole_runs import copy_of, snakemake

ROOT = Path(__file__).resolve().parent.parent
# Files of few tests that take minutes; begun last, they would keep one process busy while the other has none.
LONG = (
    *("slurm", "workflow", "faults", "sameness", "corrupted", "retrieval_workflow", "disks", "estimate"),
    *("package", "fetching", "untrusted"),
)


def pytest_collection_modifyitems(items):
    """Begin with the files that take long; the rest stay in their order."""
    names = [f"test_{name}.py" for name in LONG]
    items.sort(key=lambda item: names.index(item.path.name) if item.path.name in names else len(names))


@pytest.fixture(scope="session", autouse=True)
def no_proxy():
    """What a test asks its own servers for goes to no other machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        yield


@pytest.fixture(scope="session")
def root():
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def real_data():
    """The folder of real neurons and recordings beside the project; tests that need it skip without it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data (../shared/data) are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def finished(root, tmp_path_factory):
    """A copy of the project in which the tiny configuration has run once, and that run's process."""
    folder = copy_of(root, tmp_path_factory.mktemp("whole") / "project")
    done = snakemake(folder)
    assert done.returncode == 0, done.text[-3000:]
    return folder, done


@pytest.fixture(scope="module")
def schema(root):
    return yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def default(root):
    return yaml.safe_load((root / "config/config.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium; as root it runs without its sandbox, which it would refuse."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if not chromium or not driver:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,1000"]
    arguments.append("--force-prefers-reduced-motion")
    for argument in arguments + ["--no-sandbox"] * (os.geteuid() == 0):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    found.set_script_timeout(20)
    yield found
    found.quit()
