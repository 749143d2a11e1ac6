"""What a model holds, in words: `Synthesizer.describe` and `synthtab inspect`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from synthtab.core.config import TrainConfig
from synthtab.data.encoder import TableEncoder
from synthtab.data.relations.keys import said
from synthtab.model.completer import Completer
from synthtab.model.networks import Networks
from synthtab.sampling.tree_critic import TreeCritic


def in_words(
    encoder: TableEncoder,
    networks: Networks | None,
    critic: TreeCritic | None,
    fit: Mapping[str, Any],
) -> list[tuple[str, str]]:
    """Headings and sentences.

    Args:
        encoder: The encoding of the table.
        networks: None where no column varies.
        critic: What chooses among the rows of the networks, if anything.
        fit: The report of the fit, and its target, preset, seed and config.
    """
    # What concerns every model; then what only some have; then how to make it again.
    facts = [
        ("learnt from", _rows(fit)),
        *_before(fit),
        ("columns", _columns(encoder)),
        ("target", fit["target"] or "none"),
        ("training", _training(fit)),
        ("held-out score", _score(fit.get("best"))),
        ("sampling", _sampling(fit["passes"], critic)),
    ]
    if encoder.links:
        facts.append(("links", "; ".join(encoder.links)))
    if encoder.crosses:
        facts.append(("crosses", "; ".join(encoder.crosses)))
    if encoder.rules:
        facts.append(("rules", "; ".join(encoder.rules)))
    for key in encoder.keys:
        facts.append(("key", said(key)))
    if repeated := fit.get("repeated"):
        facts.append(("equal rows", f"{repeated:.1%} of the rows equal another one"))
    for step in encoder.enforced.steps:
        facts.append(("held by every row", str(step.form)))
    if paid := fit.get("privacy"):
        facts += _privacy(paid)
    facts += [
        ("preset", _preset(fit)),
        # With preset, seed and versions the same rows can be made again.
        ("seed", str(fit["seed"])),
        ("generator", _generator(encoder, networks)),
        ("versions", _listed(fit["versions"].items(), "{} {}")),
        ("not stored", f"training rows; {encoder.withheld}"),
    ]
    for warning in fit["warnings"]:
        facts.append(("warning", warning))
    return facts


def _before(fit: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the model went on from, the newest first."""
    facts = []
    while fit := fit.get("from", {}):
        text = (
            f"a model of {fit['rows']:,} other rows, after {fit['steps']:,} steps; what it "
            "stored of them is stored here: categories, averages, and what weights have "
            "learnt"
        )
        facts.append(("went on from", text))
    return facts


def _privacy(paid: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a private fit promises, what it does not, and what it asked."""
    entries = paid["entries"]
    most = [
        f"{entry['what']}: {entry['rho'] / paid['rho']:.1%}"
        for entry in entries
        if entry["rho"]
    ]
    return [
        ("privacy", paid["promise"]),
        ("not covered", paid["limits"]),
        (
            "ledger",
            f"{len(entries)} questions, by their share of rho: {'; '.join(most)}",
        ),
    ]


def _rows(fit: Mapping[str, Any]) -> str:
    text = f"{fit['rows']:,} rows"
    if fit.get("privacy"):
        text += " made of noisy answers about the table"
    # Of a larger table, where only so many were asked for.
    if fit.get("total"):
        text += f" drawn of {fit['total']:,}"
    text += f", {fit['holdout_rows']:,} of them held out of training"
    # Of a file that was read in pieces.
    if fit.get("sample"):
        text += f"; columns from {fit['sample']:,} random rows"
    return text


def _columns(encoder: TableEncoder) -> str:
    columns = encoder.schema.columns
    # The commonest kinds first.
    kinds = pd.Series([column.kind for column in columns]).value_counts()
    return f"{len(columns)}: {_listed(kinds.items(), '{1} {0}')}"


def _training(fit: Mapping[str, Any]) -> str:
    if fit["config"].get("completer") == "forest":
        return f"forests grown in {fit['seconds']:.0f} s on {fit['device']}"
    return (
        f"{fit['steps']:,} steps in {fit['seconds']:.0f} s on {fit['device']}; "
        f"stopped: {fit['stopped']}"
    )


def _score(best: float | None) -> str:
    return "none" if best is None else f"{best:.3f} (1 is best)"


def _sampling(passes: int, critic: TreeCritic | None) -> str:
    plural = "es" * (passes > 1)
    text = f"{passes} pass{plural} unless told otherwise"
    if critic is not None and critic.pool > 1:
        text += f"; trees keep 1 of {critic.pool:g} rows made"
    return text


def _preset(fit: Mapping[str, Any]) -> str:
    """Its name, and every dial that has not its default."""
    # Which completer there is, is said where the generator is; forests have no tree critic.
    completer = fit["config"].get("completer", "auto")
    defaults = TrainConfig(completer=completer).to_json()
    if completer == "forest":
        defaults["rounds"] = 0
    changed = {}
    for name, value in fit["config"].items():
        if value != defaults[name]:
            changed[name] = value
    if not changed:
        return str(fit["preset"])
    return f"{fit['preset']} ({_listed(changed.items(), '{}={}')})"


def _generator(encoder: TableEncoder, networks: Networks | None) -> str:
    codes = len(encoder.layout.blocks)
    offsets = len(encoder.layout.continuous)
    row = f"a row is {codes} codes and {offsets} offsets"
    if networks is None:
        return f"0 weights; {row}"
    if networks.generator is None and not isinstance(networks.completer, Completer):
        return f"forests, since the rows are few; {row}"
    weights = sum(weight.numel() for weight in networks.parameters())
    return f"{weights:,} weights; {row}"


def _listed(pairs: Iterable[tuple[Any, Any]], form: str) -> str:
    """Pairs in the given form, with commas between them."""
    return ", ".join(form.format(first, second) for first, second in pairs)
