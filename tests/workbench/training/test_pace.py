from workbench.training.pace import MOST_MS, ON_CPU, ON_GPU, DrawingPace

FIRST_SECONDS, FIRST_MS = ON_CPU[-2].until, ON_CPU[0].least_ms
SHARE, LATER_MS = ON_CPU[-1].share, ON_CPU[-1].least_ms


class Window:
    """A thread that draws, with clocks that a test moves."""

    def __init__(self) -> None:
        self.now = self.taken = 100.0
        self.pace = DrawingPace(lambda: self.now, lambda: self.taken)
        self.pace.begin()

    def draw(self, cost: float, looks: int = 1) -> int:
        wait = 0
        for _ in range(looks):
            self.taken += cost
            wait = self.pace.next_ms()
            self.now += wait / 1000
        return wait


def test_that_drawing_takes_its_share_of_a_core_once_the_first_moments_are_over() -> None:
    window = Window()
    window.now += FIRST_SECONDS
    for cost in (0.012, 0.02, 0.028):
        wait = window.draw(cost, looks=20)
        assert abs(cost / (wait / 1000) - SHARE) < 0.001


def test_that_the_first_moments_are_drawn_more_often() -> None:
    window = Window()
    first = window.draw(0.015)
    window.now += FIRST_SECONDS
    assert FIRST_MS == first < window.draw(0.015) / 2


def test_that_a_fast_computer_has_its_most_looks_and_a_slow_one_its_least() -> None:
    fast, slow = Window(), Window()
    assert fast.draw(0.001) == FIRST_MS
    fast.now += FIRST_SECONDS
    assert fast.draw(0.001, looks=5) == LATER_MS
    assert slow.draw(2.0) == MOST_MS


def test_that_one_long_round_is_forgotten_after_some_short_ones() -> None:
    window = Window()
    window.now += FIRST_SECONDS
    usual = window.draw(0.01, looks=10)
    assert window.draw(0.2) == MOST_MS
    assert window.draw(0.01, looks=8) < 1.2 * usual


def test_that_a_new_training_does_not_pay_for_what_the_window_did_before() -> None:
    window = Window()
    window.draw(0.5)
    window.taken += 10
    assert window.pace.begin() == FIRST_MS
    assert window.draw(0.001) == FIRST_MS


def test_that_a_training_on_a_gpu_moves_thirty_times_a_second_at_first_and_slows_down() -> None:
    begins = 0.0
    for phase in ON_GPU:
        for cost, wait in ((0.001, phase.least_ms), (0.04, max(round(40 / phase.share), phase.least_ms))):
            window = Window()
            assert window.pace.begin(on_cpu=False) == ON_GPU[0].least_ms
            window.now += begins + 0.01
            assert window.draw(cost) == wait
        begins = phase.until


def test_that_looks_wait_for_the_device_once_a_training_on_a_gpu_is_no_longer_new() -> None:
    window = Window()
    window.pace.begin(on_cpu=False)
    assert not window.pace.waits_for_device
    window.now += ON_GPU[0].until
    assert window.pace.waits_for_device
    window.pace.begin(on_cpu=True)
    window.now += FIRST_SECONDS
    assert not window.pace.waits_for_device
