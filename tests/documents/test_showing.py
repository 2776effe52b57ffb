import pytest

from documents import from_spreadsheet, shown, spreadsheet_cell


@pytest.mark.parametrize(
    "text",
    ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "a\rb", "\x00", "a\u202eb", "\u2066x\u2069", "\u200f", "\u2028", "\x7f"],
)
def test_what_could_steer_a_terminal_is_spelled_out(text: str):
    assert shown(text) != text
    assert shown(text).isprintable()


def test_the_rest_stays():
    for text in ("Gewinn +5 %", "中文 and \U0001f469\u200d\U0001f680", "two\nlines\tand a tab", "na\u00efve"):
        assert shown(text) == text
    assert shown("\x1b[31m") == "\\u001b[31m"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "＝1+1",
        "＋1",
        "－1+cmd",
        "＠A1",
        "\rx",
        "-2+3",
        "\u00a0=1",
    ],
)
def test_a_cell_that_begins_a_formula_is_text(text: str):
    assert spreadsheet_cell(text) == "'" + text
    assert from_spreadsheet(spreadsheet_cell(text)) == text


@pytest.mark.parametrize("text", ["", "Siemens", "-0.31", "+5", "-1e-05", "'quoted'", "1-2"])
def test_other_cells_stay(text: str):
    assert spreadsheet_cell(text) == text
    assert from_spreadsheet(text) == text
