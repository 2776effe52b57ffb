from pathlib import Path

import pytest

from documents import BadWatchlist, Entity, Linker, Watchlist, load_watchlist, normalise


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker(load_watchlist())


@pytest.mark.parametrize(
    ("text", "given", "found"),
    [
        ("Wirecard shares fall", [], [("WDI.DE", "Wirecard", "name")]),
        ("wirecard is finished", [], [("WDI.DE", "wirecard", "name")]),
        ("Eli Lilly's drug works", [], [("LLY", "Eli Lilly", "name")]),
        ("$tsla and $AAPL.", [], [("TSLA", "$tsla", "cashtag"), ("AAPL", "$AAPL", "cashtag")]),
        ("It rose again", ["WDI", "XXXX"], [("WDI.DE", "Wirecard", "given")]),
        ("It rose again", ["NYSE:BA", "AAPL.O"], [("BA", "Boeing", "given"), ("AAPL", "Apple", "given")]),
        ("Tesla rose", ["TSLA"], [("TSLA", "Tesla", "given")]),
        ("GE Aerospace, not ge", [], [("GE", "GE", "name")]),
        ("Visa shares and a Visa application", [], [("V", "Visa", "name")]),
        ("Target price raised; eat an apple", [], []),
        (
            "Deutsche Telekom sells T-Mobile US",
            [],
            [("DTE.DE", "Deutsche Telekom", "name"), ("TMUS", "T-Mobile US", "name")],
        ),
        ("Bank of America, not the bank", [], [("BAC", "Bank of America", "name")]),
        ("Intelligent people at Teslascope", [], []),
        ("mail@boeing.com #boeing @boeing", [], []),
        ("İstanbul: Boeing delivers", [], [("BA", "Boeing", "name")]),
        ("Take Two and take two, Rolls royce", [], [("TTWO", "Take Two", "name"), ("RR.L", "Rolls royce", "name")]),
        ("McDonald\u2019s sales", [], [("MCD", "McDonald\u2019s", "name")]),
        (normalise("McDonald\u00b4s sales"), [], [("MCD", "McDonald's", "name")]),
        ("Kohl\u02bcs and Lowe`s", [], [("KSS", "Kohl\u02bcs", "name"), ("LOW", "Lowe`s", "name")]),
        (
            "Coca\u2010Cola, Hewlett\u2013Packard",
            [],
            [("KO", "Coca\u2010Cola", "name"), ("HPQ", "Hewlett\u2013Packard", "name")],
        ),
        ("NYSE:BA slips", [], [("BA", "NYSE:BA", "cashtag")]),
        ("The maker (NYSE: BA) slips", [], [("BA", "NYSE: BA", "cashtag")]),
        ("Boeing (NYSE: BA) slips", [], [("BA", "Boeing", "name")]),
        ("The maker (NASDAQ:TSLA)", [], [("TSLA", "NASDAQ:TSLA", "cashtag")]),
        ("XETRA: SAP and LON:BA", [], [("SAP.DE", "SAP", "name"), ("BA.L", "LON:BA", "cashtag")]),
        ("BA.N and AAPL.OQ", [], [("BA", "BA.N", "cashtag"), ("AAPL", "AAPL.OQ", "cashtag")]),
        ("The carmaker <F.N> and F. N. Smith, A.O. Jones", [], [("F", "F.N", "cashtag")]),
        ("#TSLA and #NOW", [], [("TSLA", "#TSLA", "cashtag")]),
    ],
)
def test_who_is_meant(linker: Linker, text: str, given: list[str], found: list[tuple[str, str, str]]):
    mentions = linker.find(text, given)
    assert [(mention.ticker, mention.surface, mention.via) for mention in mentions] == found
    for mention in mentions:
        assert mention.start == -1 or text[mention.start : mention.end] == mention.surface


