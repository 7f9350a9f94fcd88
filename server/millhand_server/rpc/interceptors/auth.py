"""Who calls, and whether they may. The one place where principals come from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from millhand_server.core.errors import PermissionDenied, Unauthenticated
from millhand_server.rpc import tokens
from millhand_server.rpc.context import Call, CallContext
from millhand_server.rpc.rereading import UnusableFile, read_all
from millhand_server.rpc.scopes import Scope, scope_of
from millhand_server.rpc.tokens import Token, Tokens

#: The metadata key of the token.
_KEY = "authorization"

#: Longer ones are not looked at, let alone hashed.
_MAX_HEADER = 4_096

_MAX_PRINCIPAL = 256


class TokenGuard:
    """Lets calls pass whose token has the scope that their method needs. Belongs to the server's loop.

    A stream whose token is withdrawn while it is open ends with UNAUTHENTICATED; a unary call is answered.
    """

    def __init__(self, path: str) -> None:
        """Reads the file of tokens.

        Raises:
            UnusableFile: it cannot be used.
        """
        self.paths: Sequence[str] = (path,)
        self._streams: set[_Stream] = set()
        self._tokens = Tokens(())
        self.adopt(read_all(self.paths))

    def adopt(self, contents: Sequence[bytes]) -> None:
        [path], [content] = self.paths, contents
        try:
            self._tokens = tokens.parse(content)
        except tokens.TokenFileError as fault:
            raise UnusableFile(f"{path}: {fault}") from None
        for stream in [one for one in self._streams if not self._tokens.still_has(one.token, one.needed)]:
            self._streams.discard(stream)
            stream.end()

    async def __call__(self, call_next: Call, request: Any, context: CallContext) -> Any:
        needed = scope_of(context.method.path)
        if needed is Scope.OPEN:
            return await call_next(request, context)
        token = self._tokens.find(_presented(context))
        if token is None:
            raise Unauthenticated("the token is not known here")
        context.principal = token.name
        if token.scope < needed:
            raise PermissionDenied(
                f"this call needs the scope {needed.name.lower()}, "
                f"and the token of {token.name} has only {token.scope.name.lower()}"
            )
        if context.method.streams_responses:
            return await self._while_good(call_next, request, context, token, needed)
        return await call_next(request, context)

    async def _while_good(
        self, call_next: Call, request: Any, context: CallContext, token: Token, needed: Scope
    ) -> Any:
        # A timeout without a time: its end is brought about by `adopt`.
        limit = asyncio.timeout(None)
        try:
            async with limit:
                stream = _Stream(token, needed, limit)
                self._streams.add(stream)
                try:
                    return await call_next(request, context)
                finally:
                    self._streams.discard(stream)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Unauthenticated("the token was withdrawn while the stream was open") from None


class CertificateGuard:
    """Names callers by their certificates, which TLS has verified. Whoever has one may do everything."""

    async def __call__(self, call_next: Call, request: Any, context: CallContext) -> Any:
        if scope_of(context.method.path) is not Scope.OPEN:
            context.principal = _certified(context)
        return await call_next(request, context)


@dataclass(frozen=True, eq=False)
class _Stream:
    """An open stream, and how to end it."""

    token: Token
    needed: Scope
    limit: asyncio.Timeout

    def end(self) -> None:
        self.limit.reschedule(asyncio.get_running_loop().time())


def _presented(context: CallContext) -> str:
    """Returns the token that came with a call. What is wrong is said without a word of what was sent."""
    headers = context.metadata_values(_KEY)
    if not headers:
        raise Unauthenticated("the call has no token; send `Bearer TOKEN` as the metadata authorization")
    if len(headers) > 1:
        raise Unauthenticated("authorization is there more than once in the metadata; send one")
    scheme, _, secret = headers[0].partition(" ")
    secret = secret.strip(" ")
    is_whole = bool(secret) and len(headers[0]) <= _MAX_HEADER and secret.isascii() and secret.isprintable()
    if scheme.lower() != "bearer" or not is_whole or " " in secret:
        raise Unauthenticated("the metadata authorization is not `Bearer TOKEN`")
    return secret


def _certified(context: CallContext) -> str:
    """Returns the subject of the caller's certificate, else its first URI: SPIFFE's have no subject."""
    principal = context.certificate("x509_subject") or context.certificate("peer_uri")
    if not principal:
        raise Unauthenticated("the certificate has neither a subject nor a URI to know its owner by")
    if len(principal.encode()) > _MAX_PRINCIPAL:
        raise Unauthenticated(f"the subject of the certificate is longer than {_MAX_PRINCIPAL} bytes")
    return principal
