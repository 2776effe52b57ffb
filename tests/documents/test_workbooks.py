"""Workbooks of every format say the same, and a damaged one costs nothing but itself."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt

from documents.files import BadFile, read_table

Sheets = dict[str, list[list[Any]]]
DAY, MOMENT = datetime(2024, 1, 31), datetime(2024, 1, 31, 12, 30)
SHEETS: Sheets = {
    "Notes": [["made by", "me"]],
    "Empty": [],
    "News": [["Daily news"], [], ["Headline", "Published", "Value", "Sure"],
             ["Profit fell", DAY, 5, True], ["Gewinn \u20ac \u6f22", MOMENT, -1200.5, False]],
}  # fmt: skip


def xlsx(sheets: Sheets) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def xls(sheets: Sheets) -> bytes:
    book = xlwt.Workbook()
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                form = "yyyy-mm-dd hh:mm:ss" if isinstance(value, datetime) else "General"
                sheet.write(number, place, value, xlwt.easyxf(num_format_str=form))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def ods(sheets: Sheets, times: int = 1) -> bytes:
    """With each row ``times`` times."""

    def cell(value: Any) -> str:
        kind, name = {bool: ("boolean", "boolean-value"), datetime: ("date", "date-value")}.get(
            type(value), ("float", "value")
        )
        if isinstance(value, str):
            return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
        said = value.isoformat() if isinstance(value, datetime) else str(value).lower()
        return f'<table:table-cell office:value-type="{kind}" office:{name}="{said}"/>'

    def table(name: str, rows: list[list[Any]]) -> str:
        lines = "".join(
            f'<table:table-row table:number-rows-repeated="{times}">{"".join(map(cell, row))}</table:table-row>'
            for row in rows
        )
        rest = '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
        return f'<table:table table:name="{name}">{lines}{rest}</table:table>'

    names = "".join(f' xmlns:{one}="urn:oasis:names:tc:opendocument:xmlns:{one}:1.0"' for one in ("table", "office",
                                                                                                  "text"))  # fmt: skip
    body = "".join(table(name, rows) for name, rows in sheets.items())
    return packed(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": f"<office:document-content{names}><office:body><office:spreadsheet>{body}"
            "</office:spreadsheet></office:body></office:document-content>",
            "META-INF/manifest.xml": '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        }
    )


def record(number: int, data: bytes = b"") -> bytes:
    """A record of [MS-XLSB]: its number and its size in seven bits a byte, and ``data``."""
    head = bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])
    size = len(data)
    assert size < 1 << 14
    return head + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + data


def xlsb(sheets: Sheets, far: int = 0) -> bytes:
    """Dates are days since 1899-12-30, without a format; ``far`` puts another cell so many rows down."""

    def wide(text: str) -> bytes:
        return struct.pack("<I", len(text.encode("utf-16-le")) // 2) + text.encode("utf-16-le")

    def sheet(rows: list[list[Any]]) -> bytes:
        body = record(129) + record(148, struct.pack("<4I", 0, len(rows), 0, 10)) + record(145)
        for number, row in [*enumerate(rows), *([(far, [None] * 16_000 + ["x"])] if far else [])]:
            body += record(0, struct.pack("<IIHHBBI", number, 0, 300, 0, 0, 0, 0))
            for place, value in enumerate(row):
                value = (value - datetime(1899, 12, 30)).total_seconds() / 86400 if type(value) is datetime else value
                at = struct.pack("<II", place, 0)
                if isinstance(value, bool):
                    body += record(4, at + bytes([value]))
                elif value is not None:
                    body += record(6, at + wide(value)) if isinstance(value, str) else record(5, at + struct.pack(
                        "<d", value))  # fmt: skip
        return body + record(146) + record(130)

    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{office}" Target="worksheets/sheet{number}.bin"/>'
        for number in range(len(sheets))
    )
    listed = b"".join(
        record(156, struct.pack("<II", 0, number + 1) + wide(f"rId{number}") + wide(name))
        for number, name in enumerate(sheets)
    )
    links_of = "http://schemas.openxmlformats.org/package/2006/relationships"
    return packed(
        {
            "[Content_Types].xml": "<Types/>",
            "xl/workbook.bin": record(131) + record(143) + listed + record(144) + record(132),
            "xl/_rels/workbook.bin.rels": f'<Relationships xmlns="{links_of}">{links}</Relationships>',
        }
        | {f"xl/worksheets/sheet{number}.bin": sheet(rows) for number, rows in enumerate(sheets.values())}
    )


def packed(files: dict[str, str | bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


FORMATS: dict[str, Callable[[Sheets], bytes]] = {
    "Excel": xlsx, "old Excel": xls, "binary Excel": xlsb, "OpenDocument": ods,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_every_workbook_says_the_same(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.data"
    path.write_bytes(FORMATS[form](SHEETS))
    table = read_table(path)
    assert str(table) == f"{form}, rows in the sheet 'News', and not 'Notes', header in row 3"
    assert table.columns == ["Headline", "Published", "Value", "Sure"] and table.first == 4
    one, two = table.rows()
    if form == "binary Excel":  # without a format, a date is a number of days
        assert (one.values["Published"], two.values["Published"]) == (45322, pytest.approx(45322.52, abs=0.001))
    else:
        assert one.values["Published"] in (DAY, date(2024, 1, 31)) and two.values["Published"] == MOMENT
    assert (one.values["Headline"], one.values["Value"], one.values["Sure"]) == ("Profit fell", 5, True)
    assert (two.values["Headline"], two.values["Value"], two.values["Sure"]) == ("Gewinn \u20ac \u6f22", -1200.5, False)
    assert (one.number, two.number) == (4, 5) and len(list(table.rows())) == 2


@pytest.mark.parametrize("form", FORMATS)
def test_a_workbook_of_empty_sheets_is_named(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(FORMATS[form]({"Empty": []}))
    with pytest.raises(BadFile, match="a workbook whose sheets are empty"):
        read_table(path)


@pytest.mark.parametrize("form", list(FORMATS)[1:])
def test_a_damaged_workbook_costs_only_itself(tmp_path: Path, form: str) -> None:
    whole, path, drawn, refused = FORMATS[form](SHEETS), tmp_path / "a", random.Random(7), 0
    for cut in (False, True) * 6:
        data = bytearray(whole[: drawn.randrange(600, len(whole))] if cut else whole)
        for _ in range(40):
            data[drawn.randrange(8, len(data))] = drawn.randrange(256)
        path.write_bytes(data)
        try:
            list(read_table(path).rows())
        except BadFile:
            refused += 1
    assert refused


def test_a_cell_far_from_the_others_does_not_end_the_program(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsb"
    path.write_bytes(xlsb(SHEETS, far=1_000_000))
    with pytest.raises(BadFile, match=r"too large to be read at once; save it as \.xlsx or CSV"):
        read_table(path)


def test_a_small_file_of_repeated_rows_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.ods").write_bytes(ods({"A": [["\u6f22" * 5000]]}, times=60_000))
    with pytest.raises(BadFile, match="more than 10 million cells, or 200 MB of text"):
        read_table(tmp_path / "a.ods")


@pytest.mark.parametrize("form", FORMATS)
def test_a_packed_workbook_is_unpacked_within_limits(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from documents.files import tables

    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(FORMATS[form](SHEETS)))
    assert read_table(path).columns == ["Headline", "Published", "Value", "Sure"]
    monkeypatch.setattr(tables, "LARGEST_WORKBOOK", 100)
    with pytest.raises(BadFile, match="a workbook of more than 100 bytes: save its table as CSV"):
        read_table(path)


def test_a_workbook_that_takes_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from documents.files import workbooks

    (tmp_path / "a.ods").write_bytes(ods(SHEETS))
    monkeypatch.setattr(workbooks, "LONGEST", timedelta(0))
    with pytest.raises(BadFile, match=r"minutes to be read; save it as \.xlsx or CSV"):
        read_table(tmp_path / "a.ods")