def test_symbols_of_terminals_and_national_numbers_are_known() -> None:
    """As exports of Bloomberg and FactSet have them, and without the zeros that a spreadsheet takes from a number."""
    companies = [
        Entity("AAPL", "Apple", "technology", "Hardware", isin="US0378331005"),
        Entity("BA", "Boeing", "industry", "Planes"),
        Entity("BA.L", "BAE Systems", "industry", "Arms", isin="GB0002634946"),
        Entity("BRK-B", "Berkshire Hathaway", "finance", "Holdings"),
        Entity("0700.HK", "Tencent", "technology", "Internet"),
    ]
    known = Linker(Watchlist(companies))
    for symbol, ticker in {
        "AAPL US Equity": "AAPL", "aapl uw": "AAPL", "AAPL-US": "AAPL", "037833100": "AAPL", "37833100": "AAPL",
        "BA UN Equity": "BA", "BA-US": "BA", "BA LN Equity": "BA.L", "BA-GB": "BA.L", "0263494": "BA.L",
        "BRK/B US Equity": "BRK-B", "BRK.B-US": "BRK-B", "BRK-B": "BRK-B", "700 HK Equity": "0700.HK",
        "XYZ US Equity": "XYZ US Equity", "BA XX": "BA XX",
    }.items():  # fmt: skip
        assert known.ticker(symbol) == ticker, symbol


@pytest.mark.parametrize(
    ("text", "tickers"),
    [
        ("DAX: SAP, ALV, BAS, BMW, SIE", ["SAP.DE", "BMW.DE", "ALV.DE", "BAS.DE", "SIE.DE"]),
        ("Movers: BARC, LLOY, VOD, HSBA", ["BARC.L", "LLOY.L", "VOD", "HSBA.L"]),
        ("Backed in its Series B. Apple joined. Popular with Gen Z. Snap rises", ["AAPL", "SNAP"]),
        ("bank of America cuts jobs, and so do die deutsche Bank and bank of China", ["BAC", "DBK.DE", "3988.HK"]),
        ("An Anglo-American deal and First-Solar homes", []),
        ("Kraft-Heinz, Harley Davidson and Anglo American rise", ["KHC", "HOG", "AAL.L"]),
        ("Apple Capital Spending Jumps; Snap Financial Results; Meta Power cut", ["AAPL", "SNAP", "META"]),
        ("Ford-Trump talks on tariffs", []),
        ("YouTube and LinkedIn add jobs at Coutts", ["GOOGL", "MSFT", "NWG.L"]),
        ("my youtube channel, via YouTube, a game at Gillette Stadium", []),
        ("Gillette raises prices as P&G recovers", ["PG"]),
        ("George Cadbury's idea, not Cadbury's plant", ["MDLZ"]),
        ("Volvo Cars and Volvo", ["VOLCAR-B.ST", "VOLV-B.ST"]),
        ("$DJI and $.DJI fall, DJI sells drones", ["DJI_DRONES"]),
        ("BOE says rates rise as China steel output falls", []),
        ("The country is a banana republic of old navy veterans", []),
        ("They bought a jeep under acer trees by the infiniti pool; China life is hard", []),
        ("Square Enix sells studios", []),
        ("The first solar farm, the national grid, a dish for a country garden and the best buy", []),
        ("First Solar, National Grid and Best Buy rise", ["FSLR", "NG.L", "BBY"]),
        (
            "Banana Republic, Jeep, Acer, Infiniti and China Life grow; Square falls",
            ["GPS", "STLAM.MI", "2353.TW", "7201.T", "2628.HK", "SQ"],
        ),
    ],
)
def test_brands_stand_for_their_owners(linker: Linker, text: str, tickers: list[str]):
    assert [match.ticker for match in linker.find(text)] == tickers


def test_chinese_is_found_in_either_way_of_writing_it(tmp_path: Path):
    (tmp_path / "list.yaml").write_text(
        "- {ticker: A, name: 輝達, not_before: [學], not_after: [业], desk: d, sector: s}", encoding="utf-8"
    )
    linker = Linker(load_watchlist(tmp_path / "list.yaml"))
    assert [
        one.surface for text in ("买辉达", "買輝達", "輝達学", "业辉达", "業輝達") for one in linker.find(text)
    ] == [
        "辉达",
        "輝達",
    ]


