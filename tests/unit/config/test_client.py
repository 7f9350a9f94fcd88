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


def test_token_authorities_and_certificate_come_from_the_environment() -> None:
    environ = {
        "MILLHAND_TOKEN": "t",
        "MILLHAND_TLS_CA": "ca.pem",
        "MILLHAND_CLIENT_CERT": "c.pem",
        "MILLHAND_CLIENT_KEY": "k.pem",
    }

    options = client_options(environ=environ)

    assert options == ClientOptions(token="t", tls_ca="ca.pem", tls_cert="c.pem", tls_key="k.pem")


@pytest.mark.parametrize(
    ("flags", "environ", "expected"),
    [
        ({}, {"MILLHAND_TOKEN_FILE": "f"}, (None, "f")),
        ({}, {"MILLHAND_TOKEN_FILE": "f", "MILLHAND_TOKEN": "t"}, ("t", None)),
        ({"token_file": "g"}, {"MILLHAND_TOKEN_FILE": "f", "MILLHAND_TOKEN": "t"}, (None, "g")),
        ({"token": "u"}, {"MILLHAND_TOKEN_FILE": "f"}, ("u", None)),
        ({}, {"MILLHAND_TOKEN_FILE": "", "MILLHAND_TOKEN": ""}, (None, None)),
    ],
    ids=["file", "token first", "flag for a file first", "flag for a token first", "empty is unset"],
)
def test_a_token_comes_from_one_place(
    flags: dict[str, str], environ: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    options = client_options(**flags, environ=environ)

    assert (options.token, options.token_file) == expected


def test_the_certificate_of_a_server_in_the_same_environment_is_not_a_clients() -> None:
    environ = {"MILLHAND_TLS_CERT": "server.pem", "MILLHAND_TLS_KEY": "server.key"}

    assert client_options(environ=environ) == ClientOptions()
