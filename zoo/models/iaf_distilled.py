"""Inverse autoregressive flow taught by `maf`: samples in one network pass.

    python -m zoo.train --model=iaf_distilled

Probability density distillation (van den Oord et al., 2018, Parallel WaveNet), on
vectors: a masked autoregressive flow learns from the data, which takes it one pass a
step; then an inverse autoregressive flow learns from it, by its own draws, which take
one pass too, so that neither is ever inverted for the loss. Epochs are as many draws as
there are training rows.

Expected on eight_gaussians, whose density is known: on average 0.258 nats below it
(teacher: 0.041), test log-density -3.828 (s.e. 0.025; teacher: -3.565, 0.010), in 6
minutes of training of the teacher and 5 of the student on two CPU cores that had other
work too. It has all eight modes, with bridges between some: the divergence from the
teacher punishes draws where the teacher has none, and leaving out little. Drawing 1,000
rows takes 12 ms, the teacher 32 ms, as TensorFlow graphs (the fastest of 30).

It falls short on protein, of 10 columns with heavy tails: after 20 epochs the student
is 5.2 nats from its teacher and gives real rows next to no density, a test bound below
-1e7. Nor is it faster there: 27 ms and 28 ms, as the teacher computes each unit once.

Equation:
    loss = log student(x) - log teacher(x),    x ~ student
    its mean is KL(student || teacher); both densities take one pass

Good for:
    Drawing many rows of few columns quickly, where a density is learnt by `maf` anyway.
    For densities of given rows keep the teacher.

References:
    van den Oord, Li, Babuschkin, Simonyan, Vinyals, Kavukcuoglu and others, 2018.
        Parallel WaveNet: Fast High-Fidelity Speech Synthesis.
        https://arxiv.org/abs/1711.10433
    Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, 2016. Improving
        Variational Inference with Inverse Autoregressive Flow.
        https://arxiv.org/abs/1606.04934
"""

from zoo.models.iaf import build
from zoo.recipe import Recipe

RECIPE = Recipe(
    build=build,
    dataset="eight_gaussians",
    batch_size=256,
    learning_rate=1e-3,
    epochs=50,
    teacher="maf",
    tiny={"num_steps": 2, "hidden_units": (16,)},
)
