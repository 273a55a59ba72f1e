from __future__ import annotations

from processing_testing.forking import fork as fork
