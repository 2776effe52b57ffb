"""Figures that are compared get a word for it, and nothing else is touched."""

import pytest

from documents import spelled_figures


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("Q3 EPS $0.44 vs $0.52 estimate", "Q3 EPS $0.44 worse than expected vs $0.52 estimate"),
        ("Q3 EPS $0.52 vs $0.44 estimate", "Q3 EPS $0.52 better than expected vs $0.44 estimate"),
        ("EPS 42 cents vs. $0.39 expected", "EPS 42 cents better than expected vs. $0.39 expected"),
        ("revenue $1.2B, est. $990M", "revenue $1.2B better than expected, est. $990M"),
        ("Sales €3.1 bn (consensus €3.4 bn)", "Sales €3.1 bn worse than expected (consensus €3.4 bn)"),
        ("margin 15.7%, 7.9% a year ago", "margin 15.7% better than before, 7.9% a year ago"),
        ("margin 15.7% against 7.9% a year ago", "margin 15.7% better than before against 7.9% a year ago"),
        ("Rs 1,200 crore against Rs 1,100 crore", "Rs 1,200 crore better than expected against Rs 1,100 crore"),
        ("EPS $1.1 vs $1.0 est., revenue $2.1B vs $2.2B est.",
         "EPS $1.1 better than expected vs $1.0 est., revenue $2.1B worse than expected vs $2.2B est."),
    ],
)  # fmt: skip
def test_the_first_of_two_figures_is_said_to_be_better_or_worse(text: str, spelled: str):
    assert spelled_figures(text) == spelled


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("net loss of $81M vs loss of $67M a year earlier", "worse than before"),
        ("net loss of $67M vs loss of $81M a year earlier", "better than before"),
        ("EPS -$0.22 vs -$0.29 estimate", "better than expected"),
        ("EPS 42 cents vs. per-share loss of 24 cents a year ago", "better than before"),
        ("loss of $0.03 a share versus profit of $0.01", "worse than expected"),
        ("loss of $0.01 a share versus profit of $0.03", "worse than expected"),
        ("pretax profit of $133 million versus a loss of $432 million", "better than expected"),
        ("churn 2.1% vs 1.8% consensus", "worse than expected"),
    ],
)
def test_of_two_losses_the_smaller_is_the_better_and_a_loss_is_worse_than_a_profit(text: str, verdict: str):
    assert verdict in spelled_figures(text)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("ACME 115.38 -12.63", "ACME 115.38 down 12.63"),
        ("ACME +3.1% premarket", "ACME up 3.1% premarket"),
        ("ACME 207.19 (-4.7%)", "ACME 207.19 (down 4.7%)"),
        ("ACME ▲ 4%, BETA ▼ 2%", "ACME up 4%, BETA down 2%"),
        ("ACME +38.39 to 297.34", "ACME up 38.39 to 297.34"),
    ],
)
def test_the_sign_of_a_change_becomes_a_word(text: str, spelled: str):
    assert spelled_figures(text) == spelled


@pytest.mark.parametrize(
    "text",
    [
        "from 10-12 March the Boeing 737-800 flew 2019-20 routes",
        "call +49 30 1234567 before 17:30",
        "the 2011 stock contest vs. the 2012 one",
        "shares rose 3.1% from $12.10 to $12.50",
        "Q3 EPS $0.44 beats $0.40 estimate",
        "target price $12.50, stop loss $10.00",
        "Covid-19, G-7, S&P 500, 10-K",
        "range 127-130 and 11.75 -12.00",
        "Announced -$0.26 EPS",
        "第三季度净利润同比增长25%",
        "",
    ],
)
def test_other_figures_stay_as_they_are(text: str):
    assert spelled_figures(text) == text


def test_a_second_reading_changes_nothing_more():
    once = spelled_figures("Q3 EPS $0.44 vs $0.52 estimate, shares -3.5%")
    assert spelled_figures(once) == once
