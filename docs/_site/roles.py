"""Griffe extension: the Sphinx roles of docstrings, as links of Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:mod|class|exc|func|meth|attr|data|const|obj|envvar):`([^`]+)`")


class Roles(griffe.Extension):
    """Show each role as code; what the reference has is a link to it."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = ROLE.sub(self._shown, obj.docstring.value)

    @staticmethod
    def _shown(match: re.Match[str]) -> str:
        named = match[1].rsplit("<", 1)[-1].rstrip(">")
        return f"`{named.removeprefix('~').rsplit('.', 1)[-1] if named.startswith('~') else named}`"
