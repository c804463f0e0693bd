"""Tables of finished runs: `python -m zoo.report runs/maf-digits runs/nsf-digits`.

The tables of README.md and of the documentation are written from `docs/results`, where
results of runs are kept, and from recipes:

    python -m zoo.report --save runs/maf-digits    # keeps the numbers of a run
    python -m zoo.report --write                   # writes tables and pages of models
    python -m zoo.report --check                   # says which are stale
"""

from pathlib import Path

from absl import flags

from zoo import cli, pages, results

_SAVE = flags.DEFINE_bool(
    "save", default=False, help="Keep the results of these runs in docs/results."
)
_WRITE = flags.DEFINE_bool(
    "write", default=False, help="Write tables and pages anew from docs/results."
)
_CHECK = flags.DEFINE_bool(
    "check", default=False, help="Fail if tables or pages are not those of the results."
)
_ROOT = flags.DEFINE_string("root", ".", "The checkout whose documents are meant.")


def main(*paths: str) -> None:
    """Prints the table of runs, keeps their results, writes or checks documents."""
    root = Path(_ROOT.value)
    if not (paths or _WRITE.value or _CHECK.value):
        raise ValueError(
            "Tables are of finished runs; received none. Give their directories, such "
            "as runs/maf-digits, or --write or --check for the documents."
        )
    if not (root / "docs").is_dir() and (_SAVE.value or _WRITE.value or _CHECK.value):
        raise FileNotFoundError(
            f"Documents are those of a checkout; received {root}, which has no docs. "
            "Go there, or give --root."
        )
    if paths:
        cli.import_tensorflow()
        from zoo.model_dir import ModelDir

        found = [results.of_run(ModelDir(path)) for path in paths]
        print(results.table(found, named=True))
        for result in found if _SAVE.value else ():
            print(f"Kept: {results.write(root / 'docs' / 'results', result)}")
    if _WRITE.value:
        for path in pages.write(root):
            print(f"Written: {path}")
    if _CHECK.value and (stale := pages.stale(root)):
        raise ValueError(
            "Tables and pages of models are those of docs/results and of the recipes; "
            f"received {', '.join(map(str, stale))}, which differ. Write them anew: "
            "python -m zoo.report --write."
        )


if __name__ == "__main__":
    cli.run(main, argument="RUN_DIR...")
