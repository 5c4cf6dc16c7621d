"""Percentiles and growth of series whose answer is known."""

import random

import pytest

from loadtests.figures import Latencies, growth, percentile, with_missed_turns

SECONDS = [10.0 * number for number in range(40)]


def grown(values: list[float], share: float = 0.05, units: float = 4.0) -> bool:
    return not growth(SECONDS, values, share=share, units=units).is_flat


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (1, 1), (50, 50), (95, 95), (99, 99), (99.5, 100), (100, 100)])
def test_percentiles_are_values_that_occurred(percent: float, value: float) -> None:
    values = [float(number) for number in range(1, 101)]
    random.Random(1).shuffle(values)
    assert percentile(values, percent) == value


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_latencies_hold_the_largest() -> None:
    latencies = Latencies.of([1.0] * 98 + [7.0, 300.0])
    assert (latencies.count, latencies.p50, latencies.p99, latencies.max) == (100, 1.0, 7.0, 300.0)


def test_a_standstill_counts_for_every_turn_that_it_swallowed() -> None:
    assert with_missed_turns([0.5, 35.0, 10.0, 2.0], 10.0) == [0.5, 35.0, 25.0, 15.0, 5.0, 10.0, 2.0]


def test_a_leak_is_growth() -> None:
    assert grown([100.0 + number for number in range(40)])


def test_what_is_flat_is_no_growth() -> None:
    dice = random.Random(2)
    assert not grown([100.0 + dice.uniform(-3, 3) for _ in SECONDS])


def test_warming_up_is_no_growth() -> None:
    assert not grown([min(100.0, 30.0 + 10 * number) for number in range(40)])


def test_single_peaks_are_no_growth() -> None:
    assert not grown([900.0 if number in (31, 36) else 100.0 for number in range(40)])


def test_a_saw_is_no_growth_and_a_rising_one_is() -> None:
    saw = [100.0 + number % 5 for number in range(40)]
    assert not grown(saw)
    assert grown([value + number / 2 for number, value in enumerate(saw)])


def test_the_allowance_is_the_larger_of_share_and_units() -> None:
    step = [100.0] * 20 + [104.5] * 20
    assert grown(step, share=0.01, units=4.0)
    assert not grown(step, share=0.05, units=4.0)
    assert not grown(step, share=0.01, units=5.0)


def test_the_slope_is_per_hour_and_passes_over_peaks() -> None:
    values = [100.0 + second / 360 for second in SECONDS]
    values[25] = 500.0
    assert growth(SECONDS, values, share=0, units=0).per_hour == pytest.approx(10.0, abs=0.01)


def test_a_leak_that_half_the_run_hides_shows_over_the_whole() -> None:
    dice = random.Random(3)
    leak = [100 + 6 * second / SECONDS[-1] + dice.uniform(-0.5, 0.5) for second in SECONDS]
    found = growth(SECONDS, leak, share=0, units=4.0)
    assert found.later - found.earlier <= 4.0
    assert not found.is_flat


def test_what_a_run_would_notice_is_what_it_allows_by_its_length() -> None:
    found = growth(SECONDS, [100.0] * 40, share=0, units=4.0)
    assert found.noticed_per_hour == pytest.approx(4.0 * 3600 / 390)
    assert grown([100.0 + 1.05 * found.noticed_per_hour * second / 3600 for second in SECONDS], share=0)
    assert not grown([100.0 + 0.95 * found.noticed_per_hour * second / 3600 for second in SECONDS], share=0)


def test_too_few_samples_tell_nothing() -> None:
    with pytest.raises(ValueError, match="too few"):
        growth(SECONDS[:7], [1.0] * 7, share=0, units=0)
