"""The engine of claims.

quantities  one number per draw, from rows
verdicts    parts with thresholds, intervals, verdicts
plots       the figures that claims share
claim       a claim as data, and its result
cache       trials keyed by all that they depend on
store       stored rows
running     a small run in a lesson, a full study
checking    stored numbers judged and measured again
tracks      the image world, or photographs
"""
