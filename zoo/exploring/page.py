"""The page itself, in Gradio: what people move, and what is asked of the explorer."""

import dataclasses
import os
from collections.abc import Sequence
from typing import TypeAlias

# Gradio reads them as it is imported and as pages begin: nothing is told to anybody.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_RUN_HISTORY"] = "False"

import gradio as gr
import numpy as np

from zoo.exploring import uploads, views
from zoo.exploring.explorer import Explorer, Slider, Start

# New values of some of what is on the page; what is not named stays as it is.
Updates: TypeAlias = dict[gr.components.Component, object]

# Those of the system: none is fetched.
_FONTS = {
    "font": ["system-ui", "sans-serif"],
    "font_mono": ["ui-monospace", "monospace"],
}
_MOST_SEEDS = 1000
# Handlers answer while a slider is being dragged: the last position is never left out.
_LIVE = {"show_progress": "hidden", "trigger_mode": "always_last", "queue": False}


class Page:
    """A page of sliders around one picture.

    Args:
        explorer: What is explored.
        title: Above the page.
    """

    def __init__(self, explorer: Explorer, title: str) -> None:
        self._explorer = explorer
        x = explorer.data.train.x
        self._range = np.stack([x.min(axis=0), x.max(axis=0)])
        first = explorer.at_row(0)
        # Uploaded files are deleted after ten minutes, and when the page ends.
        self._blocks = gr.Blocks(
            title=title, analytics_enabled=False, delete_cache=(600, 600)
        )
        with self._blocks:
            gr.Markdown(f"# {title}")
            self._start = gr.State(first)
            with gr.Row():
                with gr.Column(scale=2, min_width=300):
                    x = explorer.decode(first, explorer.positions(first))
                    self._picture = gr.HTML(self._view(x))
                    with gr.Row(equal_height=True):
                        self._said = gr.HTML(
                            views.said(first.name), scale=3, min_width=180
                        )
                        self._original = gr.HTML(
                            self._encoded(first), elem_classes="small", min_width=96
                        )
                    self._add_starts(first)
                with gr.Column(scale=3, min_width=360):
                    self._temperature = _slider(
                        "temperature", 1, 0, 2, visible=explorer.is_flow
                    )
                    self._add_sliders(explorer.positions(first))
            self._connect()

    def launch(self, host: str, port: int) -> str:
        """Serves the page until `close`; returns its address."""
        _, address, _ = self._blocks.launch(
            server_name=host,
            server_port=port,
            share=False,
            inbrowser=False,
            prevent_thread_lock=True,
            quiet=True,
            footer_links=[],
            max_file_size=uploads.MOST_BYTES,
            enable_monitoring=False,
            ssr_mode=False,
            mcp_server=False,
            theme=gr.themes.Default(primary_hue="blue", **_FONTS),
            css=views.CSS,
        )
        return address

    def close(self) -> None:
        """Ends the page."""
        self._blocks.close(verbose=False)

    # What is on the page.

    def _add_starts(self, first: Start) -> None:
        """Where to start from: an example, a draw, or an image of one's own."""
        explorer = self._explorer
        last = len(explorer.data.test) - 1
        self._row = _slider("test example", 0, 0, max(last, 1), step=1)
        self._seed = _slider("draw of seed", 0, 0, _MOST_SEEDS - 1, step=1)
        self._class = gr.Dropdown(
            list(range(explorer.classes)),
            value=self._class_of(first),
            label="class",
            visible=explorer.classes > 0,
        )
        with gr.Row(visible=explorer.data.spec.is_image):
            self._upload = gr.UploadButton("Upload an image", size="sm", min_width=150)
            self._inverted = gr.Checkbox(
                label="inverted", container=False, min_width=100
            )

    def _add_sliders(self, positions: Sequence[float]) -> None:
        explorer = self._explorer
        count = len(explorer.latents)
        with gr.Tabs():
            with gr.Tab("Noise" if explorer.is_flow else "Latents"):
                rest = _rest(count, explorer.num_latents, "that say most of the data")
                gr.Markdown(f"In standard deviations of the prior{rest}.")
                latents = _grid(explorer.latents, positions[:count])
            meanings = []
            if explorer.meanings:
                with gr.Tab("Directions"):
                    rest = _rest(
                        len(explorer.meanings),
                        explorer.num_meanings,
                        "that move codes furthest",
                    )
                    gr.Markdown(
                        "A class is at 1 and the middle of all classes at 0; factors "
                        f"are in standard deviations{rest}."
                    )
                    meanings = _grid(explorer.meanings, positions[count:])
                with gr.Tab("Similarity"):
                    names = [slider.name for slider in explorer.meanings]
                    gr.HTML(views.similarity(names, explorer.similarity))
            with gr.Tab("Interpolation"):
                self._add_line()
        self._sliders = [*latents, *meanings]
        self._reset = gr.Button("Back to the start", size="sm")

    def _add_line(self) -> None:
        last = len(self._explorer.data.test) - 1
        ends = (0, min(1, last))
        with gr.Row():
            columns = [gr.Column(min_width=150) for _ in ends]
        self._ends, self._end_views = [], []
        for name, row, column in zip(("from", "to"), ends, columns, strict=True):
            with column:
                self._ends.append(
                    gr.Number(
                        row,
                        label=f"{name} test example",
                        precision=0,
                    )
                )
                view = self._encoded(self._explorer.at_row(row))
                self._end_views.append(gr.HTML(view, elem_classes="small"))
        self._share = _slider("share of the second", 0, 0, 1)

    def _connect(self) -> None:
        """Says which handler answers what."""
        begun = [
            self._start,
            self._picture,
            self._said,
            self._original,
            self._class,
            *self._sliders,
        ]
        line = [*self._ends, self._share, self._temperature]
        moved = [self._start, self._temperature, *self._sliders]
        given = [self._start, self._temperature]
        self._row.input(self._at_row, [self._row, self._temperature], begun, **_LIVE)
        self._seed.input(self._at_seed, [self._seed, *given], begun, **_LIVE)
        uploaded = [self._upload, self._inverted, *given]
        self._upload.upload(self._at_image, uploaded, begun, **_LIVE)
        self._share.input(self._between, line, begun, **_LIVE)
        ends = [end.input for end in self._ends]
        gr.on(ends, self._between_others, line, [*begun, *self._end_views], **_LIVE)
        self._reset.click(self._begin, given, begun, **_LIVE)
        moves = [slider.input for slider in (self._temperature, *self._sliders)]
        gr.on(moves, self._move, moved, self._picture, **_LIVE)
        changed = [self._start, self._picture]
        self._class.input(self._give, [self._class, *moved], changed, **_LIVE)

    # What it answers.

    def _move(self, start: Start, temperature: float, *positions: float) -> str:
        return self._view(self._explorer.decode(start, positions, temperature))

    def _begin(self, start: Start, temperature: float) -> Updates:
        """Everything on the page that follows from where it starts."""
        positions = self._explorer.positions(start)
        return {
            self._start: start,
            self._picture: self._move(start, temperature, *positions),
            self._said: views.said(start.name),
            self._original: self._encoded(start),
            self._class: self._class_of(start),
            **dict(zip(self._sliders, positions, strict=True)),
        }

    def _at_row(self, row: float, temperature: float) -> Updates:
        return self._begin(self._explorer.at_row(int(row)), temperature)

    def _at_seed(self, seed: float, start: Start, temperature: float) -> Updates:
        start = self._explorer.at_seed(int(seed), start.context)
        return self._begin(start, temperature)

    def _at_image(
        self,
        path: str,
        inverted: bool,  # noqa: FBT001, as Gradio calls it
        start: Start,
        temperature: float,
    ) -> Updates:
        try:
            x = uploads.read_image(path, self._explorer.data.spec, inverted=inverted)
        except ValueError as error:
            return {self._said: views.said(str(error), wrong=True)}
        return self._begin(self._explorer.at_image(x, start.context), temperature)

    def _between(
        self,
        first: float | None,
        second: float | None,
        share: float,
        temperature: float,
    ) -> Updates:
        try:
            # An empty field is no number of an example either.
            one, other = (-1 if end is None else int(end) for end in (first, second))
            start = self._explorer.between(one, other, share)
        except ValueError as error:
            return {self._said: views.said(str(error), wrong=True)}
        return self._begin(start, temperature)

    def _between_others(
        self,
        first: float | None,
        second: float | None,
        share: float,
        temperature: float,
    ) -> Updates:
        updates = self._between(first, second, share, temperature)
        for view, end in zip(self._end_views, (first, second), strict=True):
            if self._start in updates and end is not None:
                updates[view] = self._encoded(self._explorer.at_row(int(end)))
        return updates

    def _give(
        self, label: int, start: Start, temperature: float, *positions: float
    ) -> Updates:
        """The same noise, given another class."""
        context = np.asarray(label, np.int32)
        start = dataclasses.replace(start, context=context)
        picture = self._move(start, temperature, *positions)
        return {self._start: start, self._picture: picture}

    # How it looks.

    def _view(self, x: np.ndarray) -> str:
        return views.example(x, self._range, self._explorer.data.spec)

    def _encoded(self, start: Start) -> str:
        """The image that was encoded, if one was."""
        is_image = self._explorer.data.spec.is_image
        return "" if start.x is None or not is_image else self._view(start.x)

    def _class_of(self, start: Start) -> int | None:
        if start.context is None or self._explorer.classes == 0:
            return None
        return int(start.context)


def _slider(
    label: str,
    value: float,
    least: float,
    most: float,
    *,
    step: float = 0.01,
    visible: bool = True,
) -> gr.Slider:
    """A slider without the button that would set it to where the page began."""
    return gr.Slider(
        least,
        most,
        value,
        step=step,
        label=label,
        buttons=[],
        min_width=200,
        visible=visible,
    )


def _grid(sliders: Sequence[Slider], positions: Sequence[float]) -> list[gr.Slider]:
    """Sliders, two in a row."""
    made = []
    placed = list(zip(sliders, positions, strict=True))
    for at in range(0, len(placed), 2):
        with gr.Row():
            for slider, position in placed[at : at + 2]:
                name = (
                    f"{slider.name}  ·  {slider.note}" if slider.note else slider.name
                )
                made.append(_slider(name, position, -slider.reach, slider.reach))
    return made


def _rest(shown: int, count: int, which: str) -> str:
    """Says that not all sliders are shown, where they are not."""
    return f"; {shown} of {count}, those {which}" if shown < count else ""
