"""Pipelines that cannot run, or not to the end: one sentence, and what is left.

They run where Apache Beam is installed.
"""

import sys
import types

import pytest


@pytest.mark.parametrize(
    "arguments", [[], ["--runner=DirectRunner"], ["--runner=direct"]]
)
def test_nothing_is_downloaded_to_run(score_files, arguments):
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    from export import scoring

    assert isinstance(scoring._pipeline(arguments).runner, FnApiRunner)


REFUSED = {
    "no such file": ("*.tsv", {}, r"--input=.*\*\.tsv, which matches none"),
    "missing column": ("wide.csv", {}, "needs the columns height, width, depth"),
    "empty": ("empty.csv", {}, "must hold rows; received none"),
    "unknown option": ("in.csv", {"beam_arguments": ["--foo=1"]}, "no option --foo"),
    "option's value": (
        "in.csv",
        {"beam_arguments": ["--direct_num_workers=many"]},
        "refuses its options: .*direct_num_workers: invalid int value: 'many'",
    ),
    "runner": ("in.csv", {"beam_arguments": ["--runner=Mine"]}, "Unexpected .* Mine"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    boxes, score_files, saved_model, tmp_path, case
):
    name, options, message = REFUSED[case]
    boxes.write(tmp_path / "in.csv", boxes.rows(3))
    (tmp_path / "wide.csv").write_text("width\n1\n")
    (tmp_path / "empty.csv").write_text("height,width,depth\n")
    output = tmp_path / "scores"
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        score_files(str(saved_model), [str(tmp_path / name)], str(output), **options)
    assert not output.exists()


def _runner(monkeypatch, error):
    """A runner, by its name for Beam, that fails as some do that are servers."""
    from apache_beam.runners.runner import PipelineRunner

    class ServerRunner(PipelineRunner):
        def run_pipeline(self, pipeline, options):
            raise error

    module = types.ModuleType("some_servers")
    module.ServerRunner = ServerRunner
    monkeypatch.setitem(sys.modules, "some_servers", module)
    return ["--runner=some_servers.ServerRunner"]


UNREACHABLE = RuntimeError("Unable to fetch the\njob server: <refused>.")
STACKS = RuntimeError(
    "Job 7 FAILED: java.lang.Error: Traceback:\n  File 'sdk.py', line 1\n"
    "ValueError: 'width' is not there. [while running 'Read']\n  at org.apache..."
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UNREACHABLE, "Unable to fetch the job server: <refused>"),
        (STACKS, "ValueError: 'width' is not there"),
        (NotImplementedError(), "NotImplementedError"),
    ],
)
def test_a_runner_that_fails_is_quoted_and_leaves_nothing(
    boxes, score_files, saved_model, tmp_path, monkeypatch, error, reason
):
    source = boxes.write(tmp_path / "in.csv", boxes.rows(3))
    output = tmp_path / "deep" / "scores"
    arguments = _runner(monkeypatch, error)
    with pytest.raises(ValueError, match="pipeline") as caught:
        score_files(str(saved_model), [source], str(output), beam_arguments=arguments)
    assert str(caught.value) == (
        f"ServerRunner did not run the pipeline: {reason}. Mend that, or leave out "
        "--runner, so that rows are scored in this process."
    )
    assert not output.parent.exists()


def test_a_model_that_cannot_be_loaded_leaves_nothing(boxes, score_files, tmp_path):
    boxes.save(tmp_path / "1")
    (tmp_path / "1" / "variables" / "variables.index").unlink()
    source = boxes.write(tmp_path / "in.csv", boxes.rows(3))
    with pytest.raises(ValueError, match="variables") as caught:
        score_files(str(tmp_path / "1"), [source], str(tmp_path / "scores"))
    assert "is kept" not in str(caught.value)
    assert not (tmp_path / "scores").exists()


@pytest.mark.parametrize("block_rows", [5, 100])
def test_a_row_that_breaks_a_file_is_named(
    boxes, score_files, saved_model, tmp_path, block_rows
):
    source, output = tmp_path / "in.csv", tmp_path / "scores"
    boxes.write(source, boxes.rows(20))
    with source.open("a") as file:
        file.write("1,2,3,text,5\n")
    with pytest.raises(ValueError, match=r"22, saw 5\); write it again\.") as caught:
        score_files(str(saved_model), [str(source)], str(output), block_rows=block_rows)
    is_kept = str(caught.value).endswith(" What was scored so far is kept.")
    assert is_kept == output.exists() == (block_rows == 5)
