"""Clusters of codes, in which neighbours are together: a first guess of categories."""

import warnings

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import ConvergenceWarning
from sklearn.manifold import TSNE
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from threadpoolctl import threadpool_limits

_PLANE_ROWS = 10_000
# Pulls harder for less long than a picture needs: clusters come out small and apart.
_EXAGGERATION, _ITERATIONS, _PERPLEXITY = 4.0, 250, 30.0
_STARTS = 20
_NEIGHBOURS = 10


def neighbourhoods(
    codes: np.ndarray, num_clusters: int, label: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Clusters of vectors, whatever their shapes, and of labels as far as known.

    Some 10,000 rows are laid into a plane in which neighbours stay together (t-SNE). A
    mixture of Gaussians finds clusters there, from the means of labelled rows if each
    cluster has one. Otherwise it has twenty starts, of whose clusters those are taken
    that keep most neighbours together for their sizes (modularity), and clusters get
    the names that agree best with labels. Of all other rows each joins the majority of
    its neighbours among these.

    Args:
        codes: `[rows, features]`.
        num_clusters: How many.
        label: Clusters that are known, `[rows]`, -1 where they are not.
        seed: Chooses rows and starts.

    Returns:
        A cluster for each row, int32 `[rows]`. Known ones are what they were, so that a
        cluster may have lost all its rows to others.

    Raises:
        ValueError: If there are less rows than clusters.

    References:
        Van der Maaten and Hinton, 2008. Visualizing Data using t-SNE.
        https://www.jmlr.org/papers/v9/vandermaaten08a.html

        Newman, 2006. Modularity and Community Structure in Networks.
        https://arxiv.org/abs/physics/0602124

        Boehm, Berens and Kobak, 2022. Attraction-Repulsion Spectrum in Neighbor
        Embeddings (on exaggeration). https://arxiv.org/abs/2007.08902
    """
    if len(codes) < num_clusters:
        raise ValueError(
            "Each cluster has a row at least; received "
            f"{len(codes)} rows for {num_clusters} clusters. Give fewer categories, or "
            "more data."
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(codes))
    # Those with a label first, as far as there is room.
    rows = order[np.argsort(label[order] < 0, kind="stable")][:_PLANE_ROWS]
    # Of several threads the sums would differ from run to run.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plane = TSNE(
            perplexity=min(_PERPLEXITY, (len(rows) - 1) / 3),
            early_exaggeration=_EXAGGERATION,
            max_iter=_ITERATIONS,
            init="pca" if codes.shape[1] > 1 else "random",
            random_state=seed,
        )
        points = plane.fit_transform(codes[rows])
        near = min(_NEIGHBOURS, len(rows) - 1)
        graph = NearestNeighbors(n_neighbors=near).fit(codes[rows])
        neighbours = graph.kneighbors(return_distance=False)
        found = _clusters(points, neighbours, num_clusters, label[rows], seed)
        voters = KNeighborsClassifier(near).fit(codes[rows], found)
        cluster = voters.predict(codes)
    cluster[rows] = found
    return np.where(label >= 0, label, cluster).astype(np.int32)


def modularity(cluster: np.ndarray, neighbours: np.ndarray) -> float:
    """How much oftener neighbours are in one cluster than rows drawn at random are.

    Args:
        cluster: `[rows]`, integers from 0.
        neighbours: Numbers of rows `[rows, neighbours]`.

    Returns:
        Below 1; 0 for one cluster alone.
    """
    together = np.mean(cluster[neighbours] == cluster[:, np.newaxis])
    shares = np.bincount(cluster) / len(cluster)
    return float(together - np.sum(shares**2))


def _clusters(
    points: np.ndarray,
    neighbours: np.ndarray,
    num_clusters: int,
    label: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Clusters of points of the plane, none empty if no label is known: `[rows]`."""
    names = np.arange(num_clusters)
    if np.isin(names, label).all():
        means = [points[label == name].mean(axis=0) for name in names]
        mixture = GaussianMixture(
            num_clusters, means_init=np.stack(means), random_state=seed
        )
        return mixture.fit_predict(points)
    seeds = [(seed + start) % 2**32 for start in range(_STARTS)]
    mixtures = [GaussianMixture(num_clusters, random_state=start) for start in seeds]
    candidates = [mixture.fit_predict(points) for mixture in mixtures]
    # Where codes have no clusters: slices of the plane, all of which have rows.
    rank = np.argsort(np.argsort(points[:, 0]))
    whole = [found for found in candidates if np.isin(names, found).all()]
    whole = whole or [rank * num_clusters // len(points)]
    found = max(whole, key=lambda cluster: modularity(cluster, neighbours))
    agreement = [[np.sum(label[found == i] == name) for name in names] for i in names]
    return linear_sum_assignment(agreement, maximize=True)[1][found]
