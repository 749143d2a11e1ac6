"""A model card: what a model is, in the format of Hugging Face, for those who get it.

YAML between two lines of dashes, then Markdown: https://huggingface.co/docs/hub/model-cards.
It tells no more of the table than the model file and the report do.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from synthtab.core.errors import DataError
from synthtab.core.schema import Schema
from synthtab.core.shown import shown

# Facts of `Synthesizer.describe` that have a part of the card to themselves.
ELSEWHERE = ("learnt from", "columns", "not stored", "privacy", "not covered", "ledger")
TAGS = ("tabular", "synthetic-data", "tabular-data-generation")
# Signs that mean something in Markdown; and an underscore at the edge of a word.
MEANT = re.compile(
    r"[\\`*\[\]|#~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[-+>](?=\s)", re.MULTILINE
)

NO_PROMISE = (
    "None. The model was fitted without differential privacy: its weights have seen all "
    "training rows. Scores that find no copy, and attacks that fail, are no proof that "
    "nobody can be recognised."
)
NO_FIGURES = (
    "None is given here. `synthtab evaluate` judges rows of the model, and the figures of "
    "its report can stand here."
)
LIMITS = (
    "Rows are made up. What is true of the table at large is about true of them; no row is "
    "a fact about anybody.",
    "What is rare in the table is rarer still in the rows, or missing.",
    "Keys, names and addresses are invented and mean nothing. They lead to no other table.",
    "What the table says wrongly or one-sidedly, the rows say, too. They are no fairer "
    "than the table.",
    "It is not made for decisions about single people, nor to fill in for rows that were "
    "never collected.",
)
NO_LICENCE = (
    "Not said. Whether the model may be passed on depends on the table that it was learnt "
    "from: set `license` above before you do."
)


def model_card(
    name: str,
    facts: Sequence[tuple[str, str]],
    schema: Schema,
    report: Mapping[str, Any] | None = None,
    licence: str | None = None,
) -> str:
    """The card as text.

    Args:
        name: Of the model file.
        facts: What the model holds, from `Synthesizer.describe`.
        schema: Its columns.
        report: A report as plain data, from `Report.to_dict`; the rows that it may list
            as the riskiest are left out.
        licence: As Hugging Face names it, such as "cc-by-4.0"; "unknown" if not given.

    Raises:
        DataError: ``report`` is no report.
    """
    known = dict(facts)
    figures = None if report is None else _figures(report)
    parts = [
        _front(name, report, licence),
        f"# {_plain(name.removesuffix('.synthtab'))}",
        f"A generator of rows like those of a table of {len(schema.columns)} columns, made "
        "by synthtab. It holds no row of the table.",
        f"```sh\nsynthtab sample -n 1000 -m '{_in_code(name)}' -o rows.csv\n```",
        "## What it was learnt from",
        _sentence(known["learnt from"]),
        _table(("column", "kind", "missing", "what is known of it"), _columns(schema)),
        "## How it was learnt",
        _bullets([one for one in facts if one[0] not in ELSEWHERE]),
        "## Evaluation",
        figures or NO_FIGURES,
        "## What is not stored",
        _sentence(known["not stored"]),
        "## What is promised",
        _promise(known),
        "## Limits",
        "\n".join(f"- {limit}" for limit in LIMITS),
        "## Licence",
        NO_LICENCE if licence is None else _sentence(licence),
    ]
    return "\n\n".join(parts) + "\n"


def _front(name: str, report: Mapping[str, Any] | None, licence: str | None) -> str:
    """What machines read: YAML, whose texts are those of JSON."""
    lines = [
        "---",
        f"license: {_yaml(licence or 'unknown')}",
        "library_name: synthtab",
        "tags:",
        *(f"- {tag}" for tag in TAGS),
    ]
    scores = [] if report is None else _valued(report)
    if scores:
        assert report is not None, "scores without a report, report this"
        files = report.get("made", {}).get("files", {})
        table = _yaml(files.get("real", "a table"))
        lines += [
            "model-index:",
            f"- name: {_yaml(name)}",
            "  results:",
            "  - task:",
            "      type: tabular-data-generation",
            "    dataset:",
            f"      name: {table}",
            "      type: tabular",
            "    metrics:",
        ]
        for score in scores:
            lines += [
                f"    - type: {_yaml(score['name'])}",
                f"      name: {_yaml(score['title'])}",
                f"      value: {_rounded(score['value'])}",
            ]
    return "\n".join([*lines, "---"])


def _columns(schema: Schema) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for column in schema.columns:
        missing = "yes" if column.missing else ""
        why = "; ".join(filter(None, (column.why, column.note)))
        rows.append((column.name, column.kind, missing, why))
    return rows


def _promise(known: Mapping[str, str]) -> str:
    if "privacy" not in known:
        return NO_PROMISE
    kept = [(name, known[name]) for name in ("privacy", "not covered", "ledger")]
    return _bullets(kept)


def _valued(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The scores of a report that have a value."""
    try:
        scores = [score for score in report["scores"] if score["value"] is not None]
        for score in scores:
            float(score["value"]), score["name"], score["title"], score["meaning"]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "this is no report: give what synthtab evaluate writes as JSON"
        ) from error
    return scores


def _figures(report: Mapping[str, Any]) -> str:
    """What a report found: its conclusion, and a table of scores."""
    scores = _valued(report)
    made = report.get("made", {})
    files = made.get("files", {})
    by = f"synthtab {made.get('version', '')}".strip()
    counts = report.get("tables", {}).get("rows", {})
    compared = []
    for what, rows in counts.items():
        of_file = f" of {files[what]}" if what in files else ""
        compared.append(f"{rows:,} rows{of_file} ({what})")
    parts = [_sentence(f"{by}, {made.get('date', 'undated')}: {', '.join(compared)}")]
    if "model" not in made:
        parts.append(
            "The report does not say which model made the rows that it judged."
        )
    said = []
    for about in ("use", "safety"):
        if finding := report.get("conclusion", {}).get(about):
            said.append((about, f"{finding['level']}. {finding['text']}"))
    if said:
        parts.append(_bullets(said))
    rows = []
    for score in scores:
        beside = score.get("reference") or {}
        possible = ""
        if beside.get("value") is not None:
            possible = f"{_rounded(beside['value'])} ({beside['label']})"
        unit = score.get("unit") or ""
        value = f"{_rounded(score['value'])} {unit}".strip()
        rows.append((score["title"], value, possible, score["meaning"]))
    parts.append(_table(("score", "value", "beside", "what it is"), rows))
    return "\n\n".join(parts)


def _rounded(value: float) -> str:
    return f"{float(value):.4g}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads)]
    lines += [[_plain(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bullets(facts: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- **{_plain(name)}**: {_plain(text)}" for name, text in facts)


def _sentence(text: str) -> str:
    return f"{_plain(text)}."


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    one_line = " ".join(shown(text).split())
    return html.escape(MEANT.sub(r"\\\g<0>", one_line), quote=False)


def _in_code(text: str) -> str:
    """Text within a block of code and quotes of a shell."""
    return " ".join(shown(text).split()).replace("'", "'\\''").replace("```", "")


def _yaml(text: str) -> str:
    """A text of YAML, in which those of JSON are all valid."""
    return json.dumps(shown(str(text)), ensure_ascii=False)
