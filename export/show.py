"""Says what a SavedModel answers: `python -m export.show serving/maf-digits`."""

from zoo import cli


def main(path: str) -> None:
    """Prints the signatures of a SavedModel, where it comes from and its numbers."""
    cli.import_tensorflow()
    from export.summary import summarize

    print(summarize(path))


if __name__ == "__main__":
    cli.run(main, argument="PATH")
