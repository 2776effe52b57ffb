"""That a bad quantity moves is said to be good or bad, and nothing else is touched."""

import pytest

from documents.bad_quantities import spelled_quantities


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("Airline's fuel costs rose 12%", "Airline's fuel costs worsens 12%"),
        ("Lay-offs at the plant have fallen to 20", "Lay-offs at the plant have improves to 20"),
        ("Flight delays at the hub doubled", "Flight delays at the hub worsens"),
        ("It says unemployment ticked up in May", "It says unemployment worsens in May"),
        ("Acme trims its net debt by a tenth", "Acme improves its net debt by a tenth"),
        ("Acme raises its debt to buy Bolt", "Acme worsens its debt to buy Bolt"),
        ("Falling energy bills help Acme", "improving energy bills help Acme"),
        ("Profit jumps as input costs ease", "Profit jumps as input costs improves"),
    ],
)
def test_a_movement_is_said_to_be_good_or_bad(text: str, spelled: str):
    assert spelled_quantities(text) == spelled


@pytest.mark.parametrize(
    "text",
    [
        "Profit rose 12%",
        "Costs hit profit, which fell 10%",  # profit fell
        "Operating profit before restructuring costs grew",
        "Accidents and sales rose",
        "Complaints may fall next year",
        "Unemployment did not fall",
        "Cost-conscious shoppers fell for it",
        "The cost of living rises",
        "Net loss widens to $3m",  # the network has learnt this from real headlines
        "Stocks pare losses",
    ],
)
def test_everything_else_stays(text: str):
    assert spelled_quantities(text) == text
