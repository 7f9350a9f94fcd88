"""One reading of durations for the whole kit: seconds as a number, or a timedelta."""

from datetime import timedelta


def to_timedelta(value: float | timedelta, name: str) -> timedelta:
    """Returns `value` (seconds, or a timedelta) as a timedelta; `name` is used in error messages.

    Raises:
        TypeError: `value` is neither a number nor a timedelta.
        ValueError: it is negative, NaN, infinite, or more than a timedelta can hold.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | timedelta):
        raise TypeError(f"{name} is seconds or a timedelta, not {type(value).__name__}.")
    if isinstance(value, timedelta):
        duration = value
    else:
        try:
            duration = timedelta(seconds=value)
        except (OverflowError, ValueError):
            raise ValueError(f"{name} is a finite number of seconds, not {value!r}.") from None
    if duration < timedelta(0):
        raise ValueError(f"{name} must not be negative, and is {value!r}.")
    return duration
