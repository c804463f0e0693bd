"""Latents on a page: `python -m zoo.explore --model_dir=runs/beta_vae-hearts_2d`."""

import importlib.util
import socket
import threading

from absl import flags

from zoo import cli

_MODEL_DIR = flags.DEFINE_string(
    "model_dir", None, "Directory of a finished run.", required=True
)
_MODEL = flags.DEFINE_string("model", None, "Recipe file, if it is one of your own.")
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where prepared data are kept, if not where they were."
)
_HOST = flags.DEFINE_string(
    "host", "127.0.0.1", "Address to listen at; by default of this computer alone."
)
_PORT = flags.DEFINE_integer(
    "port", 7860, "Port to listen at.", lower_bound=1, upper_bound=65535
)


def main() -> None:
    """Serves a page that encodes, moves codes and decodes, until it is interrupted."""
    if importlib.util.find_spec("gradio") is None:
        raise OSError(
            "The page needs Gradio, which is not installed. Install it: "
            "pip install -e '.[explore]'."
        )
    _require_free(_HOST.value, _PORT.value)
    cli.import_tensorflow()
    from zoo.exploring import Explorer
    from zoo.runs import open_run

    run = open_run(_MODEL_DIR.value, _MODEL.value)
    explorer = Explorer(run.model, run.load_data(_DATA_DIR.value))
    # Gradio takes its time: what is wrong with the run is told before.
    from zoo.exploring.page import Page

    page = Page(explorer, f"{run.config['model']} on {run.spec.name}")
    try:
        address = page.launch(_HOST.value, _PORT.value)
        print(f"Explore it: {address}  (end with Ctrl-C)", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print()  # Below what the terminal shows of Ctrl-C.
    finally:
        page.close()


def _require_free(host: str, port: int) -> None:
    """Raises OSError if nothing can listen there; before the model takes its time."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise OSError(
            f"The page listens at an address of this computer; received --host={host} "
            f"({error.strerror}). Leave it out for this computer alone."
        ) from error
    except OSError as error:
        raise OSError(
            "The page listens at an address of this computer and a free port; received "
            f"--host={host} --port={port} ({error.strerror}). Choose another, such as "
            f"--port={port % 65535 + 1}."
        ) from error


if __name__ == "__main__":
    cli.run(main)
