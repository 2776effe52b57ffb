"""The rows of a file, whatever it is: JSON in any arrangement, CSV, Parquet, Excel."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from documents.files.recognising import BadFile, Recognised, recognise, unpacked
from documents.showing import from_spreadsheet

LARGEST_JSON = 1_000_000_000
"""A single JSON document of more characters is not read into memory: as JSON lines it may have any length."""

LARGEST_CELL = 4 * 1024 * 1024
DEEPEST, LONGEST_SEARCH = 4, 1000
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
HALVED = "it holds half of a character (a surrogate): whoever wrote the file cut a text in the middle of one"
NEEDS = "pip install 'finsent[files]'"


class TableRow(NamedTuple):
    """One row. ``number`` is its line in JSON lines, its row in a spreadsheet or CSV, where the header is row 1, and
    else counts from 1. ``raw`` is the line itself.

    ``fault`` says why the row cannot be read; then it has no ``values``. In ``values``, the names of nested fields are
    joined by points.
    """

    number: int
    values: dict[str, Any]
    raw: bytes = b""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A file with rows. ``columns`` are those of its first rows; ``within`` is where a JSON document has the rows."""

    path: Path
    recognised: Recognised
    columns: list[str]
    within: str
    rows: Callable[[], Iterator[TableRow]]
    """Reads the file from its beginning. Raises ``BadFile`` where it breaks off."""

    def __str__(self) -> str:
        return f"{self.recognised}{f', rows in {self.within!r}' if self.within else ''}"


def read_table(path: Path, sample: int = 200) -> Table:
    """The table in ``path``; its columns are those of the first ``sample`` rows. Raises ``BadFile``."""
    found = recognise(path)
    within = ""
    if found.form == "JSON":
        documents = _json_documents(path, found)
        within, list_of_rows = _rows_within(path, documents)
        rows = _listed(list_of_rows)
    else:
        rows = {
            "JSON lines": _json_lines,
            "CSV": _csv_rows,
            "Parquet": _parquet_rows,
            "Excel": _excel_rows,
            "lines of text": _text_lines,
        }[found.form](path, found)
    columns: dict[str, None] = {}
    for row in islice(rows(), sample):
        columns.update(dict.fromkeys(row.values))
    return Table(path, found, list(columns), within, rows)


def csv_lines(path: Path) -> list[str]:
    """The lines of a CSV file in whatever encoding; of another table those of the CSV file that it would be, with each
    row on the line of its number. Raises ``BadFile``."""
    found = recognise(path)
    if found.form in ("CSV", "lines of text"):
        return list(_text(path, found))
    table, made = read_table(path), io.StringIO(newline="")
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(table.columns)
    written = 1
    for row in table.rows():
        if row.fault:
            raise BadFile(f"{path}, row {row.number}: {row.fault}")
        made.write("\n" * (row.number - written - 1))
        writer.writerow([_cell(row.values.get(column)) for column in table.columns])
        written = max(row.number, written + 1)
    return made.getvalue().splitlines(keepends=True)


def _cell(value: Any) -> str:
    if value is None or value != value:  # a float that is no number, as pandas writes an empty cell
        return ""
    return value.isoformat() if isinstance(value, date) else " ".join(str(value).split())


def _text(path: Path, found: Recognised) -> Iterator[str]:
    """The lines of a text, each with its end as it is."""
    with unpacked(path) as (stream, _):
        text = io.TextIOWrapper(stream, encoding=found.encoding, newline="")  # type: ignore[arg-type]
        try:
            yield from text
        except UnicodeError as error:
            raise BadFile(f"{path} is not {found.encoding} throughout: {error}; save it as UTF-8") from error


def _text_lines(path: Path, found: Recognised) -> Callable[[], Iterator[TableRow]]:
    def rows() -> Iterator[TableRow]:
        for number, line in enumerate(_text(path, found), 1):
            if line.strip():
                yield TableRow(number, {"text": line.strip().lstrip("\ufeff")})

    return rows


