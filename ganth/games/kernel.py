"""The kernel GAN: a discriminator of a given kernel against free particles (KD, eqs. 4-5 and 9)."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks, streams
from ..discriminators import DenseReLU
from ..errors import ParameterError, ShapeError
from ..formulas.random import START
from ..kernels import Kernel, has_random_features
from .game import Game, Progress, given_start, trial_keys
from .play import Engine, Observer
from .run import Run


@dataclass(frozen=True, eq=False)
class KernelGAN(Game):
    r"""A discriminator trained by gradient ascent on a regularised MMD against particles that climb it.

    .. math::
        f^{k+1} &= f^k + \eta_d \Big(\sum_i p_i K(\cdot, x_i) - \sum_j q_j K(\cdot, \tilde x_j^k) - \lambda f^k\Big) \\
        \tilde x_j^{k+1} &= \tilde x_j^k + \eta_g q_j \nabla f(\tilde x_j^k)

    with f = f^k on the last line for ``order="simultaneous"`` and f^{k+1} for ``order="alternating"``; f^0 = 0.

    Parameters
    ----------
    true_points : (n, d) or (trials, n, d) array
        True points x_i [data length].
    true_masses : (n,) array, optional
        True masses p_i >= 0; they need not sum to one.  None: 1/n each.
    kernel : RBF, MultiScale, Laplace, RationalQuadratic, AnisotropicRBF, ReLUNTK or DenseReLU
        The discriminator's kernel; `DenseReLU` is a network trained by back-propagation on the same loss.
    n_frequencies : int >= 1, optional
        None: the exact kernel, which keeps its history (cost grows with the square of the steps).  An int: random
        features of RBF, MultiScale or Laplace, redrawn for each trial.
    feature_norm : {"unit", "paper"}
        K(x, x) = 1, or 2 as printed in KD (133).
    reg : float >= 0
        Discriminator regulariser lambda.
    lr_disc, lr_gen : float > 0
        Learning rates eta_d, eta_g.
    order : {"simultaneous", "alternating"}
    tolerance : float > 0
        Error allowed in the exact kernel's forces when its history is compressed, relative to K(x, x).

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: KD, eqs. (3)-(5), (8), (9).

    Examples
    --------
    >>> import ganth
    >>> game = ganth.KernelGAN([[0.0]], kernel=ganth.RBF(1.0), n_frequencies=500, reg=1.5, lr_disc=0.01, lr_gen=0.01)
    >>> run = game.run([[0.5]], steps=4000, seed=1)
    >>> abs(float(run.final[0, 0])) < 1e-3
    True
    """

    true_points: checks.Held
    true_masses: checks.Held = None
    _: KW_ONLY
    kernel: Kernel | DenseReLU
    n_frequencies: int | None = None
    feature_norm: str = "unit"
    reg: float
    lr_disc: float
    lr_gen: float
    order: str = "simultaneous"
    tolerance: float = 1e-10

    def __post_init__(self) -> None:
        points = checks.points("true_points", self.true_points, trials=True).copy()
        masses = checks.masses("true_masses", self.true_masses, points.shape[-2], zero_allowed=True).copy()
        points.flags.writeable = masses.flags.writeable = False
        if not isinstance(self.kernel, (Kernel, DenseReLU)):
            raise ParameterError(f"kernel must be a kernel of ganth.kernels or a DenseReLU, got {self.kernel!r}")
        checked = {
            "true_points": points,
            "true_masses": masses,
            "reg": checks.number("reg", self.reg, at_least=0),
            "lr_disc": checks.number("lr_disc", self.lr_disc, above=0),
            "lr_gen": checks.number("lr_gen", self.lr_gen, above=0),
            "tolerance": checks.number("tolerance", self.tolerance, above=0),
            "order": checks.choice("order", self.order, ("simultaneous", "alternating")),
            "feature_norm": checks.choice("feature_norm", self.feature_norm, ("unit", "paper")),
        }
        if self.n_frequencies is not None:
            checked["n_frequencies"] = checks.integer("n_frequencies", self.n_frequencies, at_least=1)
            if not has_random_features(self.kernel):
                raise ParameterError(
                    f"n_frequencies must be None for {type(self.kernel).__name__}: random features exist for RBF, "
                    f"MultiScale and Laplace, got {self.n_frequencies!r}"
                )
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def run(
        self,
        generated: ArrayLike | None = None,
        masses: ArrayLike | None = None,
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
        threads: int | None = None,
    ) -> Run:
        """Play `steps` steps of `trials` independent trials and return their record.

        Parameters
        ----------
        generated : (n, d) or (trials, n, d) array, optional
            Start of the particles.  None: as many as true points, Gaussian with mean 0 and E|x|^2 = 1, for each trial
            its own (KD, section 7).
        masses : (n,) array, optional
            Generated masses q_j > 0.  None: 1/n each.
        steps : int >= 0
        trials, first_trial : int
            Trials first_trial, ..., first_trial + trials - 1: each has its own random stream, whatever the others.
        seed : int in [0, 2**64) or numpy Generator
        record_every : int >= 1, optional
            Steps between records.  None keeps the first and the last.
        observer : function of (step, particles), optional
            Called with each record, particles (trials, n, d).
        backend : {"cpu", "cuda", "auto"}
        dtype : {"float64", "float32"}
            State and arithmetic; records are float64.
        progress : bool or function of (steps done, steps), optional
        threads : int, optional
            CPU threads; never changes a bit of the result.

        Returns
        -------
        Run

        Raises
        ------
        ParameterError, ShapeError
            For bad input, and for an exact-kernel run that would take unreasonably long.
        BackendUnavailableError
            If the backend cannot run here.
        InterruptedRun
            On Ctrl-C: its `.run` holds the finished records.
        """
        options = self._options(
            steps=steps,
            trials=trials,
            first_trial=first_trial,
            record_every=record_every,
            backend=backend,
            dtype=dtype,
        )
        key = checks.seed_key(seed)
        dim, n_true = self.true_points.shape[-1], self.true_points.shape[-2]
        if self.true_points.ndim == 3 and len(self.true_points) != trials:
            raise ShapeError(f"true_points and trials must agree, got shape {self.true_points.shape} and {trials}")
        if generated is None:
            start = np.stack(
                [
                    streams.normal(key, (n_true, dim), purpose=START, trial=trial) / np.sqrt(dim)
                    for trial in trial_keys(options)
                ]
            )
        else:
            start = given_start(generated, dim, options["trials"])
        generated_masses = checks.masses("masses", masses, start.shape[1])
        return self._play(start, generated_masses, key, options, observer=observer, progress=progress, threads=threads)

    def _has_cuda_loops(self) -> bool:
        if self.n_frequencies is not None or isinstance(self.kernel, DenseReLU):
            return True
        from .history import has_cuda_loops

        return has_cuda_loops(self.kernel)

    def _engine(self, key: int, options: dict[str, Any], threads: int | None) -> Engine:
        call: dict[str, Any] = {
            "key": key,
            "trials": trial_keys(options),
            "dtype": options["dtype"],
            "threads": threads,
        }
        if isinstance(self.kernel, DenseReLU):
            from .dense import DenseEngine

            return DenseEngine(self, **call, backend=options["backend"])
        if self.n_frequencies is None:
            from .history import HistoryEngine

            return HistoryEngine(self, **call, backend=options["backend"])
        from .features import FeaturesEngine

        return FeaturesEngine(self, **call, backend=options["backend"])
