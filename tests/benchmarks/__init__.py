"""Speed as ratios: each module has `main() -> dict`, which measures our way and a limit in one run."""
