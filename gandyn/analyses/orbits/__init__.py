"""Where trajectories go: cycles, circles, chaos, basins."""
