"""Fitting networks to data: losses, surrogates, :func:`gradient` and :func:`fit`. Read ``free.py`` next."""
