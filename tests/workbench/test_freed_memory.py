import subprocess
import sys

import pytest

CHURN = """
import os, threading
from pathlib import Path
import numpy as np
{before}
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

kept = []
def copy_and_let_go():
    np.ones(30 * 2**17).sum()  # once freed, it tells the library what is not to be mapped any more
    for _ in range(4):
        large = [np.ones(25 * 2**17) for _ in range(3)]
        kept.append(np.ones(2**10))  # behind them, so that they are not the end of the pool
        del large

begun = resident()
for _ in range(2):
    thread = threading.Thread(target=copy_and_let_go)
    thread.start()
    thread.join()
print(resident() - begun)
"""


def left_over(before: str) -> float:
    """MiB more than at first once a thread has freed arrays of 25 MiB."""
    done = subprocess.run([sys.executable, "-c", CHURN.format(before=before)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own library decides")
def test_that_memory_that_a_training_has_freed_goes_back_to_the_system():
    told = "from workbench.application import make_application\napplication = make_application()"
    assert left_over("") > 20
    assert left_over(told) < 8
