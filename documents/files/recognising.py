"""What a file is, by its first bytes: packed or not, its encoding, and JSON, CSV, Parquet, a workbook or lines of text.

A file's name is no proof, so it decides only between lines of text and a CSV of one column.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Literal, cast

import msgspec
import zstandard

from documents.files.headers import DEEPEST_HEADER, header_place, known_names
from errors import FinsentError

Form = Literal[
    "JSON lines",
    "JSON",
    "CSV",
    "Parquet",
    "Arrow",
    "Excel",
    "old Excel",
    "binary Excel",
    "OpenDocument",
    "lines of text",
]

SAMPLE_BYTES = 64 * 1024
CHUNK_BYTES = 1024 * 1024
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SAMPLE_ROWS = 50

FEW_LETTERS_BEYOND_ASCII = 0.25
"""Western languages have fewer letters beyond ASCII than this; in Cyrillic or Chinese text nearly all are."""

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_ZIP = b"PK\x03\x04"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_STRANGERS = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, and not the file itself: run 'git lfs pull'"),
    (b"%PDF", "a PDF: save its text or table as CSV"),
    (b"Obj\x01", "an Avro file: convert it to Parquet or JSON lines"),
    (b"FEA1", "a Feather file of before 2020: save it as Parquet, or as Feather version 2"),
    (b"ORC", "an ORC file: convert it to Parquet"),
    (b"SQLite format 3", "a SQLite database: export the table as CSV"),
    (b"\x80\x04\x95", "a Python pickle, which may run any code when it is read: save it as Parquet or CSV"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it"),
)
_IN_ZIP = (
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "an OpenDocument text: save its table as .ods or CSV"),
    (b"mimetypeapplication/vnd.oasis.opendocument.presentation", "a presentation: save its table as .ods or CSV"),
    (b"word/", "a Word file: save its table as .xlsx or CSV"),
    (b"ppt/", "a PowerPoint file: save its table as .xlsx or CSV"),
    (b"Index/Document.iwa", "an Apple Numbers file: export it as .xlsx or CSV"),
)
_PAGES = (
    (re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:rss|feed|rdf:RDF)\b", re.DOTALL),
     "an RSS or Atom feed: name it in a feeds file, 'finsent feeds run' reads those"),
    (re.compile(rb"\s*<(?:!doctype html|html|table)\b", re.IGNORECASE),
     "a web page: the error page of a download, or a table that was saved as .xls (open that, and save it as .xlsx)"),
    (re.compile(rb"\s*<\?xml[^>]*>\s*<\?mso-application\b|\s*<\?xml[^>]*>\s*<(?:ss:)?Workbook\b"),
     "an Excel file in XML: open it, and save it as .xlsx or CSV"),
    (re.compile(rb"\s*<\?xml\b"), "XML: convert it to JSON or CSV"),
    (re.compile(rb"\x00[\x00-\xff]{4}\s*[{\[]"),
     "a record in a schema registry's wire format (five bytes in front of the JSON): send it as it is, and "
     "set KAFKA_SCHEMA_REGISTRY_URL for the workers"),
)  # fmt: skip


class BadFile(FinsentError, ValueError):
    """A file cannot be read. The text says what it is, where it is wrong, and what to do.

    ``option`` is what to do by an option of the command; ``bare`` is the text without it, for who has no command.
    """

    def __init__(self, bare: str, option: str = "") -> None:
        super().__init__(f"{bare}; {option}" if option else bare)
        self.bare = bare


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a file was found to be. ``delimiter`` is that of a CSV, and ``encoding`` that of a text."""

    form: Form
    packed: str = ""
    encoding: str = ""
    delimiter: str = ""

    def __str__(self) -> str:
        plain = self.encoding in ("", "ascii", "utf-8")
        details = (
            DELIMITERS[self.delimiter] if self.delimiter else "",
            "" if plain else "UTF-8 with a byte order mark" if self.encoding == "utf-8-sig" else self.encoding,
            self.packed,
        )
        said = ", ".join(filter(None, details))
        return f"{self.form} ({said})" if said else self.form


