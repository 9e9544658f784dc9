"""The other end of Contestant.ts in Python: gets ready once, then repeats its work when it is told to."""

import json
import os
import sys
import time


def cpu_seconds():
    times = os.times()
    return times.user + times.system


def serve(prepare):
    """prepare(job) gives (check, repeat); repeat() does the work once and gives how much it was."""
    answers = os.fdopen(os.dup(1), "w")
    # Libraries print; the answers' pipe is not theirs.
    os.dup2(2, 1)

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    check, repeat = prepare(json.loads(sys.stdin.readline()))
    answer(check)
    for _ in iter(sys.stdin.readline, ""):
        start, cpu = time.perf_counter(), cpu_seconds()
        amount = repeat()
        answer({"amount": amount, "seconds": time.perf_counter() - start, "cpuSeconds": cpu_seconds() - cpu})
