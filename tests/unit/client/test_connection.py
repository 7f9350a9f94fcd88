from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from millhand import AsyncClient, Client
from millhand.connection import ClientOptions, Connection, is_loopback

KEY = "-----BEGIN PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\n"

BOTH = pytest.mark.parametrize("kind", [Client, AsyncClient])


@BOTH
@pytest.mark.parametrize(
    "address", ["10.0.0.5:50051", "example.org:443", "dns:///example.org:443", "0.0.0.0:50051"]
)
def test_a_token_is_not_sent_in_the_clear_over_a_network(kind: Any, address: str) -> None:
    with pytest.raises(ValueError, match=r"cross the network in the clear.*tls_ca.*insecure_token=True"):
        kind(address, token="secret")


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"insecure_token": True}, id="asked for"),
        pytest.param({"credentials": grpc.ssl_channel_credentials()}, id="over TLS"),
        pytest.param({"token": None}, id="no token"),
    ],
)
def test_a_token_may_leave_the_machine_where_that_is_safe_or_wanted(kind: Any, options: Any) -> None:
    assert kind("10.0.0.5:50051", **{"token": "secret", **options})


@BOTH
def test_the_refusal_does_not_show_the_token(kind: Any) -> None:
    with pytest.raises(ValueError, match="in the clear") as raised:
        kind("10.0.0.5:50051", token="hunter2")

    assert "hunter2" not in str(raised.value)


@BOTH
@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        ({"tls_ca": "nothing"}, "tls_ca .*tls_ca.pem has no certificate in PEM"),
        ({"tls_ca": KEY}, "tls_ca .*tls_ca.pem has no certificate in PEM"),
        ({"tls_cert": KEY, "tls_key": KEY}, "tls_cert .*tls_cert.pem has no certificate in PEM"),
        ({"tls_cert": CERTIFICATE, "tls_key": "x"}, "tls_key .*tls_key.pem has no private key in PEM"),
    ],
    ids=["authority", "authority that is a key", "certificate that is a key", "no key"],
)
def test_a_file_that_has_not_what_it_is_for_is_named(
    kind: Any, contents: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    options = {name: tmp_path / f"{name}.pem" for name in contents}
    for name, path in options.items():
        path.write_text(contents[name])

    with pytest.raises(ValueError, match=sentence):
        kind("127.0.0.1:1", **options)


@pytest.mark.parametrize(
    ("address", "is_local"),
    [
        ("127.0.0.1:50051", True),
        ("127.9.9.9:50051", True),
        ("localhost:50051", True),
        ("localhost", True),
        ("[::1]:50051", True),
        ("ipv4:127.0.0.1:50051", True),
        ("ipv6:[::1]:50051", True),
        ("dns:localhost:50051", True),
        ("dns:///127.0.0.1:50051", True),
        ("unix:/run/millhand.sock", True),
        ("unix-abstract:millhand", True),
        ("0.0.0.0:50051", False),
        ("[::]:50051", False),
        ("192.168.1.1:50051", False),
        ("ipv4:127.0.0.1:50051,10.0.0.5:50051", False),
        ("localhost.example.org:50051", False),
        ("127.0.0.1.example.org:50051", False),
        ("dns://127.0.0.1/example.org:50051", False),
        ("xds:///127.0.0.1:50051", False),
    ],
)
def test_what_counts_as_this_machine(address: str, is_local: bool) -> None:
    assert is_loopback(address) is is_local


@BOTH
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param({"tls_cert": "a"}, "go together", id="a certificate without its key"),
        pytest.param({"tls_key": "a"}, "go together", id="a key without its certificate"),
        pytest.param(
            {"tls_ca": "a", "credentials": grpc.local_channel_credentials()}, "not both", id="TLS said twice"
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(kind: Any, options: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        kind(**options)


@BOTH
def test_an_option_that_does_not_exist_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="no option tokn"):
        kind(tokn="secret")


def test_every_option_has_its_default() -> None:
    fields = {name for name in Connection.__dataclass_fields__ if name != "address"}

    assert fields == set(ClientOptions.__annotations__)
