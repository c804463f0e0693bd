"""Monotone rational-quadratic splines."""

import tensorflow as tf

from tfgen.bijectors.one_pass import OnePassBijector


class RationalQuadraticSpline(OnePassBijector):
    """Increasing spline through knots `(z_k, x_k)` with slopes `d_k`, elementwise.

    In a bin of width `w`, height `h` and mean slope `s = h / w`, between knots with the
    slopes `d` and `e`, with `t = (z - z_k) / w` and `u = (x - x_k) / h` in [0, 1]:

        forward:          u = t (s t + d (1 - t)) / (s (t**2 + (1 - t)**2)
                              + (d + e) t (1 - t))
        forward log det:  2 log(s) + log(e t**2 + 2 s t (1 - t) + d (1 - t)**2)
                              - 2 log(s (t**2 + (1 - t)**2) + (d + e) t (1 - t))
        inverse:          t = 2 s u / (2 s u + q + r),    q = d (1 - u) - e u,
                              r = sqrt(q**2 + 4 s**2 u (1 - u))
        inverse log det:  minus that of forward, at this `t`

    Outside of the knots it is the identity. Either direction looks for the bin once and
    gives value and log-slope together; no term is a difference of large numbers.

    Args:
        widths: Positive sizes of the bins, `[..., num_bins]`.
        heights: Positive sizes of the bins, with the same sums as the widths.
        slopes: Positive slopes at the inner knots, `[..., num_bins - 1]`; at both ends
            they are 1.
        start: Where the first bin starts, on both sides.

    References:
        Gregory and Delbourgo, 1982. Piecewise Rational Quadratic Interpolation to
        Monotonic Data. https://doi.org/10.1093/imanum/2.2.123
    """

    def __init__(
        self, widths: tf.Tensor, heights: tf.Tensor, slopes: tf.Tensor, start: float
    ) -> None:
        parameters = dict(locals())
        self._widths = widths
        self._heights = heights
        self._slopes = slopes
        self._start = start
        super().__init__(
            forward_min_event_ndims=0, parameters=parameters, name="spline"
        )

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Value and log-slope at `z`, elementwise."""
        inside, t, (_, _, x_k, h, s, d, e) = self._locate(z, self._widths)
        log_slope, scale = _log_slope(t, s, d, e)
        x = x_k + h * t * (s * t + d * (1.0 - t)) / scale
        return tf.where(inside, x, z), tf.where(inside, log_slope, 0.0)

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Inverse value and minus log-slope at `x`, elementwise."""
        inside, u, (z_k, w, _, _, s, d, e) = self._locate(x, self._heights)
        q = d * (1.0 - u) - e * u
        root = tf.sqrt(q**2 + 4.0 * s**2 * u * (1.0 - u))
        # Where q is negative, q + r would cancel: take the same root of 1 - t.
        sum_ = tf.abs(q) + root
        left, right = 2.0 * s * u, 2.0 * s * (1.0 - u)
        t = tf.where(q >= 0.0, left / (left + sum_), sum_ / (right + sum_))
        log_slope, _ = _log_slope(t, s, d, e)
        return tf.where(inside, z_k + w * t, x), tf.where(inside, -log_slope, 0.0)

    def _locate(
        self, value: tf.Tensor, sizes: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """The bin of a value, among bins of these sizes.

        Returns:
            Whether the value is inside of the knots; its place in its bin, in [0, 1];
            and, of this bin, `z_k`, `w`, `x_k`, `h`, `s`, `d`, `e`.
        """
        z_knots = self._lower_knots(self._widths)
        x_knots = self._lower_knots(self._heights)
        knots = z_knots if sizes is self._widths else x_knots
        end = knots[..., -1] + sizes[..., -1]
        inside = (value > self._start) & (value < end)
        # What is outside gets a place in the first bin, where gradients are finite.
        value = tf.where(inside, value, self._start)
        reached = tf.cast(value[..., tf.newaxis] >= knots, value.dtype)
        following = tf.concat([reached[..., 1:], tf.zeros_like(reached[..., :1])], -1)
        chosen = reached - following

        def pick(bins: tf.Tensor) -> tf.Tensor:
            # By a sum over bins: gathers are slow, and slower backwards.
            return tf.reduce_sum(chosen * bins, axis=-1)

        z_k, w, x_k, h = map(pick, [z_knots, self._widths, x_knots, self._heights])
        ones = tf.ones_like(self._slopes[..., :1])
        d = pick(tf.concat([ones, self._slopes], axis=-1))
        e = pick(tf.concat([self._slopes, ones], axis=-1))
        knot, size = (z_k, w) if sizes is self._widths else (x_k, h)
        # Rounding must not carry it out of the bin.
        place = tf.clip_by_value((value - knot) / size, 0.0, 1.0)
        return inside, place, [z_k, w, x_k, h, h / w, d, e]

    def _lower_knots(self, sizes: tf.Tensor) -> tf.Tensor:
        return self._start + tf.cumsum(sizes, axis=-1, exclusive=True)


def _log_slope(
    t: tf.Tensor, s: tf.Tensor, d: tf.Tensor, e: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The log-slope at place `t` of a bin, and the denominator of the value there."""
    left, right, both = (1.0 - t) ** 2, t**2, t * (1.0 - t)
    scale = s * (left + right) + (d + e) * both
    slope = e * right + 2.0 * s * both + d * left
    return 2.0 * tf.math.log(s / scale) + tf.math.log(slope), scale
