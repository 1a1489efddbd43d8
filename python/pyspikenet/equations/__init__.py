"""Models written as text: checked, and translated to coherent units. Begin with translate.py."""

from .system import Parameter, System, Variable
from .translate import METHODS, translate

__all__ = ["METHODS", "Parameter", "System", "Variable", "translate"]
