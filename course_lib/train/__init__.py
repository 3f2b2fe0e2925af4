"""Training on a new task: strategies, the loop, tuning, baselines, forgetting."""