def _json_lines(path: Path, found: Recognised) -> Callable[[], Iterator[TableRow]]:
    def rows() -> Iterator[TableRow]:
        for number, line in enumerate(_text(path, found), 1):
            line = line.strip("\ufeff\r\n")
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield TableRow(number, {}, b"", f"no JSON: {error}")
                continue
            if isinstance(row, dict):
                halved = bool(_HALF.search(line)) and _has_half_characters(row)
                values = {} if halved else flat(row)
                yield TableRow(number, values, line.encode("utf-8", "surrogatepass"), HALVED if halved else "")
            else:
                yield TableRow(number, {}, b"", f"no JSON object, but {_kind(row)}")

    return rows


def _json_documents(path: Path, found: Recognised) -> list[Any]:
    """The documents of a JSON file: one, or several one after the other."""
    parts, size = [], 0
    for line in _text(path, found):
        parts.append(line)
        size += len(line)
        if size > LARGEST_JSON:
            raise BadFile(
                f"{path} is one JSON document of more than {LARGEST_JSON:,} characters: save it as JSON lines"
            )
    text, decoder, at, documents = "".join(parts).lstrip("\ufeff"), json.JSONDecoder(), 0, []
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            document, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            broken = "breaks off" if error.pos >= len(text.rstrip()) - 1 else "is no JSON"
            raise BadFile(f"{path} {broken} at line {error.lineno}, column {error.colno}: {error.msg}") from error
        except RecursionError as error:
            raise BadFile(f"{path} is nested too deeply") from error
        documents.append(document)
    return documents


def _rows_within(path: Path, documents: list[Any]) -> tuple[str, list[Any]]:
    """The path to the rows in a JSON file, and the rows."""
    if len(documents) > 1:
        return "", documents
    document = documents[0]
    if isinstance(document, list):
        return "", document
    if not isinstance(document, dict):
        raise BadFile(f"{path} holds {_kind(document)}, and no rows")
    if numbered := _by_number(document) or _with_header(document):
        return "", numbered
    found = [one for one in _lists(document, "", 0) if one[1]]
    if found:
        return max(found, key=lambda one: len(one[1]))
    if any(isinstance(value, list) for value in document.values()) and not {"title", "text", "id"} & document.keys():
        told = document.get("message") or document.get("error") or ""
        raise BadFile(f"{path} is an answer without rows{f': {told}' if isinstance(told, str) and told else ''}")
    return "", _by_column(document) or [document]


