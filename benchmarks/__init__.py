"""What `launch.benchmark` runs: each room has a plan (cases and table), a case (one process), and peers."""
