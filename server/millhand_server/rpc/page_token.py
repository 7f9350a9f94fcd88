"""Page tokens: where a listing goes on, bound to the filter and the order that it was made for."""

from __future__ import annotations

import base64
import binascii
import json
from hashlib import blake2b

from millhand.v1 import task_pb2
from millhand_server.core.errors import InvalidArgument
from millhand_server.core.query import Order, Page, sort_key
from millhand_server.engine.answers import TaskPage

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000

#: What no sort key reaches, and no store could hold.
_BEYOND = 2**63

_Listing = task_pb2.TaskFilter | None


def page(page_size: int, token: str, order_by: str, wanted: _Listing) -> Page:
    """Reads what a caller sent about its page; a filter of None is the listing of active tasks.

    Raises:
        InvalidArgument: the order is unknown, or the token is not one of this filter and order.
    """
    order, descending = _order(order_by)
    return Page(
        limit=page_limit(page_size),
        order=order,
        descending=descending,
        after=_read(token, _digest(order, descending, wanted)) if token else None,
    )


def page_limit(page_size: int) -> int:
    """Returns how many entries a page may have."""
    return min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def token_after(found: TaskPage, shown: int, current: Page, wanted: _Listing) -> str:
    """Returns the token of the page that begins after the first `shown` tasks of this one.

    Empty when there is no such page.
    """
    if not found.more and shown == len(found.tasks):
        return ""
    key = sort_key(current.order, found.tasks[shown - 1])
    content = [*key, _digest(current.order, current.descending, wanted)]
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode()


def _order(order_by: str) -> tuple[Order, bool]:
    name, space, direction = (order_by or Order.CREATE_TIME.value).partition(" ")
    if name not in {order.value for order in Order} or (space and direction != "desc"):
        raise InvalidArgument(
            'order_by is create_time, due_time or priority, each also with " desc"', field="order_by"
        )
    return Order(name), bool(space)


def _digest(order: Order, descending: bool, wanted: _Listing) -> str:
    listing = b"active" if wanted is None else b"filter" + wanted.SerializeToString(deterministic=True)
    return blake2b(f"{order.value} {descending} ".encode() + listing, digest_size=12).hexdigest()


def _read(token: str, digest: str) -> tuple[int, int]:
    try:
        match json.loads(base64.b64decode(token, altchars=b"-_", validate=True)):
            case [int(first), int(second), str(sealed)] if max(abs(first), abs(second)) < _BEYOND:
                if sealed == digest:
                    return first, second
                raise InvalidArgument("the page token belongs to another filter or order", field="page_token")
    except (binascii.Error, ValueError, RecursionError):
        pass
    raise InvalidArgument("the page token was not made by this service", field="page_token")
