import pytest

from millhand_server.cli.about import pasted
from millhand_server.config.client import ClientOptions

_REST = "-d '{}' localhost:50051 millhand.v1.TaskService/ExecuteTask"


@pytest.mark.parametrize(
    ("example", "tls_ca", "shown"),
    [
        (f"grpcurl {_REST}", "ca.pem", f"grpcurl -cacert ca.pem {_REST}"),
        (f"grpcurl {_REST}", "my ca.pem", f"grpcurl -cacert 'my ca.pem' {_REST}"),
        (f"grpcurl {_REST}", None, f"grpcurl {_REST}"),
        (f"grpcurl -plaintext {_REST}", "ca.pem", f"grpcurl -plaintext {_REST}"),
        ("", "ca.pem", ""),
        ("curl https://example.org", "ca.pem", "curl https://example.org"),
    ],
    ids=["own authority", "a name with a space", "known to all", "no TLS", "no example", "another program"],
)
def test_an_example_names_the_authority_that_the_command_was_given(
    example: str, tls_ca: str | None, shown: str
) -> None:
    assert pasted(example, ClientOptions(tls_ca=tls_ca)) == shown
