"""A hook of MkDocs: pages outside of docs/, and pictures that pages link to, become part of the site.

Every page keeps the links that lead to files of the repository, and so can be read there too. On the site a
file of docs/ has its name in docs/, any other file its path in the repository; links are changed
accordingly. A link to what is neither a page nor a picture leads to the file's name alone.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from markdown import Extension, Markdown
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DOCS = "docs/"
OUTSIDE = ("*.md", "benchmarks/*.md", "core/maggie_core/weights/**/*.md", "maggie_node/demo_shot/*.md")
"""Pages beside those of docs/."""
SHOWN = (".md", ".png", ".jpg", ".html", ".svg")
"""What the site can show; of other files only the name is kept."""
FETCHED, KEPT = "https://unpkg.com/iframe-worker/shim", "assets/worker_in_frame.js"
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
_CODE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


class _ShortIndents(Extension):
    """What belongs to an item of a list is indented by two or three spaces, as GitHub reads it."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown's name
        md.tab_length = 2


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.markdown_extensions.append(_ShortIndents())  # type: ignore[arg-type]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside of docs/, and every picture that a page links to."""
    pages = [page for pattern in OUTSIDE for page in sorted(ROOT.glob(pattern))]
    wanted = {page.relative_to(ROOT).as_posix() for page in pages}
    for page in [*pages, *sorted((ROOT / DOCS).glob("**/*.md"))]:
        wanted |= {
            target for target in _targets(page) if target.endswith(SHOWN) and (ROOT / target).is_file()
        }
    for path in sorted(wanted):
        if not path.startswith(DOCS) and files.get_file_from_path(path) is None:
            files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Take the shim that the theme would fetch for a search from disk from the site itself."""
    root = posixpath.relpath(".", posixpath.dirname(page.file.dest_uri) or ".")
    return output.replace(FETCHED, f"{root}/{KEPT}")


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    """As `on_post_page`, of pages that are no pages of ours."""
    return output.replace(FETCHED, f"/{KEPT}")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of a page to where the site has their files."""
    here = _in_repository(page.file.src_uri)

    def changed(match: re.Match[str]) -> str:
        mark, text, link, anchor = match[1], match[2], match[3], match[4] or ""
        if not link or "://" in link or link.startswith("mailto:"):
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), link))
        if not target.endswith(SHOWN):
            return text
        place = target.removeprefix(DOCS)
        relative = posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or ".")
        return f"{mark}[{text}]({relative}{anchor})"

    parts = _CODE.split(markdown)
    return "".join(part if k % 2 else _LINK.sub(changed, part) for k, part in enumerate(parts))


def _in_repository(src_uri: str) -> str:
    return src_uri if (ROOT / src_uri).is_file() and not (ROOT / DOCS / src_uri).is_file() else DOCS + src_uri


def _targets(page: Path) -> set[str]:
    """Files of the repository that a page links to."""
    here = page.relative_to(ROOT).parent.as_posix()
    links: list[Any] = _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))
    return {posixpath.normpath(posixpath.join(here, link)) for _, _, link, _ in links if link}
