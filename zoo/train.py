"""Trains a model of the zoo: `python -m zoo.train --model=maf`."""

from absl import flags

from zoo import cli, registry

_MODEL = flags.DEFINE_string(
    "model", None, "Name of a model, or path/to/recipe.py of your own.", required=True
)
_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "Name of a data set, tfds:NAME, or a .csv, .parquet, .npz or .npy file; by default "
    "the recipe's own. Shards are a pattern (rows-*.parquet) or a directory/.",
)
_STREAM = flags.DEFINE_bool(
    "stream",
    None,
    "Leave the rows of a .csv, .parquet or .npy file or of tfds:NAME on disk, as those "
    "of shards and TFRecord files always are: for data larger than memory.",
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where prepared data are kept.")
_CONTEXT = flags.DEFINE_list("context", [], "Columns of your file to condition on.")
_DROP = flags.DEFINE_list("drop", [], "Columns of your file to leave out.")
_DEQUANTIZE = flags.DEFINE_list(
    "dequantize", [], "Columns of your file whose values lie on a grid."
)
_VALIDATION = flags.DEFINE_string("validation", None, "Your own validation file.")
_TEST = flags.DEFINE_string("test", None, "Your own test file.")
_BINARIZE = flags.DEFINE_enum(
    "binarize",
    None,
    ["dynamic"],
    "Draw bits of grey images, pixel x / 255 being the probability of a 1; in training "
    "anew in each epoch.",
)
_MODEL_DIR = flags.DEFINE_string(
    "model_dir", None, "Where to write; by default runs/MODEL-DATASET."
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", default=False, help="Start anew, whatever run is in the model_dir."
)
_SEED = flags.DEFINE_integer(
    "seed",
    0,
    "Seed of weights, order and noise; of the rows whose labels are told, and of the "
    "split of a file of your own.",
    lower_bound=0,
    upper_bound=2**32 - 1,
)
_SEEDS = flags.DEFINE_string(
    "seeds",
    None,
    "Instead of --seed, several: 0..4 or 0,3,7 or 0..2,9. A run for each, in model_dir/"
    "seed-0 and so on, and one table of them all. Finished runs are taken as they are.",
)
_SET = flags.DEFINE_multi_string(
    "set", [], "name=value, an option of the model; may be given again."
)
_STEPS_PER_EXECUTION = flags.DEFINE_integer(
    "steps_per_execution",
    0,
    "Steps between two looks at the run; 0 chooses.",
    lower_bound=0,
)
_ON_NAN = flags.DEFINE_enum(
    "on_nan",
    "stop",
    ["stop", "rollback"],
    "What to do where numbers are not finite: stop, or go back to the last checkpoint "
    "and on at half the learning rate, at most three times.",
)
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "none",
    ["none", "mirrored", "multi_worker"],
    "What to train on: one device; all GPUs of this machine; those of all machines "
    "that the environment variable TF_CONFIG names, each of which runs this command.",
)
# Flags that stand for a field of the recipe; None leaves it as the recipe has it.
_FIELDS = {
    "epochs": flags.DEFINE_integer("epochs", None, "How many epochs at most."),
    "batch_size": flags.DEFINE_integer("batch_size", None, "Examples a step."),
    "learning_rate": flags.DEFINE_float(
        "learning_rate", None, "Of Adam, at the start."
    ),
    "schedule": flags.DEFINE_enum(
        "schedule", None, ["cosine", "constant"], "Of the learning rate."
    ),
    "monitor": flags.DEFINE_enum(
        "monitor",
        None,
        ["term", "accuracy"],
        "What chooses the best epoch, on validation rows: the model's first term, or, "
        "where labels are a prior, how many are found.",
    ),
    "patience": flags.DEFINE_integer(
        "patience", None, "Epochs without a better one; 0 never stops."
    ),
    "clip_norm": flags.DEFINE_float("clip_norm", None, "Of all gradients; 0 for none."),
    "weight_decay": flags.DEFINE_float("weight_decay", None, "Decoupled weight decay."),
    "weight_averaging": flags.DEFINE_float(
        "weight_averaging", None, "Momentum of averaged weights; 0 for none."
    ),
    "jit_compile": flags.DEFINE_bool("jit_compile", None, "Compile steps with XLA."),
    "teacher": flags.DEFINE_string(
        "teacher",
        None,
        "Model, or path/to/recipe.py, to train first and to learn from instead of from "
        "data. The other flags on training are not the teacher's, but for jit_compile.",
    ),
    "pretraining_epochs": flags.DEFINE_integer(
        "pretraining_epochs", None, "Of the first stage, in models that have one."
    ),
    "num_labels": flags.DEFINE_integer(
        "num_labels",
        None,
        "Training rows that are told their label, in models that take labels as a "
        "prior: as many of each class; -1 for all.",
    ),
}


def main() -> None:
    """Translates the flags into one call."""
    settings = {}
    for text in _SET.value:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(
                f"--set takes name=value; received {text!r}. For example --set "
                "num_steps=10."
            )
        settings[name] = value
    seeds = None if _SEEDS.value is None else cli.parse_seeds(_SEEDS.value)
    if seeds and _SEED.present:
        raise ValueError(
            f"A command takes --seed or --seeds; received --seed={_SEED.value} and "
            f"--seeds={_SEEDS.value}. Leave one of them out."
        )
    # A wrong name is answered before TensorFlow is loaded.
    if not _MODEL.value.endswith(".py"):
        registry.summary("models", _MODEL.value)
    cli.import_tensorflow(is_to_connect=_STRATEGY.value == "multi_worker")
    from zoo.seeds import train_seeds
    from zoo.training import Options, train

    options = Options(
        model=_MODEL.value,
        dataset=_DATASET.value,
        data={
            "data_dir": _DATA_DIR.value,
            "context": _CONTEXT.value,
            "drop": _DROP.value,
            "dequantize": _DEQUANTIZE.value,
            "validation": _VALIDATION.value,
            "test": _TEST.value,
            "binarize": _BINARIZE.value,
            "stream": _STREAM.value,
        },
        model_dir=_MODEL_DIR.value,
        seed=_SEED.value,
        settings=settings,
        fields={k: f.value for k, f in _FIELDS.items() if f.value is not None},
        overwrite=_OVERWRITE.value,
        steps_per_execution=_STEPS_PER_EXECUTION.value,
        on_nan=_ON_NAN.value,
        strategy=_STRATEGY.value,
    )
    if seeds is None:
        train(options)
    else:
        train_seeds(options, seeds)


if __name__ == "__main__":
    cli.run(main)
