"""Simulation of networks of spiking neurons on sparse connectivity, computed by Julia.

>>> import pyspikenet as psn
>>> net = psn.Network.normal(n=200, std=5.0, sparsity=0.8, glorot=True, seed=1)
>>> ds = psn.simulate(psn.BernoulliGLM(), net, duration=10_000, trials=8, seed=0)
>>> ds.spk.plot_raster()  # doctest: +SKIP

Importing this starts nothing: Julia starts with the first call that needs it, and each name is read from its file when
it is first asked for; ``__init__.pyi`` lists them. ``python -m pyspikenet doctor`` says what is in use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
