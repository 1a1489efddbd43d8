"""Algorithms that search by populations of candidates, with their settings. Read ``search.py`` next."""

import math
from typing import Any

from ..parameters import Parameters, option, parameterised, quantity, shown, whole_number


def _population(default: int | None) -> Any:
    kind = "int" if default is not None else "int, optional"
    most = "" if default is not None else "; by default 4 + floor(3 ln d) in d dimensions"
    return option(default=default, kind=kind, description=f"candidates of a generation{most}")


def _tolerance() -> Any:
    return quantity(
        default=1e-12,
        description="the search stops when no coordinate of the population has a standard deviation above this part"
        " of its range",
        range="nonnegative",
    )


def _mutation() -> Any:
    return quantity(
        default=None,
        description="probability of a coordinate to change; by default 1 / d in d dimensions",
        range="probability",
        optional=True,
    )


class Algorithm(Parameters):
    """Base of the algorithms."""

    population: Any
    least = 4

    def _validate(self) -> None:
        if self.population is not None:
            size = whole_number("population", self.population, self.least)
            object.__setattr__(self, "population", size)

    def _check_name(self, name: str, allowed: tuple[str, ...]) -> None:
        if getattr(self, name) not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {shown(getattr(self, name))}")

    def _check_number(self, name: str, minimum: int) -> None:
        object.__setattr__(self, name, whole_number(name, getattr(self, name), minimum))

    def settings(self, d: int) -> dict[str, Any]:
        """The settings for `d` dimensions, for SpikeCore."""
        wire = self.to_dict()
        del wire["class"]
        if "mutation" in wire and wire["mutation"] is None:
            wire["mutation"] = 1.0 / d
        return wire


@parameterised
class GeneticAlgorithm(Algorithm):
    r"""Genetic algorithm: rank selection, intermediate crossover, mutation, elitism.

    Two parents a and b are drawn by rank. A coordinate of their child is :math:`a_j + r_j (b_j - a_j)` with
    :math:`r_j` uniform in :math:`[-e, 1 + e]`, e the `extension` (Mühlenbein and Schlierkamp-Voosen 1993, doi
    10.1162/evco.1993.1.1.25), or that of one of them. Mutation draws a coordinate anew (`mutation_index` = 0), or
    changes it by a part :math:`\delta` of its range with density proportional to :math:`(1 - |\delta|)^\eta`
    (polynomial mutation, Deb and Agrawal 1999). Of choices without an order, a child has that of one parent, and
    mutation draws any.
    """

    population: int = _population(64)
    elite: float = quantity(
        default=1.0,
        description="part of the population that competes with its children for survival; 0: children replace it",
        range="probability",
    )
    selection_pressure: float = quantity(
        default=2.0, description="how often the best is a parent, relative to the average; 1 to 2", range="positive"
    )
    crossover: float = quantity(
        default=0.9, description="probability of a child to have two parents", range="probability"
    )
    mixing: float = quantity(
        default=0.5, description="probability of a coordinate of such a child to be made of both", range="probability"
    )
    extension: float = quantity(
        default=0.5, description="how far beyond its parents a child may be", range="nonnegative"
    )
    mutation: float | None = _mutation()
    mutation_index: float = quantity(
        default=20.0, description="eta, the larger the smaller the changes; 0: uniform mutation", range="nonnegative"
    )

    def _validate(self) -> None:
        super()._validate()
        if not 1 <= self.selection_pressure <= 2:
            raise ValueError(f"selection_pressure must be from 1 to 2, got {self.selection_pressure}")


STRATEGIES = ("rand", "best", "current-to-best", "current-to-pbest")


@parameterised
class DifferentialEvolution(Algorithm):
    r"""Differential evolution (Storn and Price 1997, doi 10.1023/A:1008202821328), with binomial crossover.

    A trial is made of each candidate x: ``"rand"`` :math:`x_{r3} + F (x_{r1} - x_{r2})`, ``"best"`` :math:`x_{best}
    + F (x_{r1} - x_{r2})`, ``"current-to-best"`` :math:`x + F (x_{best} - x) + F (x_{r1} - x_{r2})`, and
    ``"current-to-pbest"`` the same towards one of the best part, with an archive of replaced parents in
    :math:`x_{r2}` (Zhang and Sanderson 2009, doi 10.1109/TEVC.2009.2014613). It replaces x if it is no worse. With
    ``adaptation="shade"``, factor and crossover are learnt from the trials that were better (Tanabe and Fukunaga
    2013, doi 10.1109/CEC.2013.6557555). Choices without an order have no difference: where the two of it disagree,
    a trial draws any choice.
    """

    population: int = _population(64)
    strategy: str = option(
        default="current-to-pbest",
        kind='{"rand", "best", "current-to-best", "current-to-pbest"}',
        description="what a trial is made of",
    )
    adaptation: str = option(
        default="shade", kind='{"shade", "none"}', description="whether factor and crossover are learnt"
    )
    factor: float = quantity(default=0.5, description="F, or where learning it begins", range="positive")
    crossover: float = quantity(
        default=0.8,
        description="probability of a coordinate to be the trial's, or where learning it begins",
        range="probability",
    )
    best_part: float = quantity(
        default=0.1, description="part of the population that is aimed at by current-to-pbest", range="probability"
    )
    memory: int = option(default=5, kind="int", description="entries of the memory of factors and crossovers")
    tolerance: float = _tolerance()

    def _validate(self) -> None:
        super()._validate()
        self._check_name("strategy", STRATEGIES)
        self._check_name("adaptation", ("shade", "none"))
        self._check_number("memory", 1)


