"""Griffe extension: Sphinx roles in docstrings (:func:`name`) become links."""

import re
from collections import defaultdict
from typing import Any

import griffe

ROLE = re.compile(r":\w+:`~?\.*([\w.]+)`")


class SphinxRoles(griffe.Extension):
    """Link each role to the one object of the package whose path ends with its target.

    A target of another package, or one that several objects match, becomes plain code.
    """

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Rewrite the docstrings of a loaded package."""
        objects = list(_walk(pkg))
        paths = defaultdict(list)
        for item in objects:
            paths[item.name].append(item.path)

        def link(match: re.Match) -> str:
            target = match[1]
            same_name = paths[target.rpartition(".")[2]]
            ends = [p for p in same_name if f".{p}".endswith(f".{target}")]
            label = target.rpartition(".")[2]
            if len(ends) != 1:
                return f"`{label}`"
            return (
                f'<autoref identifier="{ends[0]}" optional>'
                f"<code>{label}</code></autoref>"
            )

        for item in objects:
            if item.docstring:
                item.docstring.value = ROLE.sub(link, item.docstring.value)


def _walk(item: griffe.Object):
    """Yield an object and all that it defines."""
    yield item
    for member in item.members.values():
        if not member.is_alias:
            yield from _walk(member)
