"""A part of the HTML page, and how templates are filled.

A metric with a picture returns a `Section` from its function `Metric.picture`; the page
puts it behind the pictures of the columns and gives it a link. Names and categories may
be anything: templates escape all text, and a body that is put together by hand must do
so itself (`markupsafe.escape`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from synthtab.evaluation.report.text import clean, percent, shorten


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading.

    Attributes:
        id: Its name in addresses, such as "detector" for ``report.html#detector``.
        link: What the navigation calls it; one or two words.
        heading: Its heading.
        body: What stands below the heading, as HTML.
    """

    id: str
    link: str
    heading: str
    body: Markup


def render(template: str, **values: Any) -> Markup:
    """A template of templates/ filled in, without a line break at its end."""
    text = _environment().get_template(template).render(**values)
    return Markup(text.rstrip("\n"))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("synthtab.evaluation.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clean": clean, "percent": percent, "shorten": shorten}
    return environment
