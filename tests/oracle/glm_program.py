"""Fits of the same designs by nemos, statsmodels and scikit-learn; prints coefficients as JSON. Run by test_glm.py.

python glm_program.py DESIGN.npz PROGRAM ...
"""

import json
import sys

import numpy as np


def nemos_fits(data):
    import jax

    jax.config.update("jax_enable_x64", True)
    import nemos

    def fit(X, y, observation, regularizer, solver, **options):
        model = nemos.glm.GLM(
            observation,
            regularizer=regularizer,
            solver_name=solver,
            solver_kwargs={"tol": 1e-9, "maxiter": 5000},
            **options,
        )
        model.fit(X[:, 1:], y)
        return [float(np.ravel(model.intercept_)[0]), *np.asarray(model.coef_).tolist()]

    groups = np.asarray(data["groups"], dtype=float)
    lasso = nemos.regularizer.GroupLasso(mask=groups)
    basis = nemos.basis.RaisedCosineLogConv(n_basis_funcs=5, window_size=81, time_scaling=40.0)
    return {
        "poisson": fit(data["X"], data["counts"], "Poisson", "UnRegularized", "LBFGS"),
        "bernoulli": fit(data["X_bernoulli"], data["spikes"], "Bernoulli", "UnRegularized", "LBFGS"),
        "ridge": fit(data["X"], data["counts"], "Poisson", "Ridge", "LBFGS", regularizer_strength=0.01),
        "group lasso": fit(data["X"], data["counts"], "Poisson", lasso, "ProximalGradient", regularizer_strength=0.02),
        "basis": np.asarray(basis.evaluate_on_grid(81)[1]).tolist(),
    }


def statsmodels_fits(data):
    import statsmodels.api as sm

    found = {}
    for name, X, y, family in (
        ("poisson", data["X"], data["counts"], sm.families.Poisson()),
        ("bernoulli", data["X_bernoulli"], data["spikes"], sm.families.Binomial()),
        ("cloglog", data["X_bernoulli"], data["spikes"], sm.families.Binomial(link=sm.families.links.CLogLog())),
    ):
        result = sm.GLM(y, X, family=family).fit(tol=1e-12, maxiter=200)
        found[name] = result.params.tolist()
        found[f"{name} errors"] = result.bse.tolist()
        found[f"{name} log-likelihood"] = float(result.llf)
    return found


def scikit_learn_fits(data):
    from sklearn.linear_model import LogisticRegression, PoissonRegressor

    model = PoissonRegressor(alpha=0.01, solver="newton-cholesky", tol=1e-11, max_iter=1000)
    model.fit(data["X"][:, 1:], data["counts"])
    y = data["spikes"]
    lasso = LogisticRegression(l1_ratio=1.0, C=1 / (0.01 * y.size), solver="saga", tol=1e-9, max_iter=20_000)
    lasso.fit(data["X_bernoulli"][:, 1:], y)
    return {
        "ridge": [float(model.intercept_), *model.coef_.tolist()],
        "lasso": [float(lasso.intercept_[0]), *lasso.coef_[0].tolist()],
    }


if __name__ == "__main__":
    design = dict(np.load(sys.argv[1]))
    programs = {"nemos": nemos_fits, "statsmodels": statsmodels_fits, "scikit-learn": scikit_learn_fits}
    print(json.dumps({name: program(design) for name, program in programs.items() if name in sys.argv[2:]}))
