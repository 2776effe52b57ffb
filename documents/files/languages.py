"""What columns are called in other languages than English: those that finsent reads, and Dutch."""

from __future__ import annotations

_WORDS = {
    "id": """
        Kennung, Artikelnummer, Identifiant, Identificador, Identificativo, Identyfikator, Идентификатор,
        编号, 新闻编号, 編號, 記事ID, 文書ID, 기사ID
    """,
    "title": """
        Titel, Überschrift, Ueberschrift, Schlagzeile, Meldungstitel, Artikeltitel,
        Titre, Titre de l'article, Gros titre, Intitulé,
        Título, Titular, Encabezado, Título de la noticia,
        Titolo, Titolo articolo, Manchete, Título da notícia,
        Kop, Koptekst, Krantenkop, Tytuł, Nagłówek, Rubrik, Başlık, Haber başlığı, Заголовок, Название,
        标题, 新闻标题, 題名, 标题名称, 標題, 新聞標題, タイトル, 見出し, 件名, 記事タイトル, 제목, 기사제목, 헤드라인,
        Judul, Judul berita, Tiêu đề, Tựa đề
    """,
    "text": """
        Volltext, Inhalt, Artikeltext, Meldungstext, Nachrichtentext, Artikel, Meldung, Nachricht, Beschreibung,
        Zusammenfassung, Kurztext,
        Texte, Texte intégral, Contenu, Corps, Corps de l'article, Description, Résumé, Extrait,
        Texto, Texto completo, Contenido, Cuerpo, Noticia, Descripción, Resumen,
        Testo, Testo completo, Contenuto, Corpo, Articolo, Descrizione, Riassunto,
        Conteúdo, Corpo da notícia, Notícia, Descrição, Resumo,
        Tekst, Inhoud, Artikel tekst, Volledige tekst, Bericht, Samenvatting, Omschrijving,
        Treść, Pełny tekst, Opis, Streszczenie, Innehåll, Brödtext, Sammanfattning, Metin, İçerik, Haber metni, Özet,
        Текст, Содержание, Полный текст, Описание, Новость,
        正文, 内容, 新闻内容, 新闻正文, 文本, 全文, 摘要, 內容, 內文, 新聞內容, 文字,
        本文, 記事本文, テキスト, 概要, 要約, 본문, 내용, 기사본문, 텍스트, 요약,
        Isi, Isi berita, Teks, Konten, Ringkasan, Nội dung, Văn bản, Tóm tắt
    """,
    "comment": """
        Kommentar, Beitrag, Commentaire, Message, Comentario, Comentário, Commento, Messaggio, Reactie, Komentarz,
        Yorum, Комментарий, 评论, 评论内容, 評論, コメント, 投稿, 댓글, Komentar, Bình luận
    """,
    "date": """
        Datum, Veröffentlichungsdatum, Veroeffentlichungsdatum, Veröffentlicht, Veroeffentlicht, Veröffentlicht am,
        Erscheinungsdatum, Erschienen, Publikationsdatum, Zeitpunkt, Zeitstempel, Datum und Uhrzeit, Handelstag,
        Date de publication, Date publication, Publié le, Publié, Date et heure, Horodatage, Jour, Séance,
        Fecha, Fecha de publicación, Fecha publicación, Publicado, Publicado el, Fecha y hora, Día,
        Data, Data di pubblicazione, Data pubblicazione, Pubblicato, Pubblicato il, Data e ora, Giorno,
        Data de publicação, Data publicação, Publicado em, Data e hora, Data do pregão, Dia,
        Publicatiedatum, Gepubliceerd, Gepubliceerd op, Tijdstip, Data publikacji, Opublikowano, Data i godzina,
        Publiceringsdatum, Publicerad, Tarih, Yayın tarihi, Yayınlanma tarihi,
        Дата, Дата публикации, Опубликовано, Дата и время,
        发布时间, 发布日期, 日期, 发表时间, 新闻时间, 公告日期, 交易日期,
        發布時間, 發佈時間, 發布日期, 發表時間, 日期時間, 交易日,
        日付, 日時, 公開日, 公開日時, 配信日時, 配信日, 掲載日, 掲載日時, 発表日, 発行日, 投稿日時, 投稿日, 取引日,
        날짜, 일자, 일시, 작성일, 게시일, 발행일, 등록일, 거래일,
        Tanggal, Tanggal terbit, Tanggal publikasi, Ngày, Ngày đăng, Ngày xuất bản, Ngày giao dịch,
        时间, 時間, Waktu, Thời gian
    """,
    "time": """
        Uhrzeit, Heure, Hora, Ora, Tijd, Godzina, Klockslag, Saat, Zeit, Время,
        时刻, 時刻, 时间, 時間, 시간, Waktu, Thời gian
    """,
    "source": """
        Quelle, Herausgeber, Medium, Zeitung, Anbieter, Source de l'article, Éditeur, Journal, Média,
        Fuente, Medio, Periódico, Fonte, Testata, Editore, Giornale, Veículo, Jornal,
        Bron, Uitgever, Krant, Źródło, Wydawca, Källa, Utgivare, Kaynak, Yayıncı, Источник, Издание,
        来源, 新闻来源, 媒体, 来源媒体, 來源, 新聞來源, 媒體,
        情報源, 出典, ソース, 媒体, 提供元, 配信元, 掲載元, 출처, 언론사, 매체, Sumber, Nguồn
    """,
    "author": """
        Autor, Verfasser, Nutzer, Benutzer, Benutzername, Auteur, Utilisateur, Usuario, Autore, Utente, Usuário,
        Schrijver, Gebruiker, Użytkownik, Författare, Yazar, Kullanıcı, Автор, Пользователь,
        作者, 用户, 用户名, 用戶, 著者, 投稿者, ユーザー, 작성자, 저자, Penulis, Tác giả
    """,
    "symbol": """
        Kürzel, Kuerzel, Börsenkürzel, Boersenkuerzel, Aktie, Aktien, Wertpapier, Tickersymbol,
        Symbole, Mnémonique, Code mnémonique, Símbolo, Acción, Simbolo, Azione, Ativo, Ação, Papel, Código,
        Aandeel, Spółka ticker, Akcja, Aktiesymbol, Hisse, Hisse kodu, Sembol, Тикер, Код бумаги, Акция,
        股票代码, 证券代码, 代码, 股票, 股票代號, 證券代號, 代號, 股號,
        銘柄コード, 証券コード, ティッカー, 銘柄, コード, 종목코드, 티커, 종목, Kode saham, Saham,
        Mã chứng khoán, Mã CK, Mã
    """,
    "company": """
        Unternehmen, Firma, Gesellschaft, Emittent, Firmenname, Unternehmensname, Bezeichnung,
        Entreprise, Société, Émetteur, Nom, Nom de la société, Libellé,
        Empresa, Compañía, Sociedad, Emisor, Nombre, Nombre de la empresa,
        Azienda, Società, Emittente, Nome, Ragione sociale, Companhia, Emissor, Nome da empresa,
        Bedrijf, Onderneming, Naam, Bedrijfsnaam, Spółka, Przedsiębiorstwo, Nazwa, Emitent, Nazwa spółki,
        Bolag, Företag, Namn, Şirket, Firma adı, Компания, Эмитент, Наименование,
        公司, 公司名称, 企业, 股票名称, 证券简称, 证券名称, 名称, 公司名稱, 企業, 股票名稱, 證券名稱, 名稱,
        会社名, 企業名, 銘柄名, 会社, 회사, 회사명, 기업, 기업명, 종목명, Perusahaan, Emiten, Nama, Công ty, Tên công ty
    """,
    "lang": """
        Sprache, Langue, Idioma, Lingua, Língua, Taal, Język, Språk, Dil, Язык, 语言, 語言, 言語, 언어, Bahasa, Ngôn ngữ
    """,
    "url": """
        Adresse, Lien, Enlace, Dirección, Collegamento, Indirizzo, Ligação, Endereço, Koppeling, Odnośnik, Länk,
        Bağlantı, Ссылка, 链接, 网址, 連結, 網址, リンク, 링크, Tautan, Liên kết
    """,
    "label": """
        Bewertung, Stimmung, Klasse, Étiquette, Classe, Etiqueta, Sentimiento, Clase, Etichetta,
        Sentimento, Rótulo, Oordeel, Etykieta, Sentyment, Nastrój, Etikett, Duygu, Etiket,
        Метка, Тональность, 标签, 情感, 情绪, 標籤, 情緒, ラベル, 感情, 레이블, 라벨, 감성, 감정, Sentimen, Nhãn
    """,
    "close": """
        Schlusskurs, Schluss, Schlußkurs, Kurs, Letzter Kurs, Letzter,
        Clôture, Cours de clôture, Cours, Dernier, Dernier cours, Cierre, Precio de cierre, Último, Precio,
        Chiusura, Prezzo di chiusura, Ultimo, Prezzo, Fechamento, Preço de fechamento, Fecho, Preço, Cotação,
        Slotkoers, Slot, Koers, Kurs zamknięcia, Zamknięcie, Stängningskurs, Slutkurs, Senast, Kapanış, Kapanış fiyatı,
        Цена закрытия, Закрытие, Последняя цена, 收盘价, 收盘, 收盤價, 收盤, 終値, 종가,
        Penutupan, Harga penutupan, Terakhir, Giá đóng cửa, Đóng cửa
    """,
    "adjusted_close": """
        Bereinigter Schlusskurs, Adjustierter Schlusskurs, Clôture ajustée, Cours de clôture ajusté, Cierre ajustado,
        Chiusura rettificata, Fechamento ajustado, Justerad stängningskurs, Düzeltilmiş kapanış, 复权收盘价,
        後復權收盤價, 調整後終値, 조정종가, 수정종가
    """,
    "desk": """
        Portefeuille, Portfolio, Abteilung, Buch, Cartera, Mesa, Portafoglio, Carteira, Portfel, Portfölj, Portföy,
        Портфель, 投资组合, 组合, 投資組合, ポートフォリオ, 部門, 포트폴리오, Danh mục
    """,
    "value": """
        Wert, Marktwert, Kurswert, Betrag, Gegenwert, Exposition, Bestandswert,
        Valeur, Valeur de marché, Valorisation, Montant, Encours, Valor, Valor de mercado, Importe, Exposición,
        Valore, Valore di mercato, Controvalore, Importo, Montante, Exposição,
        Waarde, Marktwaarde, Bedrag, Wartość, Wartość rynkowa, Kwota, Värde, Marknadsvärde, Belopp,
        Değer, Piyasa değeri, Tutar, Стоимость, Рыночная стоимость, Сумма, 市值, 金额, 价值, 市場價值, 金額,
        時価, 評価額, 시가, 평가금액, 금액, Nilai, Nilai pasar, Giá trị
    """,
    "quantity": """
        Stück, Stueck, Stückzahl, Stueckzahl, Anzahl, Menge, Bestand, Nominale, Quantité, Nombre de titres,
        Cantidad, Títulos, Quantità, Quantidade, Aantal, Ilość, Liczba, Antal, Miktar, Adet, Количество,
        数量, 持仓数量, 股数, 數量, 股數, 株数, 수량, 주식수, Jumlah, Số lượng
    """,
    "price": """
        Preis, Kurs, Prix, Cours, Precio, Prezzo, Preço, Prijs, Koers, Cena, Kurs akcji, Pris, Fiyat, Цена,
        价格, 價格, 単価, 株価, 가격, Harga, Giá
    """,
    "currency": """
        Währung, Waehrung, Devise, Monnaie, Moneda, Divisa, Valuta, Moeda, Waluta, Para birimi, Валюта, 货币, 币种,
        貨幣, 幣別, 通貨, 통화, Mata uang, Tiền tệ
    """,
    "as_of": "Stand, Stichtag, Bewertungstag, Date de valeur, Fecha valor, Data valuta, Peildatum, 基準日, 기준일",
    "sector": """
        Branche, Sektor, Secteur, Industria, Settore, Setor, Bransch, Sektör, Сектор, Отрасль, 行业, 板块, 產業, 行業,
        業種, セクター, 업종, 섹터, Industri, Ngành
    """,
    "country": "Land, Pays, País, Paese, Kraj, Ülke, Страна, 国家, 國家, 国, 국가, Negara, Quốc gia",
    "exchange": """
        Börse, Boerse, Börsenplatz, Handelsplatz, Bourse, Place de cotation, Bolsa, Mercado, Borsa, Beurs, Giełda,
        Börs, Биржа, 交易所, 上市交易所, 取引所, 市場, 거래소, Bursa, Sàn
    """,
}
"""The names by what is in the columns; those of one line are of a few languages."""

_MONTHS = """
    januar janvier enero gennaio janeiro januari stycznia января ocak
    februar février febrero febbraio fevereiro februari lutego февраля şubat
    märz mars marzo março maart marca марта mart maret
    april avril abril aprile kwietnia апреля nisan
    mai mayo maggio maio mei maja maj мая mayıs
    juni juin junio giugno junho czerwca июня haziran
    juli juillet julio luglio julho lipca июля temmuz
    august août agosto augustus sierpnia augusti августа ağustos agustus
    september septembre septiembre setiembre settembre setembro września сентября eylül
    oktober octobre octubre ottobre outubro października октября ekim
    november novembre noviembre novembro listopada ноября kasım
    dezember décembre diciembre dicembre dezembro december grudnia декабря aralık desember
"""
MONTHS = {name: number for number, names in enumerate(_MONTHS.strip().splitlines(), 1) for name in names.split()}
"""The number of each month by its name, as it stands in a date."""

IN_OTHER_LANGUAGES = {what: tuple(map(str.strip, words.split(","))) for what, words in _WORDS.items()}
