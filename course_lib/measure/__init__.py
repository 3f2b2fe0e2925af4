"""Measuring and showing: metrics, decisions, statistics, figures, the machine."""
