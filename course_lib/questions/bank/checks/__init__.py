"""Inputs and runs of the practice coding tasks, one file each."""
