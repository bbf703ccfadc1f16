"""A side of the benchmark: it warms up, then works when told to and says how long it took."""

import resource
import sys
import time


def serve(work, facts=""):
    """For each line "N" of standard input: work(N), then a line with the seconds of one unit of it. At the end of
    input: a line with the largest memory the process had, in MB. (ru_maxrss is in kB on Linux.)"""
    work(2)
    print("ready", facts, flush=True)
    for line in sys.stdin:
        n = int(line)
        began = time.perf_counter()
        work(n)
        print((time.perf_counter() - began) / n, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
