"""Makes Snakemake read configuration files as plain data.

By itself Snakemake runs Python expressions of a configuration file that asks for that (the key
``__use_yte__``), before it looks at the Snakefile. The profile in profiles/default loads this file earlier.
"""

import sys
from pathlib import Path

from snakemake.common import configfile
from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from digimus.configuration_files import read_configuration
from digimus.errors import InputError


def load(path, filetype="Config"):
    """The settings of a file; what is wrong with it ends Snakemake without a traceback."""
    try:
        return read_configuration(path)
    except InputError as error:
        raise WorkflowError(str(error)) from None


configfile._load_configfile = load
