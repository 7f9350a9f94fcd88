import math

from millhand_server.core.distribution import Distribution, DoublingDistribution


def test_an_upper_end_belongs_to_its_range() -> None:
    numbers = Distribution((1, 5))

    for value in (0.5, 1, 1.5, 5, 9):
        numbers.observe(value)

    assert list(numbers.cumulative()) == [(1, 2), (5, 4), (math.inf, 5)]
    assert (numbers.total, numbers.count()) == (17, 5)


def test_ranges_that_double_hold_what_is_below_their_upper_end() -> None:
    numbers = DoublingDistribution(2, 4)

    for value in (0, 3, 4, 7, 8, 15, 16, 10**12):
        numbers.observe(value)

    assert list(numbers.cumulative()) == [(4, 2), (8, 4), (16, 6), (math.inf, 8)]
    assert numbers.count() == 8


def test_a_time_that_ran_backwards_counts_as_none() -> None:
    numbers = DoublingDistribution(2, 4)

    numbers.observe(-5)

    assert next(numbers.cumulative()) == (4, 1)
    assert numbers.total == 0
