"""How results show themselves in a notebook: headings, sentences, levels, tables, as HTML.

Every part escapes what it is given, unless it is `Html` already: names and cells may be
anything. A block brings its own style and loads nothing. It takes the colours of the
page around it, so that it can be read in light and in dark notebooks; only badges have a
ground of their own.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from synthtab.core.shown import shown

# Rows of a table, and characters of a cell, that fit a screen: two lines of it.
MOST_ROWS = 25
MOST_CHARACTERS = 240

# White on each of these can be read, and each can be seen on white and on black.
LEVEL_COLOURS = {
    "bad": "#b9283f",
    "fair": "#94610a",
    "good": "#1c7a48",
    "unknown": "#5a6675",
}
_BADGES = "".join(
    f"div.synthtab b.{level} {{background: {colour};}}\n"
    for level, colour in LEVEL_COLOURS.items()
)
# Selectors name the element and its class: those of notebooks name less, and give way.
STYLE = f"""<style>
div.synthtab {{font: 13px/1.45 system-ui, sans-serif; max-width: 1000px; color: inherit;}}
div.synthtab p {{margin: 2px 0; font-size: 13px;}}
div.synthtab p.title {{font-size: 15px; font-weight: 600;}}
div.synthtab .soft {{opacity: .7;}}
div.synthtab table.cells {{border-collapse: collapse; margin: 6px 0; font-size: 13px;}}
div.synthtab table.cells tr {{background: none;}}
div.synthtab table.cells :is(th, td) {{padding: 1px 14px 1px 0; border: 0; text-align: left;
  vertical-align: baseline; white-space: normal;}}
div.synthtab table.cells td:first-child {{white-space: nowrap;}}
div.synthtab table.cells td:last-child {{overflow-wrap: anywhere;}}
div.synthtab table.cells th {{font-weight: 600; border-bottom: 1px solid rgba(128,128,128,.45);}}
div.synthtab table.cells :is(th, td).number {{text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums;}}
div.synthtab b {{display: inline-block; padding: 0 7px; border-radius: 8px; color: #fff;
  font-size: 11px; font-weight: 600; white-space: nowrap;}}
div.synthtab summary {{cursor: pointer;}}
{_BADGES}</style>
"""


class Html(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


def escaped(value: object, most: int = MOST_CHARACTERS) -> Html:
    """A value as text of a page: at most so many characters, seen and not run."""
    if isinstance(value, Html):
        return value
    text = str(value)
    if len(text) > most:
        text = f"{text[: most - 1]}…"
    return Html(html.escape(shown(text)))


def block(title: object, *parts: Html) -> Html:
    """A heading and what stands below it: what ``_repr_html_`` returns."""
    head = f'<p class="title">{escaped(title)}</p>'
    return Html(f'<div class="synthtab">{STYLE}{head}{"".join(parts)}</div>')


def sentence(text: object, *, soft: bool = False) -> Html:
    """A paragraph; a soft one is a remark."""
    return Html(f"<p{_classed('soft' if soft else '')}>{escaped(text)}</p>")


def badge(level: str, text: str = "") -> Html:
    """A word on the colour of a level; the level itself if no other is given."""
    assert level in LEVEL_COLOURS
    return Html(f'<b class="{level}">{escaped(text or level)}</b>')


def table(
    rows: Sequence[Sequence[object]],
    headings: Sequence[str] = (),
    *,
    numbers: Iterable[int] = (),
    most: int = MOST_ROWS,
) -> Html:
    """Rows of cells; of more than ``most``, the first, and how many more there are.

    Args:
        rows: Cells as texts, or as `Html`.
        headings: Above the columns.
        numbers: Positions of the columns whose cells stand at the right.
        most: Rows that are shown.
    """
    at_right = set(numbers)

    def line(cells: Sequence[object], tag: str) -> str:
        filled = []
        for place, cell in enumerate(cells):
            kind = _classed("number" if place in at_right else "")
            filled.append(f"<{tag}{kind}>{escaped(cell)}</{tag}>")
        return f"<tr>{''.join(filled)}</tr>"

    head = f"<thead>{line(headings, 'th')}</thead>" if headings else ""
    body = "".join(line(row, "td") for row in rows[:most])
    text = f'<table class="cells">{head}<tbody>{body}</tbody></table>'
    if len(rows) > most:
        text += sentence(f"and {len(rows) - most:,} more", soft=True)
    return Html(text)


def folded(summary: str, *parts: Html) -> Html:
    """What is shown when its summary is clicked."""
    head = f"<summary>{escaped(summary)}</summary>"
    return Html(f"<details>{head}{''.join(parts)}</details>")


def _classed(name: str) -> str:
    return f' class="{name}"' if name else ""
