"""Distributions as values: what a scheme makes, the engine draws, `stats` tests and `schemes` prints."""

from initgen.laws.constant import Constant
from initgen.laws.law import Law
from initgen.laws.normal import Normal, TruncatedNormal
from initgen.laws.uniform import Uniform

__all__ = ["Constant", "Law", "Normal", "TruncatedNormal", "Uniform"]
