"""The names of months and weekdays, in the languages in which tables are written.

Names are kept in small letters; a format says in which case they stand, see
`synthtab.data.columns.dates`.
"""

from __future__ import annotations

from functools import cache

# Language -> the months. "ap" and "gb" are English with abbreviations of their own.
# An entry is all names, short or long.
_SHORT_MONTHS = {
    "": "jan feb mar apr may jun jul aug sep oct nov dec",
    "ap": "jan. feb. march april may june july aug. sept. oct. nov. dec.",
    "gb": "jan feb mar apr may june july aug sept oct nov dec",
    "de": "jan feb mär apr mai jun jul aug sep okt nov dez",
    "fr": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "pt": "jan fev mar abr mai jun jul ago set out nov dez",
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "sv": "jan feb mars apr maj juni juli aug sep okt nov dec",
    "pl": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "tr": "oca şub mar nis may haz tem ağu eyl eki kas ara",
    "ru": "янв фев мар апр мая июн июл авг сен окт ноя дек",
}
_LONG_MONTHS = {
    "": "january february march april may june july august september october "
    "november december",
    "de": "januar februar märz april mai juni juli august september oktober "
    "november dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre "
    "novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre "
    "noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre "
    "ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro "
    "novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober "
    "november december",
    "sv": "januari februari mars april maj juni juli augusti september oktober "
    "november december",
    "da": "januar februar marts april maj juni juli august september oktober "
    "november december",
    "no": "januar februar mars april mai juni juli august september oktober "
    "november desember",
    "fi": "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta "
    "heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
    # Of January, as behind the number of a day.
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września "
    "października listopada grudnia",
    "cs": "ledna února března dubna května června července srpna září října "
    "listopadu prosince",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября "
    "ноября декабря",
    "uk": "січня лютого березня квітня травня червня липня серпня вересня жовтня "
    "листопада грудня",
    "tr": "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    "ro": "ianuarie februarie martie aprilie mai iunie iulie august septembrie "
    "octombrie noiembrie decembrie",
    "hu": "január február március április május június július augusztus szeptember "
    "október november december",
    "id": "januari februari maret april mei juni juli agustus september oktober "
    "november desember",
}
# Monday comes first.
_SHORT_WEEKDAYS = {
    "": "mon tue wed thu fri sat sun",
    "de": "mo di mi do fr sa so",
    "fr": "lun. mar. mer. jeu. ven. sam. dim.",
    "es": "lun mar mié jue vie sáb dom",
    "it": "lun mar mer gio ven sab dom",
    "pt": "seg ter qua qui sex sáb dom",
    "nl": "ma di wo do vr za zo",
}
_LONG_WEEKDAYS = {
    "": "monday tuesday wednesday thursday friday saturday sunday",
    "de": "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "pt": "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado "
    "domingo",
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
}
_TABLES = {
    "b": _SHORT_MONTHS,
    "B": _LONG_MONTHS,
    "a": _SHORT_WEEKDAYS,
    "A": _LONG_WEEKDAYS,
}
LANGUAGES = tuple(dict.fromkeys([*_SHORT_MONTHS, *_LONG_MONTHS]))
# Letter of a format -> the languages that have such names.
KNOWN = {letter: tuple(table) for letter, table in _TABLES.items()}


def names(letter: str, language: str, case: str = "") -> tuple[str, ...] | None:
    """The names that a part of a format stands for, in order.

    Args:
        letter: As in strftime: "b" and "B" for months, "a" and "A" for weekdays.
        language: One of `LANGUAGES`; "" for English.
        case: "^" for capitals, "~" for small letters, "" for a capital at the start.

    Returns:
        None for a language that is not known.
    """
    text = _TABLES[letter].get(language)
    if text is None:
        return None
    return tuple(in_case(word, case) for word in text.split())


def in_case(word: str, case: str) -> str:
    """A word of small letters in a case, see `names`."""
    if case == "^":
        return word.upper()
    return word if case == "~" else word.capitalize()


@cache
def parts_of(word: str) -> tuple[str, ...]:
    """The parts of a format that may stand for a word: ``%b`` and ``%B`` for "May"."""
    small = word.lower()
    cases = [case for case in ("", "^", "~") if in_case(small, case) == word]
    parts = []
    for letter, table in _TABLES.items():
        for language, text in table.items():
            if small not in text.split():
                continue
            named = f"{{{language}}}" if language else ""
            parts += [f"%{case}{letter}{named}" for case in cases]
    return tuple(parts)
