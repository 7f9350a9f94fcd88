import pytest

from millhand_server.cli.about import pasted
from millhand_server.config.client import ClientOptions

_REST = '-d \'{"name": "$MILLHAND_TOKEN"}\' localhost:50051 millhand.v1.TaskService/ExecuteTask'
_ALL = '-cert client.pem -key client.key -H "authorization: Bearer $MILLHAND_TOKEN"'


@pytest.mark.parametrize(
    ("head", "options", "shown"),
    [
        ("grpcurl", ClientOptions(tls_ca="ca.pem"), "grpcurl -cacert ca.pem"),
        ("grpcurl", ClientOptions(tls_ca="my ca.pem"), "grpcurl -cacert 'my ca.pem'"),
        ("grpcurl", ClientOptions(), "grpcurl"),
        ("grpcurl -plaintext", ClientOptions(tls_ca="ca.pem"), "grpcurl -plaintext"),
        (
            f"grpcurl {_ALL}",
            ClientOptions(tls_ca="ca.pem", tls_cert="c.pem", tls_key="c.key", token_file="ci.token"),
            'grpcurl -cacert ca.pem -cert c.pem -key c.key -H "authorization: Bearer $(cat ci.token)"',
        ),
        (f"grpcurl {_ALL}", ClientOptions(token="t"), f"grpcurl {_ALL}"),
        ("curl", ClientOptions(tls_ca="ca.pem"), "curl"),
    ],
    ids=["authority", "a name with a space", "known to all", "no TLS", "all files", "no files", "other"],
)
def test_an_example_names_the_files_that_the_command_was_given(
    head: str, options: ClientOptions, shown: str
) -> None:
    assert pasted(f"{head} {_REST}", options) == f"{shown} {_REST}"


def test_a_handler_without_an_example_has_none() -> None:
    assert pasted("", ClientOptions(tls_ca="ca.pem")) == ""
