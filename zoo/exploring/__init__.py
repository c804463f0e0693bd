"""A page on which a trained model is explored: `python -m zoo.explore`.

`explorer` has what the page does and `directions` the linear model behind it, without
anything of a page; `uploads` reads strangers' images, `views` writes HTML, and `page`,
which alone needs Gradio, puts them together.
"""

from zoo.exploring.explorer import Explorer, Slider, Start

__all__ = ["Explorer", "Slider", "Start"]
