"""Item-to-item and factor models on interactions alone: candidates, and baselines to beat."""
