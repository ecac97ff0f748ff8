"""MkDocs hooks: pages from outside docs/, and links that leave it.

README.md and the like are pages of the site without a copy in docs/. A relative link
is resolved from the file that contains it: to a page of the site if there is one, else
to the file on GitHub. A link to a missing file stays unchanged, for ``--strict``.
"""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

#: Pages from outside docs/: path in the site, path in the repository.
PAGES = {
    "index.md": "README.md",
    "configs.md": "configs/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}

LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_) -> str:
    """Resolve relative links that leave docs/."""
    uri = page.file.src_uri
    source = ROOT / PAGES[uri] if uri in PAGES else DOCS / uri

    def resolve(match: re.Match) -> str:
        before, target, anchor, after = match.groups(default="")
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = Path(os.path.normpath(source.parent / target))
        if not path.exists() or not path.is_relative_to(ROOT):
            return match[0]
        url = _site_url(path, DOCS / uri) or _github_url(path, config.repo_url)
        return f"{before}{url}{anchor}{after}"

    parts = CODE.split(markdown)  # code blocks at odd places
    parts[::2] = [LINK.sub(resolve, part) for part in parts[::2]]
    return "".join(parts)


def _site_url(path: Path, page: Path) -> str | None:
    """Path from a page to a file of the site; None for other files."""
    relative = path.relative_to(ROOT).as_posix()
    for uri, source in PAGES.items():
        if relative == source:
            return os.path.relpath(DOCS / uri, page.parent)
    in_site = path.is_relative_to(DOCS) and path.suffix in (".md", ".png", ".jpg")
    return os.path.relpath(path, page.parent) if in_site else None


def _github_url(path: Path, repo_url: str) -> str:
    kind = "tree" if path.is_dir() else "blob"
    return f"{repo_url}/{kind}/main/{path.relative_to(ROOT).as_posix()}"
