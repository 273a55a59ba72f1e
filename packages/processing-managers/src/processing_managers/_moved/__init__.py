"""Modules under the names that they had in earlier versions, which pickles of those versions contain.

The folder is on the ``__path__`` of ``processing_managers``: ``processing_managers._proxy`` is found here.
"""
