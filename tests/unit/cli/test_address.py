import pytest

from millhand_server.cli.address import check_address


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:50051",
        "localhost:1",
        "[::1]:65535",
        "dns:///tasks.example:50051",
        "ipv4:127.0.0.1:50051",
        "unix:/run/millhand.sock",
        "unix-abstract:millhand",
    ],
)
def test_what_grpc_can_reach_is_taken(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("localhost", "'localhost' has no port"),
        ("::1", "'::1' has no port"),
        ("[::1]", r"'\[::1\]' has no port"),
        ("dns:///tasks.example", "has no port"),
        ("localhost:", "'' is no port"),
        ("localhost:http", "'http' is no port"),
        ("127.0.0.1:0", "'0' is no port"),
        ("127.0.0.1:99999", "'99999' is no port: those are 1 to 65535"),
        ("http://127.0.0.1:50051/", "not a URL: write 127.0.0.1:50051, "),
        ("https://tasks.example:443", "not a URL: write tasks.example:443, "),
    ],
    ids=lambda value: value if ":" in value or value == "localhost" else "",
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(address: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_address(address)