def recognise(path: Path) -> Recognised:
    """What the file at ``path`` is. Raises ``BadFile``, which names it, if rows cannot be read from it."""
    with unpacked(path) as (stream, packed):
        head = stream.read(SAMPLE_BYTES)
    if not head.strip():
        raise BadFile(f"{path} is empty")
    if head.startswith(b"PAR1"):
        return Recognised("Parquet", packed)
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return Recognised("Arrow", packed)
    if head.startswith(_ZIP):
        for inside, what in _IN_ZIP:
            if inside in head:
                raise BadFile(f"{path} is {what}")
        if b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in head:
            return Recognised("OpenDocument", packed)
        if b"xl/workbook.bin" in head:
            return Recognised("binary Excel", packed)
        if b"xl/" in head or b"[Content_Types].xml" in head:
            return Recognised("Excel", packed)
        raise BadFile(f"{path} is a ZIP archive of no file or of several, or it breaks off: unpack it and name one")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return Recognised("old Excel", packed)
    for beginning, what in _STRANGERS:
        if head.startswith(beginning):
            raise BadFile(f"{path} is {what}")
    for pattern, what in _PAGES:
        if pattern.match(head):
            raise BadFile(f"{path} is {what}")
    encoding = _encoding(path, head)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    if not text.strip().strip("\ufeff"):
        raise BadFile(f"{path} is empty")
    if "\x00" in text:
        raise BadFile(f"{path} holds bytes that are no text: it is no JSON, CSV, Parquet, Arrow, Excel or OpenDocument")
    if (first := text.lstrip("\ufeff\x1e \t\r\n")[:1]) in ("{", "["):
        return Recognised("JSON lines" if first == "{" and _is_json_lines(path, text) else "JSON", packed, encoding)
    if _plain_name(path).endswith((".jsonl", ".ndjson", ".json")):
        return Recognised("JSON lines", packed, encoding)  # its first line is at fault; the others may not be
    delimiter = _delimiter(text)
    if not delimiter and not _plain_name(path).endswith((".csv", ".tsv")):
        return Recognised("lines of text", packed, encoding)
    return Recognised("CSV", packed, encoding, delimiter or ",")


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[IO[bytes], str]]:
    """The bytes of a file, unpacked, and what it was packed with. Damage found while they are read is a ``BadFile``."""
    try:
        with path.open("rb") as raw:
            head = raw.read(6)
            raw.seek(0)
            packed = next((name for mark, name in _PACKED.items() if head.startswith(mark)), "")
            if head.startswith(_ZIP) and (inner := _only_file(raw)):
                with inner:
                    yield inner, "zip"
            else:
                yield cast("IO[bytes]", _opened(raw, packed)), packed
    except (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile) as error:
        raise BadFile(f"{path} breaks off or is damaged: {error}") from error
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile) or error.errno is None:
            raise BadFile(f"{path} breaks off or is damaged: {error}") from error
        raise BadFile(f"{path} cannot be read: {error.strerror}") from error


def _only_file(raw: IO[bytes]) -> IO[bytes] | None:
    """The file in a ZIP archive of one; None for any other archive, as an Excel file is one."""
    try:
        archive = zipfile.ZipFile(raw)
        names = [one for one in archive.namelist() if not one.endswith("/") and not one.startswith("__MACOSX/")]
        return archive.open(names[0]) if len(names) == 1 else None
    except zipfile.BadZipFile:
        return None
    except (RuntimeError, NotImplementedError) as error:
        raise BadFile(f"{raw.name} is a ZIP archive that cannot be opened here ({error}): unpack it") from error
    finally:
        raw.seek(0)


def _opened(raw: IO[bytes], packed: str) -> object:
    if packed == "gzip":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw))  # type: ignore[arg-type]
    if packed == "bzip2":
        return io.BufferedReader(bz2.BZ2File(raw))  # type: ignore[arg-type]
    if packed == "xz":
        return io.BufferedReader(lzma.LZMAFile(raw))  # type: ignore[arg-type]
    if packed == "zstd":
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))  # type: ignore[arg-type]
    return raw