def test_a_company_is_mentioned_once_and_not_all_companies_are(linker: Linker):
    assert len(linker.find("Boeing and Boeing and $BA")) == 1
    assert len(linker.find("Boeing Airbus Siemens Tesla Microsoft Nvidia Pfizer Moderna Intel Netflix")) == 8


def test_a_list_may_be_typeset_too(tmp_path: Path):
    (tmp_path / "list.yaml").write_text("- {ticker: A, name: Alder\u2019s Mill\u2010Works, desk: d, sector: s}")
    linker = Linker(load_watchlist(tmp_path / "list.yaml"))
    assert [one.ticker for one in linker.find("Alder's Mill-Works grows")] == ["A"]


def test_the_shipped_list_is_large_and_complete():
    companies = load_watchlist().companies
    assert len(companies) >= 300
    assert all(company.desk and company.sector for company in companies)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {ticker: A, name: X, desk: d, sector: s}\n- {ticker: A, name: Y, desk: d, sector: s}", "'A' stands twice"),
        ("- {ticker: A, name: X, desk: d, sector: s}\n- {ticker: B, name: x, desk: d, sector: s}", "is A's already"),
        ("- {ticker: A, name: X, desk: d, sector: s, alias: [Z]}", "unknown field `alias`"),
        ("- {ticker: A, name: X, desk: d}", "missing required field `sector`"),
        ("- {ticker: A, name: X, desk: d, sector: s, capitalised: [Q]}", "none of its names"),
    ],
)
def test_a_wrong_watch_list_is_explained(tmp_path: Path, text: str, message: str):
    path = tmp_path / "list.yaml"
    path.write_text(text)
    with pytest.raises(BadWatchlist, match=message):
        load_watchlist(path)


def test_a_missing_watch_list_is_explained(tmp_path: Path):
    with pytest.raises(BadWatchlist, match="FINSENT_WATCHLIST"):
        load_watchlist(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "tickers"),
    [
        ("监管部门约谈腾讯高管", ["0700.HK"]),
        ("危机后，摩根大通下调目标价", ["JPM"]),
        ("南京东路商铺租金下跌，航空客运恢复", []),
        ("東京市場でソニーとテスラが急落", ["6758.T", "TSLA"]),
        ("テスラモーターズとは別の会社だ", []),
        ("삼성전자는 영업이익이 급감했다", ["005930.KS"]),
        ("신삼성전자 감원", []),
        ("Акции Газпрома упали", ["GAZP.ME"]),
        ("Tesla股价大跌", ["TSLA"]),
        ("Teslas und xTesla", []),
        ("三星堆出土文物，提高通胀预期，努力拓展市场", []),
        ("三星与高通和解，力拓增产", ["005930.KS", "QCOM", "RIO"]),
        ("中国银行业不良率下降，银行间市场", []),
        ("中国银行与京东签约，京东方上涨", ["3988.HK", "JD", "000725.SZ"]),
        ("法国兴业银行下调兴业银行评级", ["GLE.PA", "601166.SS"]),
        ("北京东城区与东京东部，其中行业分化", []),
        ("苹果期货主力合约下跌，红富士苹果上市", []),
        ("苹果市值创新高，小米粥与小米手机", ["AAPL", "1810.HK"]),
        ("理想汽车、贵州茅台与字节跳动", ["LI", "600519.SS", "BYTEDANCE"]),
        ("輝達與台積電、聯發科、蘋果合作", ["NVDA", "TSM", "2454.TW", "AAPL"]),
        ("中國銀行業與三星堆", []),
        ("利率下调25个BP，BT项目完工", []),
        ("Русалом и Лукойлом", ["0486.HK", "LKOH.ME"]),
    ],
)
def test_names_in_other_scripts(text: str, tickers: list[str]):
    assert [match.ticker for match in Linker(load_watchlist()).find(text)] == tickers


