"""What codecs and sessions cost, as ratios within one run: ``python -m benchmarks [--json]``.

Absolute times differ between machines, so each figure stands beside a floor that was measured in the same run.
"""