def _plain_name(path: Path) -> str:
    name = path.name.lower()
    for ending in (".gz", ".bz2", ".xz", ".zst", ".zip"):
        name = name.removesuffix(ending)
    return name


def _is_json_lines(path: Path, text: str) -> bool:
    """Whether the first line of ``text`` is an object by itself: the others are, too, in JSON lines."""
    line, _, rest = text.lstrip("\ufeff\x1e \t\r\n").partition("\n")
    line = line.rstrip().removesuffix(",") if line.rstrip().endswith("},") else line
    named = _plain_name(path).endswith((".jsonl", ".ndjson"))
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        # A broken first line is no reason to take the rest for one document.
        return named or (not line.rstrip().endswith(("{", "[", ",")) and rest.startswith("{"))
    if not isinstance(found, dict) or named or rest.strip():
        return isinstance(found, dict)
    holds_rows = any(isinstance(one, list) and one and isinstance(one[0], dict) for one in found.values())
    return not holds_rows and any(isinstance(found.get(name), str) for name in ("id", "title", "text"))


def _delimiter(text: str) -> str:
    """What stands between the cells of most rows: "" where nothing does."""
    lines = text.lstrip("\ufeff").splitlines()
    if lines and (told := re.fullmatch(r"sep=(.)", lines[0].strip(), re.IGNORECASE)):
        return told[1] if told[1] in DELIMITERS else ""
    best = ("", 0.0)
    for delimiter in DELIMITERS:
        if delimiter not in lines[0]:
            continue
        counts: list[int] = []
        try:
            for row in csv.reader(io.StringIO("\n".join(lines[:-1] or lines)), delimiter=delimiter):
                counts.append(len(row))
                if len(counts) == SAMPLE_ROWS:
                    break
        except csv.Error:
            continue
        width, same = Counter(counts).most_common(1)[0]
        if width > 1 and (score := same / len(counts) + min(counts[0], 10) / 100) > best[1]:
            best = (delimiter, score)
    return _delimiter_below(lines, best[0]) or best[0]


def _delimiter_below(lines: list[str], told: str) -> str:
    """The delimiter of a table whose header is below other lines: "" unless its columns are known better than those of
    ``told``."""
    known = {}
    for delimiter in DELIMITERS:
        with suppress(csv.Error):
            reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
            rows = list(islice(filter(any, reader), DEEPEST_HEADER))
            place = header_place(rows)
            known[delimiter] = known_names(rows[place]) if place or delimiter == told else 0
    best = max(known, key=lambda one: known[one], default="")
    return best if best and known[best] > known.get(told, 0) else ""


def _encoding(path: Path, head: bytes) -> str:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if head.count(0) > len(head) // 4:  # UTF-16 of mostly Latin letters: every second byte is 0
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    strange = _beyond_utf8(path)
    if strange is None:
        return "utf-8"
    high = sum(byte > 127 for byte in strange)
    letters = sum(byte > 127 or chr(byte).isalpha() for byte in strange)
    if high < FEW_LETTERS_BEYOND_ASCII * letters:
        return "cp1252" if not set(strange) & {0x81, 0x8D, 0x8F, 0x90, 0x9D} else "latin-1"
    import charset_normalizer

    found = charset_normalizer.from_bytes(strange).best()
    return found.encoding if found else "cp1252"


def _beyond_utf8(path: Path) -> bytes | None:
    """Lines with bytes beyond ASCII, of a file that is not UTF-8; None for one that is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    kept, valid = bytearray(), True
    with unpacked(path) as (stream, _):
        while chunk := stream.read(CHUNK_BYTES):
            if valid:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    valid = False
            if not chunk.isascii() and len(kept) < SAMPLE_BYTES:
                kept += b"\n".join(line for line in chunk.split(b"\n") if not line.isascii())[:SAMPLE_BYTES]
            if not valid and len(kept) >= SAMPLE_BYTES:
                break
    if valid:
        try:
            decoder.decode(b"", final=True)
            return None
        except UnicodeDecodeError:
            pass
    return bytes(kept)
