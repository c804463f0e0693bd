"""Lists the zoo: `python -m zoo`."""

from zoo import pretrained, registry


def main() -> None:
    """Prints the models and data sets, a line each."""
    for kind, title in (("models", "Models"), ("datasets", "Data sets")):
        print(f"{title}:")
        names = registry.names(kind)
        width = max(len(name) for name in names)
        for name in names:
            print(f"  {name:{width}}  {registry.summary(kind, name)}")
        print()
    print("Trained models, for zoo.load(MODEL, DATASET):")
    print(f"  {', '.join(pretrained.names())}\n")
    print("Train one: python -m zoo.train --model=maf")
    print("On your own table: python -m zoo.train --model=maf --dataset=table.csv")


if __name__ == "__main__":
    main()
