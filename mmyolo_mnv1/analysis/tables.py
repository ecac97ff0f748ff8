"""Tables of results: Markdown on the screen, JSON, CSV, Markdown and PNG as files."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from prettytable import PrettyTable, TableStyle

from ..errors import InputError
from ..files import atomic_write

PNG = ".png"
SUFFIXES = (".json", ".csv", ".md")


class Column(NamedTuple):
    """A column of a table.

    Args:
        key (str): Of the value in a row; the heading in CSV.
        title (str): Heading in Markdown.
        show (Callable): Value to text, for Markdown. Defaults to ``str``.
    """

    key: str
    title: str
    show: Callable[[Any], str] = str


class Table(NamedTuple):
    """Rows of values, and how they are shown.

    Args:
        columns (Sequence[Column]): In order.
        rows (Sequence[dict]): Values by key; one that is missing or None stays empty.
        notes (Sequence[str]): Items of a list below the table in Markdown.
        document (Any): What JSON holds.
    """

    columns: Sequence[Column]
    rows: Sequence[dict]
    notes: Sequence[str]
    document: Any

    def markdown(self) -> str:
        """The columns that have values, and the notes; numbers to the right."""
        columns = [
            column
            for column in self.columns
            if any(row.get(column.key) is not None for row in self.rows)
        ]
        table = PrettyTable([column.title for column in columns])
        table.set_style(TableStyle.MARKDOWN)
        for column in columns:
            values = [row.get(column.key) for row in self.rows]
            is_text = any(isinstance(value, str) for value in values)
            table.align[column.title] = "l" if is_text else "r"
        for row in self.rows:
            table.add_row([_cell(row, column) for column in columns])
        notes = [f"- {note}" for note in self.notes]
        return "\n".join([table.get_string(), "", *notes])

    def write(
        self, paths: Sequence[Path], draw: Callable[[], Figure] | None = None
    ) -> None:
        """Write files in the form their suffixes name.

        Args:
            paths (Sequence[Path]): Each of a suffix in :data:`SUFFIXES`, or ``.png``.
            draw (Callable, optional): Makes the figure for ``.png``.

        Raises:
            InputError: If a suffix is another one or a file cannot be written.
        """
        check_suffixes(paths, with_picture=draw is not None)
        for path in paths:
            with _told(path) as temporary:
                if path.suffix == PNG:
                    _save_figure(draw(), temporary)
                else:
                    with temporary.open("w", encoding="utf-8", newline="") as file:
                        _WRITERS[path.suffix](self, file)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a picture, and close the figure.

    Args:
        figure (Figure): What is drawn.
        path (Path): A ``.png`` file.

    Raises:
        InputError: If it is no ``.png``, or cannot be written.
    """
    if path.suffix != PNG:
        raise InputError(f"--out {path}: name a file ending in {PNG}")
    with _told(path) as temporary:
        _save_figure(figure, temporary)


def check_suffixes(paths: Sequence[Path], with_picture: bool = False) -> None:
    """Refuse files of a form that is not written, before work begins.

    Args:
        paths (Sequence[Path]): The files.
        with_picture (bool): Whether there is a picture too. Defaults to False.

    Raises:
        InputError: If a suffix is unknown.
    """
    known = SUFFIXES + (PNG,) * with_picture
    for path in paths:
        if path.suffix not in known:
            raise InputError(f"--out {path}: name a file ending in {', '.join(known)}")


def millions(count: int) -> str:
    """20.05 for 20,053,779."""
    return f"{count / 1e6:.2f}"


def billions(count: int) -> str:
    """33.82 for 33,820,902,400; small numbers keep three digits."""
    return f"{count / 1e9:.{2 if count >= 1e9 else 4}f}"


@contextmanager
def _told(path: Path) -> Iterator[Path]:
    """A temporary name for a file, which is then told.

    Raises:
        InputError: If it cannot be written.
    """
    try:
        with atomic_write(path) as temporary:
            yield temporary
    except OSError as e:
        raise InputError(
            f"{path} cannot be written ({e.strerror}): name a file in a folder with "
            "room"
        ) from None
    print(f"wrote {path}")


def _cell(row: dict, column: Column) -> str:
    value = row.get(column.key)
    return "" if value is None else column.show(value)


def _write_json(table: Table, file: TextIO) -> None:
    json.dump(table.document, file, indent=1)
    file.write("\n")


def _write_csv(table: Table, file: TextIO) -> None:
    writer = csv.writer(file)
    writer.writerow([column.key for column in table.columns])
    for row in table.rows:
        writer.writerow([row.get(column.key) for column in table.columns])


def _write_markdown(table: Table, file: TextIO) -> None:
    file.write(table.markdown() + "\n")


def _save_figure(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=150, format="png")
    plt.close(figure)


_WRITERS = {".json": _write_json, ".csv": _write_csv, ".md": _write_markdown}
