"""Modules under the names that they had in earlier versions, which pickles of those versions contain.

The folder is on the ``__path__`` of ``processing_core``: ``processing_core._descriptors`` is found here.
"""
