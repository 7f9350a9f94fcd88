"""Bearer tokens: the file of those that are good, and how one is made. Free of gRPC.

The file holds digests. A token is 256 random bits, which no one guesses: a digest needs no salt and no slow
hash, as it would for passwords.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from millhand_server.rpc.scopes import NAMES, Scope

#: A call compares its token with all of them.
MAX_TOKENS = 1_000

#: The principal of callers that nothing identifies; no token may pass for them.
ANONYMOUS = "anonymous"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")

#: By which scanners for leaked secrets, and people, know what they see.
_PREFIX = "mh_"
_RANDOM_BYTES = 32


class TokenFileError(Exception):
    """A file of tokens cannot be used. The text is a sentence with the number of the line, never a digest."""


@dataclass(frozen=True, slots=True)
class Token:
    """A good token, known by its digest. Several may share a name, so that one can follow another."""

    name: str
    scope: Scope
    digest: str


class Tokens:
    """The tokens of one reading of the file."""

    def __init__(
        self, tokens: Iterable[Token], compare: Callable[[str, str], bool] = hmac.compare_digest
    ) -> None:
        """Takes the tokens, and what compares two digests without telling by its time how alike they are."""
        self._tokens = tuple(tokens)
        self._compare = compare

    def __len__(self) -> int:
        return len(self._tokens)

    def find(self, secret: str) -> Token | None:
        """Returns the token that a caller presents, None if it is none of these.

        It takes as long for a good one as for a bad one, and for the first as for the last.
        """
        presented = digest_of(secret)
        found = None
        for token in self._tokens:
            if self._compare(token.digest, presented):
                found = token
        return found

    def still_has(self, token: Token, scope: Scope) -> bool:
        """Whether a token from an earlier reading is still good, under its name and for this scope."""
        return any(
            other.digest == token.digest and other.name == token.name and other.scope >= scope
            for other in self._tokens
        )


def parse(content: bytes) -> Tokens:
    """Reads a file: one `name:scopes:sha256` a line; empty lines and those that begin with # mean nothing.

    A file without any token is refused: it is what a reader sees of a file that is just being written.

    Raises:
        TokenFileError: it cannot be used as it is.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TokenFileError("it is not UTF-8") from None
    tokens: dict[str, Token] = {}
    for number, line in _lines(text):
        token = _token(line, number)
        if token.digest in tokens:
            raise TokenFileError(
                f"line {number}: the same token stands above, as {tokens[token.digest].name}"
            )
        tokens[token.digest] = token
    if not tokens:
        raise TokenFileError("it has no tokens; `millhand token NAME --scopes run` makes one")
    if len(tokens) > MAX_TOKENS:
        raise TokenFileError(f"it has {len(tokens)} tokens, and {MAX_TOKENS} are the most")
    return Tokens(tokens.values())


def new_secret() -> str:
    """Makes a token."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def line_of(name: str, scopes: Iterable[Scope], secret: str) -> str:
    """Returns the line that makes a token good.

    Raises:
        ValueError: the name cannot be one; the text continues the sentence "NAME ...".
    """
    check_name(name)
    listed = ",".join(scope.name.lower() for scope in sorted(set(scopes)))
    return f"{name}:{listed}:{digest_of(secret)}"


def check_name(name: str) -> None:
    """Raises ValueError unless it can be a token's name; the text continues the sentence "NAME ..."."""
    if not _NAME.fullmatch(name):
        raise ValueError("must be 1 to 64 letters, digits and . _ @ -, and begin with a letter or digit")
    if name == ANONYMOUS:
        raise ValueError(f"cannot be {ANONYMOUS}, which is the name of callers without a token")


def parse_scopes(text: str) -> list[Scope]:
    """Reads scopes separated by commas.

    Raises:
        ValueError: one is none; the text is a sentence.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in NAMES:
            raise ValueError(f"{name[:32]!r} is no scope; there are {', '.join(NAMES)}")
    return [NAMES[name] for name in names]


def digest_of(secret: str) -> str:
    """Returns what a token's line has in place of the token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _token(line: str, number: int) -> Token:
    parts = line.split(":")
    # What stands in a wrong place may be a token: nothing of such a line is repeated.
    if len(parts) != 3:
        raise TokenFileError(f"line {number}: it is not name:scopes:sha256")
    name, scopes, digest = (part.strip() for part in parts)
    try:
        check_name(name)
    except ValueError as refusal:
        raise TokenFileError(f"line {number}: the name {refusal}") from None
    try:
        scope = max(parse_scopes(scopes))
    except ValueError:
        raise TokenFileError(f"line {number}: the scopes are not of {', '.join(NAMES)}") from None
    if not _DIGEST.fullmatch(digest.lower()):
        raise TokenFileError(f"line {number}: the third part is not a SHA-256 in 64 hexadecimal digits")
    return Token(name, scope, digest.lower())
