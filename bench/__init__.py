"""The benchmarks behind `make bench`: one module for each measurement, `run.py` runs them and prints the table."""
