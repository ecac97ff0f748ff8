"""A recorded screen shows what a terminal of that width would."""

import re
import sys


def test_progress_line_is_overwritten(tool, tmp_path):
    code = (
        "import os; print('width', os.get_terminal_size().columns);"
        "print('\\r\\x1b[2K10%', end=''); print('\\r\\x1b[2K\\x1b[32m20%', end='');"
        "print('\\r\\x1b[2Kdone')"
    )
    out = tmp_path / "screen.svg"
    args = "--at", "20%", "--title", "x", out, 66, sys.executable, "-c", code
    done = tool("tools/misc/record_terminal.py", *args)
    assert done.returncode == 0, done.stderr
    shown = re.sub(r"<style>.*?</style>|<[^>]+>", "", out.read_text(), flags=re.S)
    assert "width&#160;66" in shown and "20%" in shown
    assert "10%" not in shown and "done" not in shown
