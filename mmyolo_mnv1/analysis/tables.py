"""Tables of results: Markdown on the screen; JSON, CSV, Markdown and PNG as files."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from prettytable import PrettyTable, TableStyle

from ..errors import InputError
from ..files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PNG = ".png"
SUFFIXES = (".json", ".csv", ".md")


class Column(NamedTuple):
    """A column of a table.

    Args:
        key (str): Key of the value in a row; heading in CSV.
        title (str): Heading in Markdown.
        show (Callable): Format of a value in Markdown. Defaults to ``str``.
    """

    key: str
    title: str
    show: Callable[[Any], str] = str


class Table(NamedTuple):
    """Rows of values, and their presentation.

    Args:
        columns (Sequence[Column]): Columns in order.
        rows (Sequence[dict]): Values by key; missing values and None are left empty.
        notes (Sequence[str]): List below the table in Markdown. Defaults to none.
        document (Any): Content of the JSON file. Defaults to None.
    """

    columns: Sequence[Column]
    rows: Sequence[dict]
    notes: Sequence[str] = ()
    document: Any = None

    def markdown(self) -> str:
        """Columns that have values, numbers right-aligned, and the notes."""
        columns = [
            column
            for column in self.columns
            if any(row.get(column.key) is not None for row in self.rows)
        ]
        titles: list[str] = []
        for index, column in enumerate(columns):
            count = sum(other.title == column.title for other in columns[:index])
            titles.append(f"{column.title} ({count + 1})" if count else column.title)
        table = PrettyTable(titles)
        table.set_style(TableStyle.MARKDOWN)
        for title, column in zip(titles, columns, strict=True):
            values = [row.get(column.key) for row in self.rows]
            is_text = any(isinstance(value, str) for value in values)
            table.align[title] = "l" if is_text else "r"
        for row in self.rows:
            table.add_row([_show(row, column) for column in columns])
        notes = [f"- {note}" for note in self.notes]
        return "\n".join([table.get_string(), "", *notes])

    def write(
        self, paths: Sequence[Path], draw: Callable[[], "Figure"] | None = None
    ) -> None:
        """Write and report files in the formats of their suffixes.

        Args:
            paths (Sequence[Path]): Files with a suffix of :data:`SUFFIXES` or ``.png``.
            draw (Callable, optional): Draws the figure for ``.png``. Defaults to None.

        Raises:
            InputError: If a suffix is unknown or a file cannot be written.
        """
        check_suffixes(paths, with_picture=draw is not None)
        for path in paths:
            if path.suffix == PNG:
                write_figure(draw(), path)
            else:
                self._write(path)

    def _write(self, path: Path) -> None:
        with (
            _reported(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            if path.suffix == ".json":
                json.dump(self.document, file, indent=1)
                file.write("\n")
            elif path.suffix == ".csv":
                rows = [[row.get(c.key) for c in self.columns] for row in self.rows]
                csv.writer(file).writerows([[c.key for c in self.columns], *rows])
            else:
                file.write(self.markdown() + "\n")


def write_figure(figure: "Figure", path: Path, dpi: int = 150) -> None:
    """Write and report a picture, and close the figure.

    Args:
        figure (Figure): The figure.
        path (Path): A ``.png`` file.
        dpi (int): Resolution in dots per inch. Defaults to 150.

    Raises:
        InputError: If the suffix is not ``.png``, or the file cannot be written.
    """
    from matplotlib import pyplot as plt

    if path.suffix != PNG:
        raise InputError(f"--out {path}: name a file ending in {PNG}")
    with _reported(path) as temporary:
        figure.savefig(temporary, dpi=dpi, format="png")
    plt.close(figure)


def check_suffixes(paths: Sequence[Path], with_picture: bool = False) -> None:
    """Check the formats of output files, before work begins.

    Args:
        paths (Sequence[Path]): The files.
        with_picture (bool): Whether ``.png`` is allowed. Defaults to False.

    Raises:
        InputError: If a suffix is unknown.
    """
    known = SUFFIXES + (PNG,) * with_picture
    for path in paths:
        if path.suffix not in known:
            raise InputError(f"--out {path}: name a file ending in {', '.join(known)}")


def millions(count: int) -> str:
    """Format in millions: 20.05 for 20,053,779."""
    return f"{count / 1e6:.2f}"


def billions(count: int) -> str:
    """Format in billions: 33.82 for 33,820,902,400; four digits below one billion."""
    return f"{count / 1e9:.{2 if count >= 1e9 else 4}f}"


@contextmanager
def _reported(path: Path) -> Iterator[Path]:
    """Yield a temporary path, then report the written file."""
    with atomic_write(path) as temporary:
        yield temporary
    print(f"wrote {path}")


def _show(row: dict, column: Column) -> str:
    value = row.get(column.key)
    return "" if value is None else column.show(value)
