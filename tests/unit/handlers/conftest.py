from tests.fakes.context import context, make_context, reporter

__all__ = ["context", "make_context", "reporter"]
