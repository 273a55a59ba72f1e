"""Griffe extension: Sphinx roles and examples of docstrings, as Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^( *)>>> .*\n(?:.*\S.*\n?)*", re.MULTILINE)
ROLE = re.compile(r":(?:mod|class|exc|func|meth|attr|data|const|obj|envvar):`([^`]+)`")


class Roles(griffe.Extension):
    """Show each role as code, and each example as a block of code."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of what was loaded."""
        if obj.docstring:
            text = ROLE.sub(self._shown, obj.docstring.value)
            obj.docstring.value = EXAMPLE.sub(self._fenced, text)

    @staticmethod
    def _fenced(match: re.Match[str]) -> str:
        example = re.sub(r" +# doctest: .*", "", match[0].rstrip())
        return f"{match[1]}```pycon\n{example}\n{match[1]}```\n"

    @staticmethod
    def _shown(match: re.Match[str]) -> str:
        named = match[1].rsplit("<", 1)[-1].rstrip(">")
        return f"`{named.removeprefix('~').rsplit('.', 1)[-1] if named.startswith('~') else named}`"