def _lists(value: dict[str, Any], where: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    """The lists of objects in ``value``; those further out come first."""
    inner = []
    for name, item in value.items():
        place = f"{where}.{name}" if where else name
        if isinstance(item, list) and item and all(isinstance(one, dict) for one in item[:LONGEST_SEARCH]):
            yield place, item
        elif isinstance(item, dict) and depth < DEEPEST:
            inner.append((item, place))
    for item, place in inner:
        yield from _lists(item, place, depth + 1)


def _by_number(document: dict[str, Any]) -> list[Any]:
    """The rows of an object of rows, whose keys are their numbers, as the SEC writes its list of companies."""
    rows = list(document.values())
    named = all(isinstance(one, dict) and one and not all(key.isdigit() for key in one) for one in rows)
    return rows if len(rows) > 1 and all(map(str.isdigit, document)) and named else []


def _with_header(document: dict[str, Any]) -> list[Any]:
    """The rows of ``{"fields": ["id", ...], "data": [[1, ...], ...]}``."""
    for names in ("fields", "columns"):
        header, rows = document.get(names), document.get("data")
        if isinstance(header, list) and isinstance(rows, list) and all(isinstance(one, str) for one in header):
            return [dict(zip(header, row, strict=False)) if isinstance(row, list) else row for row in rows]
    return []


def _by_column(document: dict[str, Any]) -> list[Any]:
    """The rows of an object of columns, each with the same keys, as pandas writes them."""
    columns = list(document.values())
    if len(columns) < 2 or not all(
        isinstance(one, dict) and one and one.keys() == columns[0].keys() for one in columns
    ):
        return []
    return [{name: document[name][key] for name in document} for key in columns[0]]


def _listed(values: list[Any]) -> Callable[[], Iterator[TableRow]]:
    def rows() -> Iterator[TableRow]:
        for number, row in enumerate(values, 1):
            if isinstance(row, dict) and not _has_half_characters(row):
                yield TableRow(number, flat(row))
            elif isinstance(row, dict):
                yield TableRow(number, {}, b"", HALVED)
            else:
                yield TableRow(number, {}, b"", f"no JSON object, but {_kind(row)}")

    return rows


def _has_half_characters(row: Any) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def flat(row: dict[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    """``row`` with the fields of nested objects as ``outer.inner``."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and value and depth < DEEPEST:
            found |= flat(value, f"{before}{name}.", depth + 1)
        else:
            found[f"{before}{name}"] = value
    return found


def _csv_rows(path: Path, found: Recognised) -> Callable[[], Iterator[TableRow]]:
    def rows() -> Iterator[TableRow]:
        csv.field_size_limit(LARGEST_CELL)
        reader = csv.reader(_without_hint(_text(path, found)), delimiter=found.delimiter)
        header: list[str] = []
        number = 0
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise BadFile(f"{path}, line {reader.line_num}: {error}") from error
            if cells is None:
                return
            if not any(map(str.strip, cells)):
                continue
            if not header:
                header = [name.strip().lstrip("\ufeff") for name in cells]
                continue
            number += 1
            pairs = zip(header, cells, strict=False)
            values: dict[str, Any] = {name: from_spreadsheet(cell) for name, cell in pairs if name}
            more = [cell for cell in cells[len(header) :] if cell.strip()]
            fault = (
                f"{len(header) + len(more)} cells, and the header has {len(header)}: put texts with "
                f"{found.delimiter!r} in them into quotes"
            )
            yield TableRow(number + 1, values, b"", fault if more else "")

    return rows


def _without_hint(lines: Iterator[str]) -> Iterator[str]:
    """Without the line ``sep=;`` that Excel writes in front."""
    first = next(lines, None)
    if first is not None and not first.lstrip("\ufeff").lower().startswith("sep="):
        yield first.lstrip("\ufeff")
    yield from lines


def _parquet_rows(path: Path, found: Recognised) -> Callable[[], Iterator[TableRow]]:
    if find_spec("pyarrow") is None:
        raise BadFile(f"{path} is a Parquet file, which needs pyarrow: {NEEDS}")
    if found.packed:
        raise BadFile(f"{path} is a Parquet file that was packed with {found.packed}: unpack it")

    def rows() -> Iterator[TableRow]:
        import pyarrow
        from pyarrow import parquet

        number = 0
        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(1024):
                    for row in batch.to_pylist():
                        number += 1
                        yield TableRow(number, flat(row))
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise BadFile(f"{path} is a damaged Parquet file: {error}") from error

    return rows


def _excel_rows(path: Path, found: Recognised) -> Callable[[], Iterator[TableRow]]:
    if find_spec("openpyxl") is None:
        raise BadFile(f"{path} is an Excel file, which needs openpyxl: {NEEDS}")

    def rows() -> Iterator[TableRow]:
        from zipfile import BadZipFile

        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException

        try:
            with unpacked(path) as (stream, _):
                book = load_workbook(io.BytesIO(stream.read()), read_only=True, data_only=True)
                sheet = next((one for one in book.worksheets if any(map(any, one.iter_rows(values_only=True)))), None)
                header: list[str] = []
                number = 0
                for cells in sheet.iter_rows(values_only=True) if sheet else ():
                    if all(cell is None for cell in cells):
                        continue
                    if not header:
                        header = ["" if cell is None else str(cell).strip() for cell in cells]
                        continue
                    number += 1
                    yield TableRow(number + 1, {name: c for name, c in zip(header, cells, strict=False) if name})
        except (BadZipFile, InvalidFileException, KeyError, ValueError, TypeError) as error:
            raise BadFile(f"{path} is a damaged Excel file: {error}") from error

    return rows


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null", dict: "an object"}
    return kinds.get(type(value), "a number")
