"""Cascade: the general linear-nonlinear cascade, of which the five named models are settings."""

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..julia_function import JuliaFunction
from ..kernels import ExponentialKernel, Kernel
from ..parameters import option, parameterised, quantity, shown
from .base import Model

NONLINEARITIES = ("exp", "sigmoid", "softplus", "relu", "identity")
EMISSIONS = ("bernoulli", "poisson", "threshold")
FUNCTIONS = frozenset(
    ["exp", "expm1", "log", "log1p", "sqrt", "abs", "tanh", "sin", "cos", "max", "min", "sigmoid", "relu", "softplus"]
)
LONGEST_EXPRESSION = 1000
LARGEST = 1.7976931348623157e308


@parameterised
class Cascade(Model):
    r"""Linear-nonlinear cascade with any kernels, nonlinearity and emission.

    .. math::

        g_i(t) &= r \sum_j W_{ji} (\kappa * s_j)(t) + (\eta * s_i)(t) + \sum_c (k_c * E_{c,i})(t) + b \\
        \mu_i(t) &= dt\,\lambda f(\beta (g_i(t) - \theta))

    and spikes drawn from :math:`\mu`: with this probability (``"bernoulli"``), as a Poisson count (``"poisson"``), or
    wherever it is above zero (``"threshold"``).

    Notes
    -----
    Default dt: 0.1 ms. A stimulus made with ``channel="name"`` passes through ``stimulus_kernels["name"]``.
    Kernels are sums over steps, not integrals over time: a spike acts in each step of its kernel, so that half the dt
    doubles the summed effect of a spike.

    Examples
    --------
    A softplus neuron whose refractoriness is a sum of raised cosines:

    >>> import pyspikenet as psn
    >>> model = psn.Cascade(
    ...     nonlinearity="softplus", emission="poisson", scale=0.05,
    ...     self_kernel=psn.RaisedCosineKernel(weights=[-5, -2, -1, 0.5], last_peak=30.0),
    ... )
    """

    nonlinearity: str | JuliaFunction = option(
        default="sigmoid",
        kind="str or JuliaFunction",
        description="f: exp, sigmoid, softplus, relu or identity, or an expression in g such as '0.02 * exp(g) / (1 +"
        " exp(g))' of numbers, + - * / ^ and exp, expm1, log, log1p, sqrt, abs, tanh, sin, cos, max, min, sigmoid,"
        " relu, softplus; or Julia code",
    )
    emission: str = option(
        default="bernoulli", kind='{"bernoulli", "poisson", "threshold"}', description="how spikes follow"
    )
    coupling: Kernel = option(
        default=ExponentialKernel(tau=10.0), kind="Kernel", description="kernel of spikes of other neurons, lag 0 first"
    )
    self_kernel: Kernel | None = option(
        default=None, kind="Kernel or None", description="kernel of a neuron's own spikes"
    )
    stimulus_kernels: Mapping[str, Kernel] | None = option(
        default=None, kind="dict of str to Kernel, or None", description="kernels of stimulus channels by name"
    )
    activation_tau: float | None = quantity(
        default=None,
        unit="ms",
        description="time constant of synaptic activation s <- s (1 - dt / tau) + X dt in place of `coupling`; None:"
        " use `coupling`",
        range="positive",
        optional=True,
    )
    theta: float = quantity(default=0.0, description="threshold of the drive", varies=True)
    beta: float = quantity(default=1.0, description="slope of the nonlinearity", varies=True)
    scale: float = quantity(default=1.0, unit="1/ms", description="rate at f = 1", range="nonnegative", varies=True)
    r: float = quantity(default=1.0, description="scale of the coupling", varies=True)
    b: float = quantity(default=0.0, description="background drive", varies=True)

    def _validate(self) -> None:
        if not isinstance(self.nonlinearity, str | JuliaFunction):
            raise TypeError(
                f"nonlinearity must be a name or an expression in g, or a JuliaFunction, got {shown(self.nonlinearity)}"
            )
        if isinstance(self.nonlinearity, str) and self.nonlinearity not in NONLINEARITIES:
            check_expression("nonlinearity", self.nonlinearity)
        if self.emission not in EMISSIONS:
            raise ValueError(f"emission must be one of {', '.join(EMISSIONS)}, got {shown(self.emission)}")
        if not isinstance(self.coupling, Kernel):
            raise TypeError(f"coupling must be a Kernel, got {shown(self.coupling)}")
        if self.self_kernel is not None and not isinstance(self.self_kernel, Kernel):
            raise TypeError(f"self_kernel must be a Kernel or None, got {shown(self.self_kernel)}")
        if isinstance(self.self_kernel, ExponentialKernel) and self.self_kernel.window is None:
            raise ValueError("self_kernel must end: give its window in ms, got ExponentialKernel(window=None)")
        if self.stimulus_kernels is not None:
            if not isinstance(self.stimulus_kernels, Mapping):
                raise TypeError(f"stimulus_kernels must be a dict of kernels, got {shown(self.stimulus_kernels)}")
            for name, kernel in self.stimulus_kernels.items():
                if not isinstance(name, str):
                    raise TypeError(f"stimulus_kernels must have names as keys, got {name!r}")
                if not isinstance(kernel, Kernel):
                    raise TypeError(f"stimulus_kernels[{name!r}] must be a Kernel, got {shown(kernel)}")
            object.__setattr__(self, "stimulus_kernels", dict(self.stimulus_kernels))

    def check_dt(self, dt: float) -> None:
        if self.activation_tau is not None and dt > self.activation_tau:
            raise ValueError(f"dt must not exceed activation_tau = {self.activation_tau} ms, got {dt} ms")

    def memory_steps(self, dt: float) -> int:
        kernels: list[Kernel] = [*self.channels().values()]
        if self.activation_tau is None:
            kernels.append(self.coupling)
        if self.self_kernel is not None:
            kernels.append(self.self_kernel)
        return 1 + sum(kernel.length(dt) for kernel in kernels)

    def channels(self) -> dict[str, Any]:
        return dict(self.stimulus_kernels or {})

    def to_wire(self, dt: float) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        numbers, arrays = super().to_wire(dt)
        if isinstance(self.nonlinearity, JuliaFunction):
            numbers["nonlinearity"] = self.nonlinearity.to_wire()
        elif self.nonlinearity not in NONLINEARITIES:
            numbers["nonlinearity"] = check_expression("nonlinearity", self.nonlinearity)
        if self.activation_tau is None:
            more, given = self.coupling.to_wire("coupling", dt)
            numbers |= more
            arrays |= given
        if self.self_kernel is not None:
            arrays["self"] = np.ascontiguousarray(self.self_kernel.values(dt))
        return numbers, arrays


