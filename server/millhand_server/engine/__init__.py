"""What happens to tasks: acceptance, dispatch, attempts, cancellation, results. No wire format, no SQL."""
