"""Terminal of a command as SVG: record_terminal.py OUT.svg COLUMNS COMMAND ..."""

import argparse
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from mmyolo_mnv1.files import atomic_write

ROWS = 24
TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("columns", type=int)
    parser.add_argument(
        "--at", default="", help="the last screen whose last line has this text"
    )
    parser.add_argument("--title", help="default: the command")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args(argv)
    output, status = run_in_terminal(args.command, args.columns)
    screens = [s for s in replay(output) if args.at in s[-1]]
    console = Console(record=True, width=args.columns, file=StringIO())
    for line in screens[-1][-ROWS:]:
        console.print(Text.from_ansi(line), soft_wrap=True)
    with atomic_write(args.out) as temporary:
        title = args.title or " ".join(args.command)
        console.save_svg(str(temporary), title=title)
    return status


def run_in_terminal(command: Sequence[str], columns: int) -> tuple[str, int]:
    """Run a command in a pseudo terminal; its output and exit status."""
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    variables = {k: v for k, v in os.environ.items() if k not in ("CI", "COLUMNS")}
    process = subprocess.Popen(
        command,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env={**variables, "TERM": "xterm-256color"},
    )
    os.close(inner)
    output = b""
    with suppress(OSError):  # the command has ended
        while data := os.read(terminal, 65536):
            output += data
    os.close(terminal)
    return output.decode(errors="replace"), process.wait()


def replay(output: str) -> Iterator[list[str]]:
    """Screens after each piece of text: the lines, with their colours."""
    rows, row, start = [""], 0, False
    for number, code, back, line, text in TOKEN.findall(output):
        if text:
            rows[row] = text if start else rows[row] + text
            start = False
            yield [line for line in rows if line.strip()]
        elif back:
            start = True
        elif line:
            row, start = row + 1, False
            rows += [""] * (row == len(rows))
        elif code == "A":
            row = max(row - int(number or 1), 0)
        elif code == "K":
            rows[row] = ""
        elif code == "m":
            rows[row] += f"\x1b[{number}m"


if __name__ == "__main__":
    sys.exit(main())
