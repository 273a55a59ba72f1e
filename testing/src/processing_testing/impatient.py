"""To be preloaded by a forkserver whose spares shall give themselves up at once."""

from processing_core._start import _spare

_spare._PATIENCE = 1  # second