@parameterised
class CMAES(Algorithm):
    r"""CMA-ES: evolution strategy with covariance matrix adaptation (Hansen 2016, arXiv 1604.00772), active update.

    Candidates are drawn from :math:`m + \sigma N(0, C)`; mean, step size and covariance follow the better half of
    them, and the covariance avoids the directions of the others. Beyond a bound the landscape is mirrored. A run
    ends when it has converged or makes no progress; another begins elsewhere with a larger population (``"ipop"``,
    Auger and Hansen 2005, doi 10.1109/CEC.2005.1554902), or with larger and smaller ones in turn (``"bipop"``,
    Hansen 2009, doi 10.1145/1570256.1570333). Whole numbers keep a standard deviation of a quarter at least;
    choices without an order are drawn from probabilities that follow the better half. It needs d x d numbers, and
    time for that per candidate.
    """

    population: int | None = _population(None)
    sigma: float = quantity(
        default=0.3, description="standard deviation at the beginning, as part of the range", range="positive"
    )
    restart: str = option(
        default="ipop", kind='{"ipop", "bipop", "none"}', description="how another run begins when one has ended"
    )
    restarts: int = option(default=9, kind="int", description="runs after the first")
    increase: float = quantity(default=2.0, description="factor of the population at a restart", range="positive")
    tolerance: float = quantity(
        default=1e-11,
        description="a run ends when all standard deviations are below this part of the range",
        range="nonnegative",
    )
    loss_tolerance: float = quantity(
        default=1e-11, description="a run ends when losses differ by no more than this", range="nonnegative"
    )

    def _validate(self) -> None:
        super()._validate()
        self._check_name("restart", ("ipop", "bipop", "none"))
        self._check_number("restarts", 0)
        if self.increase < 1:
            raise ValueError(f"increase must be at least 1, got {self.increase}")

    def settings(self, d: int) -> dict[str, Any]:
        """The settings for `d` dimensions, for SpikeCore."""
        wire = super().settings(d)
        if self.population is None:
            wire["population"] = 4 + math.floor(3 * math.log(d))
        return wire


@parameterised
class ParticleSwarm(Algorithm):
    r"""Particle swarm (Kennedy and Eberhart 1995) with inertia (Shi and Eberhart 1998, doi 10.1109/ICEC.1998.699146).

    :math:`v \leftarrow w v + c_1 u_1 (p - x) + c_2 u_2 (g - x)` and :math:`x \leftarrow x + v` for each coordinate;
    p is the best place of the particle, g that of all or of its neighbours on a ring, u uniform in [0, 1]. The
    constants are those of Trelea (2003, doi 10.1016/S0020-0190(02)00447-7). A particle that hits a bound is thrown
    back at half its velocity. Of choices without an order, one of x, p and g is taken, now and then any.
    """

    population: int = _population(64)
    inertia: float = quantity(default=0.6, description="w, what remains of the velocity", range="nonnegative")
    cognitive: float = quantity(default=1.7, description="c_1, towards a particle's own best", range="nonnegative")
    social: float = quantity(default=1.7, description="c_2, towards the best of others", range="nonnegative")
    largest_velocity: float = quantity(
        default=0.5, description="part of the range that a particle may move at once", range="positive"
    )
    neighbours: int = option(
        default=0, kind="int", description="neighbours on each side on the ring; 0: all see the best of all"
    )
    tolerance: float = _tolerance()

    def _validate(self) -> None:
        super()._validate()
        self._check_number("neighbours", 0)


@parameterised
class EvolutionaryCenters(Algorithm):
    r"""Evolutionary centers algorithm (Mejía-de-Dios and Mezura-Montes 2019, doi 10.1007/978-3-030-20257-6_7).

    :math:`x + \eta u (c - w)` with the centre of mass :math:`c = \sum_k m_k x_k / \sum_k m_k` of a random group,
    its worst member w, and u uniform in [0, 1]; the mass m is the larger the better a candidate is. What improves
    on its x joins the population, and its worst leave it. Of choices without an order, that of a member of the
    group is taken by mass, now and then any.
    """

    population: int = _population(64)
    group: int = option(default=7, kind="int", description="members of a group")
    largest_step: float = quantity(default=2.0, description="eta, times u", range="positive")
    copying: float = quantity(
        default=0.02,
        description="probability of a coordinate to be that of the best of the group",
        range="probability",
    )
    tolerance: float = _tolerance()

    def _validate(self) -> None:
        super()._validate()
        self._check_number("group", 2)


@parameterised
class NSGA2(Algorithm):
    r"""NSGA-II for several objectives (Deb, Pratap, Agarwal and Meyarivan 2002, doi 10.1109/4235.996017).

    Survivors are chosen by front of non-domination and crowding distance; children come from tournaments, simulated
    binary crossover and polynomial mutation (Deb and Agrawal 1995 and 1999) with density proportional to
    :math:`(1 - |\delta|)^\eta`. Choices without an order are swapped between children, and drawn anew by mutation.
    """

    population: int = _population(64)
    crossover: float = quantity(
        default=0.9, description="probability of two parents to be crossed", range="probability"
    )
    crossover_index: float = quantity(
        default=15.0, description="the larger, the nearer children are to their parents", range="nonnegative"
    )
    mutation: float | None = _mutation()
    mutation_index: float = quantity(
        default=20.0, description="eta, the larger the smaller the changes", range="nonnegative"
    )


__all__ = [
    "CMAES",
    "NSGA2",
    "Algorithm",
    "DifferentialEvolution",
    "EvolutionaryCenters",
    "GeneticAlgorithm",
    "ParticleSwarm",
]