def check_expression(name: str, text: str) -> str:
    """`text` in Julia's spelling; a ValueError marks the place where it is not arithmetic in g and known functions."""

    def refuse(node: ast.AST, why: str) -> None:
        column = getattr(node, "col_offset", 0)
        raise ValueError(
            f"{name} must be one of {', '.join(NONLINEARITIES)} or an expression in g, got {text!r}: {why}\n"
            f"    {text}\n    {' ' * column}^"
        )

    try:
        if len(text) > LONGEST_EXPRESSION:
            raise ValueError(f"longer than {LONGEST_EXPRESSION} characters")
        tree = ast.parse(text.replace("^", "**"), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise ValueError(
            f"{name} must be one of {', '.join(NONLINEARITIES)} or an expression in g, got {shown(text)}: {problem}"
        ) from None
    operators = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.UAdd, ast.USub)
    called: set[ast.AST] = set()
    for node in ast.walk(tree.body):
        if isinstance(node, ast.Name):
            if node in called:
                continue
            if node.id in FUNCTIONS:
                refuse(node, f"{node.id} is a function: write {node.id}(g)")
            if node.id != "g":
                refuse(node, f"unknown name {node.id!r}")
        elif isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
                refuse(node, "only known functions can be called")
            several = getattr(node.func, "id", "") in ("max", "min")
            if len(node.args) < 1 + several or (len(node.args) > 1 and not several):
                refuse(node, f"{ast.unparse(node.func)} takes {'two or more values' if several else 'one value'}")
            called.add(node.func)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, bool) or not isinstance(node.value, int | float):
                refuse(node, f"{node.value!r} is not a number")
            elif not abs(node.value) <= LARGEST:
                refuse(node, "the number is too large")
        elif isinstance(node, ast.BinOp | ast.UnaryOp):
            if not isinstance(node.op, operators):
                refuse(node, "only + - * / ^ are known")
        elif not isinstance(node, ast.operator | ast.unaryop | ast.expr_context):
            refuse(node, f"a {type(node).__name__} is not arithmetic")
    return ast.unparse(tree).replace("**", "^")
