from __future__ import annotations

import base64

import pytest

from millhand.v1 import task_pb2
from millhand_server.core.errors import InvalidArgument
from millhand_server.core.query import Order, Page
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task, TaskSpec
from millhand_server.engine.answers import TaskPage
from millhand_server.rpc import page_token

FAILED = task_pb2.TaskFilter(statuses=[task_pb2.TASK_STATUS_FAILED])
TASK = Task(
    spec=TaskSpec(handler="echo", id="t1"),
    sequence=7,
    status=TaskStatus.QUEUED,
    queue="default",
    priority=-3,
    create_us=1,
    due_us=2,
)
PAGE = TaskPage((TASK,), more=True, total=2, total_is_exact=True)


@pytest.mark.parametrize(
    ("order_by", "order", "descending", "key"),
    [
        ("", Order.CREATE_TIME, False, (7, 0)),
        ("create_time desc", Order.CREATE_TIME, True, (7, 0)),
        ("due_time", Order.DUE_TIME, False, (2, 7)),
        ("priority desc", Order.PRIORITY, True, (-3, 7)),
    ],
    ids=["default", "create", "due", "priority"],
)
def test_a_token_leads_on_from_the_last_task_of_its_page(
    order_by: str, order: Order, descending: bool, key: tuple[int, int]
) -> None:
    first = page_token.page(0, "", order_by, FAILED)

    second = page_token.page(5, page_token.token_after(PAGE, 1, first, FAILED), order_by, FAILED)

    assert first == Page(100, order, descending)
    assert second == Page(5, order, descending, key)


def test_a_page_is_capped() -> None:
    assert page_token.page(1_000_000, "", "", FAILED).limit == 1_000


@pytest.mark.parametrize(
    ("token", "order_by", "wanted"),
    [
        (None, "", task_pb2.TaskFilter()),
        (None, "", None),
        (None, "create_time desc", FAILED),
        ("!!!", "", FAILED),
        ("é", "", FAILED),
        ("AAAA", "", FAILED),
        (base64.urlsafe_b64encode(b"[1,2]").decode(), "", FAILED),
        (base64.urlsafe_b64encode(b'["a",2,"b"]').decode(), "", FAILED),
        (base64.urlsafe_b64encode(b"[1e999,2,3]").decode(), "", FAILED),
        (base64.urlsafe_b64encode(b'[9223372036854775808,0,"x"]').decode(), "", FAILED),
        (base64.urlsafe_b64encode(b"[" * 100_000).decode(), "", FAILED),
    ],
    ids=["filter", "listing", "order", "alphabet", "wide", "text", "short", "types", "inf", "huge", "deep"],
)
def test_a_foreign_token_is_refused(
    token: str | None, order_by: str, wanted: task_pb2.TaskFilter | None
) -> None:
    if token is None:
        token = page_token.token_after(PAGE, 1, page_token.page(0, "", "", FAILED), FAILED)

    with pytest.raises(InvalidArgument) as refused:
        page_token.page(0, token, order_by, wanted)

    assert refused.value.violations[0].field == "page_token"


@pytest.mark.parametrize("order_by", ["name", "create_time asc", "create_time ", "desc", "Create_Time"])
def test_an_unknown_order_is_refused(order_by: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        page_token.page(0, "", order_by, FAILED)

    assert refused.value.violations[0].field == "order_by"


def test_a_last_page_has_no_token_unless_it_was_cut() -> None:
    last = TaskPage((TASK, TASK), more=False, total=2, total_is_exact=True)
    page = page_token.page(0, "", "", FAILED)

    assert page_token.token_after(last, 2, page, FAILED) == ""
    assert page_token.token_after(last, 1, page, FAILED) != ""
