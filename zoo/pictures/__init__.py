"""Pictures of what a model learnt, fit for a paper: arrays in, one PNG out."""

from zoo.pictures.codes import Panel, code_clouds
from zoo.pictures.confusion import confusion_matrix
from zoo.pictures.density import density_2d
from zoo.pictures.histograms import code_histograms
from zoo.pictures.images import image_grid
from zoo.pictures.information import information_matrix
from zoo.pictures.pairs import pair_plot
from zoo.pictures.plane import latent_plane
from zoo.pictures.skeletons import stick_figures
from zoo.pictures.training import training_curve

__all__ = [
    "Panel",
    "code_clouds",
    "code_histograms",
    "confusion_matrix",
    "density_2d",
    "image_grid",
    "information_matrix",
    "latent_plane",
    "pair_plot",
    "stick_figures",
    "training_curve",
]
