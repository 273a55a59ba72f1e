"""A module that a forkserver preloads in tests: its spares exit after a second without a request."""

from processing_core._start import _spare

_spare._LONGEST_WAIT = 1  # second
