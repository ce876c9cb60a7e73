"""Every error Attune raises on purpose.

The tree::

    AttuneError
    ├── DataError                    a data set, table or file cannot be used
    │   ├── DatasetNotFoundError     a path that should hold a data set does not
    │   ├── DatasetFormatError       it is there but does not have the expected form
    │   ├── RowError                 one row of an ingest file is wrong
    │   └── SplitError               the data cannot be split as asked
    ├── StorageError                 the database cannot answer
    │   ├── DatabaseUnavailableError locked, gone, or unreachable
    │   └── SchemaOutOfDateError     migrations are missing
    ├── ArtifactError                a bundle or weights file cannot be used
    │   ├── BundleNotFoundError
    │   ├── BundleCorruptError       a hash or a manifest does not agree
    │   └── MissingExtraError        an optional dependency is not installed
    ├── ConfigError                  a configuration value is unknown or out of range
    ├── InvalidParameterError        a request parameter is unknown or out of range
    ├── ImageError                   a picture cannot be read (see vision.errors)
    ├── TrainingError                a run cannot start, resume or be published
    └── BenchmarkError               something to be measured is missing or failed

A message names the offending value and what to do about it. HTTP status codes live in
``api.problem`` alone.
"""

from __future__ import annotations

__all__ = [
    "ArtifactError",
    "AttuneError",
    "BenchmarkError",
    "BundleCorruptError",
    "BundleNotFoundError",
    "ConfigError",
    "DataError",
    "DatabaseUnavailableError",
    "DatasetFormatError",
    "DatasetNotFoundError",
    "ImageError",
    "InvalidParameterError",
    "MissingExtraError",
    "RowError",
    "SchemaOutOfDateError",
    "SplitError",
    "StorageError",
    "TrainingError",
]


class AttuneError(Exception):
    """Base of every error raised on purpose."""


class DataError(AttuneError):
    """A data set, table or file cannot be used."""


class DatasetNotFoundError(DataError):
    """A path that should hold a data set does not exist."""


class DatasetFormatError(DataError):
    """A data set exists but does not have the expected form."""


class RowError(DataError):
    """One row of an ingest file is wrong; the row is set aside and the rest goes on."""


class SplitError(DataError):
    """The data cannot be split as asked; the message names another split."""


class StorageError(AttuneError):
    """The database cannot answer."""


class DatabaseUnavailableError(StorageError):
    """The database is locked, gone or unreachable."""


class SchemaOutOfDateError(StorageError):
    """The database lacks migrations; run ``attune db upgrade``."""


class ArtifactError(AttuneError):
    """A bundle or a weights file cannot be used."""


class BundleNotFoundError(ArtifactError):
    """There is no bundle where one was looked for."""


class BundleCorruptError(ArtifactError):
    """A bundle's files do not agree with its manifest."""


class MissingExtraError(ArtifactError):
    """An optional dependency is needed; the message names the extra to install."""


class ConfigError(AttuneError):
    """A configuration value is unknown or out of range."""


class InvalidParameterError(AttuneError):
    """A request parameter is unknown or out of range.

    Attributes:
        parameter: name of the offending parameter.
    """

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class ImageError(AttuneError):
    """A picture cannot be used; narrower classes live in ``vision.errors``."""


class TrainingError(AttuneError):
    """A training run cannot start, resume or be published."""


class BenchmarkError(AttuneError):
    """Something that was to be measured is missing or failed."""