@pytest.mark.parametrize(
    ("text", "tickers"),
    [
        ("京东方面表示，京东方面回应称", ["JD"]),
        ("京东方面板价格上涨", ["000725.SZ"]),
        ("鼓励金融创新，融创出售资产", ["1918.HK"]),
        ("产业链家电企业与供应链家居企业", []),
        ("房企与链家合作", ["BEKE"]),
        ("将推特别国债", []),
        ("特朗普在推特发文", ["TWTR"]),
        ("清华硕士收入", []),
        ("音乐视频与娱乐视频", []),
        ("百万科技人才", []),
        ("台湾友邦宣布断交，我国友邦来访", []),
        ("友邦保险净利增长", ["1299.HK"]),
        ("欧美钢铁行业与欧美铝业", []),
        ("引领展会，带领展望", []),
        ("卫星展示，明星展览", []),
        ("索尼娅·甘地与索尼亚·甘地", []),
        ("南京航空航天大学（南航）与云南航线", []),
        ("国航、东航和南航亏损", ["0753.HK", "0670.HK", "1055.HK"]),
        ("三星SDI发布财报，三星SDS上涨", []),
        ("三星手机销量，十三星期", ["005930.KS"]),
        ("警方官方微博通报，微博通过审核", []),
        ("平安惠普与优惠普遍", []),
        ("互联网飞速发展，互联网易被滥用，宜贷网易捷金融", []),
        ("两百度高温，四百度近视", []),
        ("昨天猫咪走失，今天猫粮涨价，铁板钉钉", []),
        ("支付宝马上到账，淘宝马云", ["ANT", "BABA"]),
        ("比亚迪奥运版，嘉宾利用率", ["1211.HK"]),
        ("内蒙古驰援灾区，内蒙牛羊肉", []),
        ("日本田径队，日本田间", []),
        ("表达能力，雷达能效", []),
        ("惊喜力度，可喜茶饮", []),
        ("优雅培养，好礼来袭", []),
        ("外汇丰富，词汇丰厚", []),
        ("顺德银行网点，无法巴结，司法兴建", []),
        ("宁波音乐节，微波音频", []),
        ("伦敦豪宅，苏维埃尼古拉", []),
        ("访华为期三天，对华为期两天", []),
        ("占领克里米亚，带领克服困难", []),
        ("北美团队，赴美团购", []),
        ("产权健全，西安踏青活动", []),
        ("伊利湖，伊利莎白", []),
        ("经纬创投，墨斗鱼与战斗鱼雷", []),
        ("光荣中，尽快手术，并联电阻", []),
        ("惠农行动，移交行政机关", []),
        ("我国航线，外国航司，广东航运", []),
        ("平台塑造形象，措施乐观", []),
        ("阿里达摩院与阿里布局，思科创新高", ["BABA", "CSCO"]),
        ("奔驰在华销量，骏马奔驰在草原上", ["MBG.DE"]),
        ("强生产品，加强生产力", ["JNJ"]),
        ("美国安进公司，国安进球", ["AMGN"]),
        ("美银股价，欧美银行股", ["BAC"]),
        ("力拓市值，努力拓市场", ["RIO"]),
        ("持有H-1B签证", []),
        ("汇丰收购，高通知识产权，波音响应，看好礼来", ["HSBA.L", "QCOM", "BA", "LLY"]),
        (
            "南航大跌，卖出国航，安踏实现增长，美团聚焦，权健全球",
            ["1055.HK", "0753.HK", "2020.HK", "3690.HK", "QUANJIAN"],
        ),
        (
            "思科研究，越南纬创，索尼亚太，力拓维持，小米德国，专访华为",
            ["CSCO", "3231.TW", "6758.T", "RIO", "1810.HK", "HUAWEI"],
        ),
    ],
)
def test_names_within_ordinary_chinese(linker: Linker, text: str, tickers: list[str]):
    assert [match.ticker for match in linker.find(text)] == tickers
