"""The data sets: one file each, named as `--dataset` names it.

A file here has a docstring, whose first line is shown by `python -m zoo`, and
`load(*, data_dir: str | None, seed: int) -> zoo.data.DataSet`. Files whose name starts
with an underscore are helpers.
"""
