"""The examples of the catalogue can be pasted also where callers must say who they are."""

import grpc.aio
from tests.integration.security.conftest import TASKS, Caller, NewAuthority, Serve, Serving, TokenFile

from millhand.v1 import task_service_pb2 as pb
from millhand_server.config.options import SecurityOptions


async def test_without_security_an_example_says_that_there_is_none(serve: Serve) -> None:
    async with serve(SecurityOptions()) as running:
        ended = await running.caller.call(TASKS + "ListHandlers")

    assert _examples(ended.answers[0]).startswith("grpcurl -plaintext -d ")


async def test_an_example_sends_the_token_of_whoever_pastes_it(
    guarded: Serving, token_file: TokenFile
) -> None:
    ended = await guarded.caller.call(TASKS + "ListHandlers", metadata=token_file.of("read"))

    example = _examples(ended.answers[0])
    assert example.startswith('grpcurl -plaintext -H "authorization: Bearer $MILLHAND_TOKEN" -d ')
    assert token_file.secrets["read"] not in example


async def test_an_example_shows_the_certificate_that_a_server_asks_for(
    serve: Serve, new_authority: NewAuthority
) -> None:
    ours = new_authority("ours")
    server, client = ours.issue("server"), ours.issue("client")
    security = SecurityOptions(
        tls_cert=str(server.certificate), tls_key=str(server.key), client_ca=str(ours.certificate)
    )
    credentials = grpc.ssl_channel_credentials(
        ours.certificate.read_bytes(), client.key.read_bytes(), client.certificate.read_bytes()
    )

    async with (
        serve(security) as running,
        grpc.aio.secure_channel(running.app.address, credentials) as channel,
    ):
        ended = await Caller(channel).call(TASKS + "ListHandlers")

    assert _examples(ended.answers[0]).startswith("grpcurl -cert client.pem -key client.key -d ")


def _examples(answer: bytes) -> str:
    return pb.ListHandlersResponse.FromString(answer).handlers[0].example
