"""A toy GAN with the remedies of mode collapse that TS lists, each switched on by a number."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..errors import ParameterError
from ..targets import GaussianMixture
from .game import Game, Progress, latents_start, trial_keys
from .play import Engine, Observer
from .run import Run

_FRACTIONS = ("label_smoothing", "label_flips", "top_k")
_WEIGHTS = (
    "instance_noise", "layer_noise", "grad_penalty", "feature_matching", "dispersion", "path_length",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class RemedyGAN(Game):
    r"""A non-saturating GAN of small leaky ReLU networks on a mixture, and remedies that can be combined.

    An iteration takes `n_disc` Adam steps (beta1 = 0.5) of the discriminator and one of the generator, each on fresh
    samples.

    Parameters
    ----------
    target : GaussianMixture
    width : int >= 1
        Units of each of two hidden layers of the discriminator.
    width_gen : int >= 1
        The same of the generator.
    latent_dim : int >= 1
    batch : int >= 2
        Even.
    lr_disc, lr_gen : float > 0
    n_disc : int >= 1
    loss : {"nsgan", "minimax"}
    instance_noise : float >= 0
        Standard deviation of noise on all points that the discriminator sees [data length].
    anneal : int >= 0
        Iterations over which that noise falls to 0 linearly; 0: it stays.
    label_smoothing : float in [0, 1)
        The target for data is one less this.
    label_flips : float in [0, 1)
        Part of the labels that are wrong, drawn anew at each step.
    grad_penalty : float >= 0
        Weight of R1, half the mean of \|grad D\|^2 at data.
    spectral : bool
        Whether the discriminator's weights are divided by their largest singular values (one power iteration a step).
    minibatch : {"none", "features", "deviation"}
        What the discriminator is told beside each point: minibatch discrimination of the points themselves with two
        fixed random tensors, or the batch's standard deviation.
    feature_matching : float >= 0
        Weight of \|E f(x) - E f(G(z))\|^2 in the generator's loss, f the last hidden layer.
    dispersion : float >= 0
        Weight of minus the mean of min(\|G(z) - G(z')\|/\|z - z'\|, 10) (Mao et al. 2019).
    path_length : float >= 0
        Weight of the variance of \|dG/dz y\|, y random, by differences (Karras et al. 2020).
    top_k : float in [0, 1)
        Part of the generated points left out of the generator's step, those with the smallest D (Sinha et al. 2020).
    layer_noise : float >= 0
        Standard deviation of noise on each hidden layer of the generator.
    n_samples : int >= 1
        Points of a record: the same latents at every record.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: TS, section 11 and A.2 to A.8.  Recorded beside the particles: "modes" (trials, records), the modes that
    hold at least a quarter of their share; "precision" (trials, records), the part of the particles within four
    standard deviations of a mode.  All trials of a call are played together in NumPy.

    Examples
    --------
    >>> import ganth
    >>> ring = ganth.targets.GaussianMixture.ring(8, 2.0, 0.01)
    >>> run = ganth.RemedyGAN(ring, instance_noise=0.3).run(steps=30, trials=2, seed=1)
    >>> run.particles.shape, run.recorded["modes"].shape
    ((2, 2, 256, 2), (2, 2))
    """

    target: GaussianMixture
    _: KW_ONLY
    width: int = 32
    width_gen: int = 32
    latent_dim: int = 2
    batch: int = 64
    lr_disc: float = 1e-3
    lr_gen: float = 1e-3
    n_disc: int = 1
    loss: str = "nsgan"
    instance_noise: float = 0.0
    anneal: int = 0
    label_smoothing: float = 0.0
    label_flips: float = 0.0
    grad_penalty: float = 0.0
    spectral: bool = False
    minibatch: str = "none"
    feature_matching: float = 0.0
    dispersion: float = 0.0
    path_length: float = 0.0
    top_k: float = 0.0
    layer_noise: float = 0.0
    n_samples: int = 256

    def __post_init__(self) -> None:
        if not isinstance(self.target, GaussianMixture):
            raise ParameterError(f"target must be a GaussianMixture, got {self.target!r}")
        checked: dict[str, Any] = {}
        for name, least in (
            ("width", 1), ("width_gen", 1), ("latent_dim", 1), ("batch", 2), ("n_disc", 1), ("anneal", 0),
            ("n_samples", 1),
        ):  # fmt: skip
            checked[name] = checks.integer(name, getattr(self, name), at_least=least)
        for name in ("lr_disc", "lr_gen"):
            checked[name] = checks.number(name, getattr(self, name), above=0)
        for name in (*_WEIGHTS, *_FRACTIONS):
            checked[name] = checks.number(name, getattr(self, name), at_least=0)
        for name in _FRACTIONS:
            if checked[name] >= 1:
                raise ParameterError(f"{name} must be < 1, got {getattr(self, name)!r}")
        if checked["batch"] % 2:
            raise ParameterError(f"batch must be even, got {self.batch}")
        checks.choice("loss", self.loss, ("nsgan", "minimax"))
        checks.choice("minibatch", self.minibatch, ("none", "features", "deviation"))
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def run(
        self,
        generated: ArrayLike | None = None,
        *,
        steps: int,
        trials: int = 1,
        first_trial: int = 0,
        seed: int | np.random.Generator = 0,
        record_every: int | None = None,
        observer: Observer | None = None,
        backend: str = "cpu",
        dtype: str = "float64",
        progress: Progress = None,
    ) -> Run:
        """Play `steps` iterations for `trials` pairs of networks and return the record.

        Parameters
        ----------
        generated : (n, latent_dim) array, optional
            Latents of the points that are recorded.  None: n_samples standard normal ones, the same for all trials.
        steps : int >= 0
        trials : int >= 1
            Trial t has its own start, data and latents; trial t of 100 is trial t of 5.
        first_trial : int >= 0
        seed : int in [0, 2**64) or numpy Generator
        record_every : int >= 1, optional
            None: keep the first and the last step only.
        observer : callable, optional
            Called as observer(step, particles) for each record, particles (trials, n, d).
        backend : {"cpu", "cuda", "auto"}
        dtype : {"float64"}
        progress : bool or callable, optional

        Returns
        -------
        Run

        Raises
        ------
        ParameterError, ShapeError
            Naming the argument, the rule and the value.
        InterruptedRun
            On Ctrl-C: its `.run` holds the finished records.
        """
        options = self._options(
            steps=steps,
            trials=trials,
            first_trial=first_trial,
            record_every=record_every,
            backend=backend,
            dtype=checks.choice("dtype", dtype, ("float64",)),
        )
        key = checks.seed_key(seed)
        start, masses = latents_start(
            generated, n_samples=self.n_samples, latent_dim=self.latent_dim, key=key, trials=options["trials"]
        )
        return self._play(
            start, masses, key, options, observer=observer, progress=progress, threads=None, particles_start=False
        )

    def _engine(self, key: int, options: dict[str, Any], threads: int | None) -> Engine:
        from .remedies_engine import RemedyEngine

        return RemedyEngine(self, key=key, trials=trial_keys(options), backend=options["backend"])
