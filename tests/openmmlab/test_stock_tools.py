"""Stock tools of MMYOLO and MMDetection read our configs and do what they print."""

import json
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.openmmlab.stock_tools import TOOLS

pytestmark = pytest.mark.train

BEFORE = Path(__file__).with_name("before.json")
START, END = "<!-- Tools: begin -->\n", "<!-- Tools: end -->\n"
#: Outcome of a tool that raised an exception.
FAILURE = re.compile(r"\w+Error: ")
#: With this variable the table in the docs is written anew.
WRITE = "MMYOLO_MNV1_WRITE_DOCS"


@pytest.fixture(scope="session")
def outcome(bench) -> Callable[[str], str]:
    """Try a tool once in the session; returns its outcome."""
    return cache(lambda name: TOOLS[name](bench))


@pytest.mark.parametrize("name", TOOLS)
def test_stock_tool(outcome, name):
    assert outcome(name)


def test_table_in_docs(outcome, root):
    """The table shows these outcomes, and those of commit c076adb."""
    before = {
        name: f"`{line}`" if FAILURE.match(line) else line
        for name, line in json.loads(BEFORE.read_text()).items()
    }
    lines = ["| tool | before | now |", "| --- | --- | --- |"]
    lines += [f"| {name} | {before[name]} | {outcome(name)} |" for name in TOOLS]
    path = root / "docs/openmmlab.md"
    head, _, rest = path.read_text().partition(START)
    table, _, tail = rest.partition(END)
    expected = "\n".join(["", *lines, "", ""])
    if os.environ.get(WRITE):
        path.write_text(f"{head}{START}{expected}{END}{tail}")
    else:
        assert table == expected, f"{WRITE}=1 writes the table"
