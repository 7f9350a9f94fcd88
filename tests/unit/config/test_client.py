import pytest

from millhand_server.config.client import ClientOptions, client_options


@pytest.mark.parametrize(
    ("flag", "environ", "address"),
    [
        (None, {}, "127.0.0.1:50051"),
        (None, {"MILLHAND_ADDRESS": "a:1"}, "a:1"),
        ("b:2", {"MILLHAND_ADDRESS": "a:1"}, "b:2"),
        (None, {"MILLHAND_ADDRESS": ""}, "127.0.0.1:50051"),
    ],
    ids=["default", "environment", "flag first", "empty is unset"],
)
def test_the_address_comes_from_flag_then_environment(
    flag: str | None, environ: dict[str, str], address: str
) -> None:
    assert client_options(flag, environ=environ) == ClientOptions(address=address)


def test_token_and_authorities_come_from_the_environment() -> None:
    options = client_options(environ={"MILLHAND_TOKEN": "t", "MILLHAND_TLS_CA": "ca.pem"})

    assert options == ClientOptions(token="t", tls_ca="ca.pem")
