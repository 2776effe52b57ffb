"""What shows a language in few words: its small words, the usual words of its business news, and its own letters.

The words are in lower case. A word that is usual in English text as well is in no other list.
"""

from __future__ import annotations

import re

_WORDS = {
    "en": "the of to and in on for with is are at by from as its it after be this that has will was not an a up over "
    "new says will than more into out what how you my i",
    "de": "der die das und ist nicht mit von den dem ein eine einen für auf im zu zum zur des sich auch wird werden "
    "nach bei um aus über wie vor am bis noch mehr gegen nur es er sie wir milliarden millionen aktie aktien "
    "umsatz gewinn konzern bank börse euro prozent",
    "fr": "le la les des et est un une du en dans pour que qui sur avec au aux pas par ses sa son ce cette plus se ne "
    "sont après il elle vers contre milliards millions actions bourse bénéfice chiffre affaires",
    "es": "el la los las de del y en que un una por con para su sus se es al más no lo como tras sobre ya pero hasta "
    "entre este esta millones bolsa empresa empresas banco gobierno euros beneficio acciones mercado",
    "it": "il lo la gli le di del della dei delle e in che un una per con su non si è al alla dal dalla nel nella sono "
    "più dopo ma anche miliardi milioni borsa azioni utile ricavi euro",
    "pt": "o os as do da dos das e em no na nos nas que um uma por com para se é ao à mais não sua seu após pelo pela "
    "são mas bilhões milhões lucro ações bolsa empresa mercado",
    "nl": "de het een van en is op te dat voor met niet zijn aan bij ook naar uit na door wordt nog om maar tegen "
    "miljard miljoen winst omzet beurs aandeel",
    "sv": "och att det som en ett är på av för med den till inte om har de från kan efter vid sig under men mot "
    "miljarder miljoner kronor vinst börsen",
    "pl": "i w na z do nie się że to jest o po od za dla jak ale przez są ma oraz już przed ze tym mld mln spółka "
    "akcje zysk",
    "tr": "ve bir bu için ile da de olarak çok daha en ne gibi kadar sonra göre olan yüzde milyon milyar ise oldu "
    "şirket hisse borsa kâr dolar",
    "id": "dan yang di ke dari ini untuk dengan pada akan tidak itu naik turun saham jadi bisa ada juga sudah para "
    "oleh dalam usai hingga karena masih lebih laba rugi emiten rupiah miliar triliun rp ihsg bursa harga persen "
    "perusahaan bos pasar ekonomi bunga anjlok melesat",
    "vi": "và của là có không cho được một những các với này đã người trong khi cổ phiếu thì về ra tăng giảm công ty "
    "tỷ đồng lợi nhuận",
}  # fmt: skip
WORDS = {code: frozenset(words.split()) for code, words in _WORDS.items()}

LETTERS = {
    "de": "äöüß",
    "fr": "éèêàçùœîôû",
    "es": "ñáéíóú",
    "it": "àèìòù",
    "pt": "ãõçáéíóúâê",
    "nl": "ë",
    "sv": "åäö",
    "pl": "ąćęłńśźż",
    "tr": "ğşıçöü",
    "vi": "đơưăâêôạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
}
"""Letters that English words do not have."""

JAPANESE = frozenset(
    "売価続円気変経営関単収込悪済発厳対実値効様帰拡戦観継転応総広舗戻働権悩遅駆県団挙顕頼乗労険証帯検処楽薬囲毎圏軽録払剤鉄譲従"
    "齢廃辺両戸伝拠読浜渋焼稲縄聴臓蔵訳銭鋳錬隠雑霊黒歩"
)
"""Characters that only Japanese writes so: Chinese has another form of each."""

_WORD = re.compile(r"[^\W\d_]+")


def marks(text: str, code: str) -> int:
    """How many words of ``text`` are in the list of the language ``code``, and how many small ones have a letter of its
    own. One such word alone says nothing: English borrows words, and a name keeps its letters."""
    usual, letters = WORDS.get(code, frozenset()), LETTERS.get(code, "")
    words = _WORD.findall(text)
    listed = sum(word.lower() in usual for word in words)
    lettered = sum(word[0].islower() and any(c in letters for c in word) for word in words)
    return listed + (lettered if listed or lettered > 1 else 0)
