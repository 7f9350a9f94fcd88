import pytest

from millhand_server.core.trace import first_traceparent, trace_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
GOOD = f"00-{TRACE}-b7ad6b7169203331-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


@pytest.mark.parametrize(
    "text", [GOOD, f"01-{TRACE}-b7ad6b7169203331-01", f"cc-{TRACE}-b7ad6b7169203331-01-what-comes-later"]
)
def test_a_traceparent_names_its_trace(text: str) -> None:
    assert trace_id(text) == TRACE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "junk",
        GOOD.upper(),
        GOOD + " ",
        GOOD + "\n",
        GOOD + "-more",
        GOOD[:-1],
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"01-{TRACE}-b7ad6b7169203331-01x",
        f"01-{TRACE}-b7ad6b7169203331-01-\x00",
        "\u0660\u0660-" + GOOD[3:],
    ],
    ids=lambda text: repr(text)[:30],
)
def test_what_is_not_of_the_form_names_none(text: str) -> None:
    assert trace_id(text) == ""


@pytest.mark.parametrize(
    ("candidates", "first"),
    [((GOOD, OTHER), GOOD), (("", OTHER), OTHER), (("junk", OTHER), OTHER), (("junk", ""), "")],
    ids=["own", "none of its own", "junk of its own", "none at all"],
)
def test_the_first_good_one_is_taken(candidates: tuple[str, ...], first: str) -> None:
    assert first_traceparent(*candidates) == first
