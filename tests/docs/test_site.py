"""The site is built without a warning, is whole, and fetches nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.documentation import PAGES, ROOT

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_every_page_is_in_the_site(site: Path):
    missing = []
    for page in PAGES:
        path = page.relative_to(ROOT).as_posix().removeprefix("docs/")
        if path.startswith("tests/"):  # for those who change them
            continue
        html = re.sub(r"README\.md$", "index.html", path).removesuffix(".md")
        if not (site / (html if html.endswith(".html") else f"{html}.html")).is_file():
            missing.append(path)

    assert missing == []


def test_search_knows_the_pages_without_a_server(site: Path):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))

    places = {document["location"].partition("#")[0] for document in index["docs"]}
    assert {"hand.html", "one_mask.html", "benchmarks/propagation.html", "api.html"} <= places
    assert (site / "search" / "search_index.js").is_file()  # what a browser reads from disk


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
@pytest.mark.parametrize("page", ["index.html", "benchmarks/qc.html"])
def test_a_browser_finds_words_in_pages_that_are_opened_from_disk(site: Path, page: str, tmp_path: Path):
    shown = subprocess.run(
        [
            str(BROWSER),
            *("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"),
            *("--virtual-time-budget=8000", "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom"),
            f"{(site / page).as_uri()}?q=cryptomatte",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout

    told = re.search(r'md-search-result__meta">(\d+) matching documents', shown)
    assert told and int(told[1]) > 5
    links = re.findall(r'<a href="([^"]+)" class="md-search-result__link"', shown)
    assert "masks.html" in {Path(link.partition("?")[0]).name for link in links}


def test_no_page_fetches_anything(site: Path):
    fetched = set()
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        parts = re.findall(r'<(?:script|img|link rel="stylesheet")[^>]*>', text)
        fetched |= {part for part in parts if "//" in part and "http" in part}

    assert fetched == set()


def test_the_python_page_has_the_docstrings(site: Path):
    text = re.sub(r"<[^>]+>", "", (site / "api.html").read_text(encoding="utf-8"))

    assert "ShotMatter" in text and "find_or_start" in text
    assert "mean absolute" in text or "image_metrics" in text
    assert "Raises" in text or "Returns" in text
