"""The matrix library's threads while several devices of one process compute."""

import threading

from threadpoolctl import threadpool_info

from engine.tensor.numpy_ops import ONE_THREAD_OF_BLAS, CpuDevice


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_that_a_device_which_ends_its_step_leaves_the_others_their_one_thread():
    before = blas_threads()
    seen: list[set[int]] = []
    entered, left = threading.Event(), threading.Event()

    def other() -> None:
        def calls() -> None:
            entered.set()
            left.wait()
            seen.append(blas_threads())

        CpuDevice(1).prepare(calls)()

    thread = threading.Thread(target=other)
    # This device begins first and ends first, while the other one still computes.
    with ONE_THREAD_OF_BLAS:
        thread.start()
        assert entered.wait(60)
    left.set()
    thread.join()
    assert seen == [{1}]
    assert blas_threads() == before
