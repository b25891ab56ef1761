"""Starts one run on several hosts: GPU hosts by ssh or SLURM, and TPU pods."""
