"""Other libraries on this package: :mod:`processing.contrib.joblib` and :mod:`processing.contrib.tqdm`.

Each module imports the library that it is for, so import it by its full name.
"""

__all__: list[str] = []
