"""Files of other people's making: what a file is, its rows, and which of its columns means what."""

from documents.files.columns import Columns, find_columns
from documents.files.dates import Order, is_ambiguous, numeric_order, parse_date
from documents.files.headers import doubled
from documents.files.labels import label_spellings, spelled, what_is_known
from documents.files.messages import TOPIC_OF_KIND, Messages, Outgoing, Reading, RowFault, tickers_in
from documents.files.numbers import Decimal, parse_number
from documents.files.positions import Holding, HoldingsReader
from documents.files.prices import Close, Prices
from documents.files.recognising import BadFile, Recognised, recognise
from documents.files.tables import Table, TableRow, flat, read_table, says_nothing, text_of

__all__ = [
    "BadFile",
    "Close",
    "Columns",
    "Decimal",
    "Holding",
    "HoldingsReader",
    "Messages",
    "Order",
    "Outgoing",
    "Prices",
    "Reading",
    "Recognised",
    "RowFault",
    "TOPIC_OF_KIND",
    "Table",
    "TableRow",
    "doubled",
    "find_columns",
    "flat",
    "is_ambiguous",
    "label_spellings",
    "numeric_order",
    "parse_date",
    "parse_number",
    "read_table",
    "recognise",
    "says_nothing",
    "spelled",
    "text_of",
    "tickers_in",
    "what_is_known",
]
