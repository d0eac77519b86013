"""Files to records: each CSV is profiled where it lies, and only the profile goes into the record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from batchgen.data_types.contract import BadRow, DataFetcherStrategy, Record
from batchgen.data_types.csv_analysis.options import CsvAnalysisOptions
from batchgen.data_types.csv_analysis.profile import ProfileLimits, profile_csv
from batchgen.errors import SourceEmpty, SourceUnreadable
from batchgen.sources.dialect import Dialect, detect
from batchgen.sources.opened import OpenedSource

_TABLES = frozenset({".csv", ".tsv"})


class CsvAnalysisFetcher(DataFetcherStrategy[CsvAnalysisOptions]):
    """A record for each file and question; a file that cannot be profiled is a bad row."""

    def fetch(self, source: OpenedSource, options: CsvAnalysisOptions) -> Iterator[Record | BadRow]:
        """Yield the records, files in the order of their names; raises SourceEmpty where there is no CSV."""
        found = False
        for file in _files(source):
            found = True
            name = file.location.rstrip("/").rpartition("/")[2]
            try:
                profile = profile_of(file, options)
            except (SourceUnreadable, SourceEmpty) as error:
                if not _is_many(source):
                    raise
                yield BadRow(name, name, error.message)
                continue
            for number, question in enumerate(options.questions or ("",), 1):
                record_id = f"{name}#{number}" if len(options.questions) > 1 else name
                yield Record(record_id, {"file": name, "question": question, "profile": profile})
        if not found:
            raise SourceEmpty(source=source.location, advice="There is no CSV file below it.")


def profile_of(source: OpenedSource, options: CsvAnalysisOptions) -> dict[str, object]:
    """Return the profile of one file, read as the options say."""
    dialect: Dialect | None = None
    if options.encoding or options.delimiter or options.quote:
        dialect = detect(source, encoding=options.encoding, delimiter=options.delimiter, quote=options.quote)
    return profile_csv(source, dialect, ProfileLimits(options.profile_time_s, options.sample_rows))


def _is_many(source: OpenedSource) -> bool:
    return source.parts is not None or source.path.is_dir()


def _files(source: OpenedSource) -> Iterator[OpenedSource]:
    if source.parts is not None:
        yield from (part for part in source.parts() if part.suffix in _TABLES)
    elif source.path.is_dir():
        for path in sorted(_below(source.path)):
            yield OpenedSource(path.relative_to(source.path).as_posix(), path)
    else:
        yield source


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in _TABLES and path.is_file())
