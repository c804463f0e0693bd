"""What MkDocs is told: pages from outside `docs`, and one page a model in the menu."""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# Files beside `docs` that are pages of the site, under their own names.
_OUTSIDE = (
    "README.md",
    "BUILD.md",
    "CHANGELOG.md",
    "benchmarks/README.md",
    "colab/README.md",
)
_PICTURES = ("benchmarks/speed.png",)
_LINK = re.compile(r"\[([^\]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_CODE = re.compile(r"^( *)(```|~~~).*?^\1\2", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Lists the pages of models in the menu."""
    folder = Path(config.docs_dir) / "models"
    pages = sorted(f"models/{path.name}" for path in folder.glob("*.md"))
    for entry in config.nav or []:
        if isinstance(entry, dict) and "Models" in entry:
            entry["Models"] = pages
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages from outside; README.md is the first."""
    root = Path(config.docs_dir).parent
    for name in (*_OUTSIDE, *_PICTURES):
        path = str(root / name)
        files.append(File.generated(config, name, abs_src_path=path))
    return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Links between files of the checkout as links between pages of the site.

    What is no page, such as a file of Python or a folder, becomes its name.
    """
    del files
    source = page.file.src_uri
    outside = source in _OUTSIDE
    here = posixpath.dirname(source if outside else f"docs/{source}")
    root = Path(config.docs_dir).parent

    def rewritten(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, match[2]))
        page_name = target.removeprefix("docs/")
        inside = target.startswith("docs/") and (root / target).is_file()
        if not inside and target not in (*_OUTSIDE, *_PICTURES):
            return match[1] if (root / target).exists() else match[0]
        link = posixpath.relpath(page_name, posixpath.dirname(source) or ".")
        return f"[{match[1]}]({link}{match[3] or ''})"

    blocks = list(_CODE.finditer(markdown))
    parts, start = [], 0
    for block in blocks:
        parts += [_LINK.sub(rewritten, markdown[start : block.start()]), block[0]]
        start = block.end()
    return "".join([*parts, _LINK.sub(rewritten, markdown[start:])])
