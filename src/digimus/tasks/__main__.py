"""``python -m digimus.tasks`` prints the page that describes the rule tasks, docs/tasks.md."""

import sys

from digimus.tasks.page import page

if __name__ == "__main__":
    sys.stdout.write(page())
