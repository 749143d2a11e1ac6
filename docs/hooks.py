"""What MkDocs does besides: pages from elsewhere in the repository, and links to files.

The documents are written to be read in the repository, where a link may lead to code.
On the site it leads to the page of that file, or to the repository if ``repo_url`` of
mkdocs.yml or the variable SITE_REPOSITORY names it; else its text stays, without a link.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
# File of the repository -> page of the site.
BROUGHT = {
    "benchmarks/README.md": "benchmarks.md",
    "examples/README.md": "examples.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "datasets/flights/PROVENANCE.md": "flights.md",
}
WHOLE_LINK = re.compile(
    r"(!?)\[([^]]*)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)"
)


def on_files(files: Any, config: Any) -> Any:
    """Bring the pages from elsewhere, and pictures that they show."""
    for source, page in BROUGHT.items():
        if (ROOT / source).exists():
            text = (ROOT / source).read_text(encoding="utf-8")
            files.append(File.generated(config, page, content=text))
    for picture in (ROOT / "benchmarks").glob("*.svg"):
        content = picture.read_text(encoding="utf-8")
        files.append(File.generated(config, picture.name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Let links lead where a site has something."""
    of_page = {page: source for source, page in BROUGHT.items()}
    written = of_page.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    here = posixpath.dirname(page.file.src_uri)

    def led(found: re.Match[str]) -> str:
        is_picture, text, path, anchor = found.groups()
        target = posixpath.normpath(posixpath.join(posixpath.dirname(written), path))
        on_site = BROUGHT.get(target, target.removeprefix("docs/"))
        if target.startswith("benchmarks/") and target.endswith(".svg"):
            on_site = posixpath.basename(target)
        if files.get_file_from_path(on_site) is not None:
            relative = posixpath.relpath(on_site, here or ".")
            return f"{is_picture}[{text}]({relative}{anchor or ''})"
        if not (ROOT / target).exists():
            # MkDocs complains of it.
            return found.group()
        repository = config.repo_url or os.environ.get("SITE_REPOSITORY")
        if repository:
            return (
                f"[{text}]({repository.rstrip('/')}/blob/main/{target}{anchor or ''})"
            )
        return text

    # Code stays as it is.
    parts = re.split(r"(^```.*?^```)", markdown, flags=re.DOTALL | re.MULTILINE)
    parts[::2] = [WHOLE_LINK.sub(led, part) for part in parts[::2]]
    return "".join(parts)
