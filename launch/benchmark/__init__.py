"""Measures this library beside what people use today, on the machine at hand; `python -m launch.benchmark loss`."""
