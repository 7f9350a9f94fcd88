import hashlib

import pytest

from millhand_server.rpc import tokens
from millhand_server.rpc.scopes import Scope
from millhand_server.rpc.tokens import Token, TokenFileError, Tokens

A = hashlib.sha256(b"a").hexdigest()
B = hashlib.sha256(b"b").hexdigest()


def test_a_token_is_known_by_its_digest_and_has_its_name_and_scope() -> None:
    good = tokens.parse(f"ci:run:{A}\nboard:read:{B}\n".encode())

    assert good.find("a") == Token("ci", Scope.RUN, A)
    assert good.find("b") == Token("board", Scope.READ, B)


@pytest.mark.parametrize("secret", ["", "c", "A", "a ", A, f"ci:run:{A}", "é", "\0"])
def test_nothing_else_is_a_token(secret: str) -> None:
    assert tokens.parse(f"ci:run:{A}\n".encode()).find(secret) is None


@pytest.mark.parametrize("presented", ["a", "b", "c", "unknown"])
def test_a_token_is_compared_with_all_of_them_wherever_it_stands(presented: str) -> None:
    compared: list[tuple[str, str]] = []

    def compare(ours: str, theirs: str) -> bool:
        compared.append((ours, theirs))
        return ours == theirs

    digests = [tokens.digest_of(secret) for secret in "abc"]
    known = Tokens([Token("name", Scope.RUN, digest) for digest in digests], compare)

    known.find(presented)

    assert compared == [(digest, tokens.digest_of(presented)) for digest in digests]


class NeverEqual(str):
    """A digest that cannot be compared but by what looks at its characters, as `compare_digest` does."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared with ==")

    __hash__ = str.__hash__


def test_digests_are_never_compared_with_the_equals_sign() -> None:
    known = Tokens([Token("name", Scope.RUN, NeverEqual(A))])

    assert known.find("a") is not None
    assert known.find("b") is None


def test_what_is_no_entry_is_passed_over() -> None:
    content = f"\ufeff# who may call\r\n\r\n  ci : read, run : {A.upper()}  \r\n".encode()

    assert tokens.parse(content).find("a") == Token("ci", Scope.RUN, A)


@pytest.mark.parametrize(
    ("scopes", "scope"),
    [("read", Scope.READ), ("run", Scope.RUN), ("read,run", Scope.RUN), ("admin,read", Scope.ADMIN)],
)
def test_the_widest_scope_counts(scopes: str, scope: Scope) -> None:
    found = tokens.parse(f"ci:{scopes}:{A}\n".encode()).find("a")

    assert found is not None
    assert found.scope is scope


def test_two_tokens_may_share_a_name_so_that_one_can_follow_the_other() -> None:
    good = tokens.parse(f"ci:run:{A}\nci:run:{B}\n".encode())

    assert {token.name for token in (good.find("a"), good.find("b")) if token} == {"ci"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "it has no tokens"),
        ("# none\n\n", "it has no tokens"),
        (f"ci:run:{A}\nboard:{B}", "line 2: it is not name:scopes:sha256"),
        (f"ci:run:{A}:x", "line 1: it is not name:scopes:sha256"),
        (f"ci:run:{A[:-1]}", "line 1: the third part is not a SHA-256"),
        ("ci:run:my-secret", "line 1: the third part is not a SHA-256"),
        (f"ci:rum:{A}", "line 1: the scopes are not of read, run, admin"),
        (f"ci::{A}", "line 1: the scopes are not of read, run, admin"),
        (f"ci:open:{A}", "line 1: the scopes are not of read, run, admin"),
        (f":run:{A}", "line 1: the name must be 1 to 64 letters"),
        (f"CN=ci:run:{A}", "line 1: the name must be 1 to 64 letters"),
        (f"{'n' * 65}:run:{A}", "line 1: the name must be 1 to 64 letters"),
        (f"anonymous:run:{A}", "line 1: the name cannot be anonymous"),
        (f"ci:run:{A}\n\nboard:read:{A}", "line 3: the same token stands above, as ci"),
        ("\n".join(f"ci:run:{n:064x}" for n in range(1_001)), "it has 1001 tokens, and 1000 are the most"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_line_and_nothing_of_it(content: str, sentence: str) -> None:
    with pytest.raises(TokenFileError) as refusal:
        tokens.parse(content.encode())

    assert str(refusal.value).startswith(sentence)
    assert A not in str(refusal.value)
    assert "my-secret" not in str(refusal.value)


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(TokenFileError, match="it is not UTF-8"):
        tokens.parse(b"\xff\xfe")


@pytest.mark.parametrize(
    ("later", "good"),
    [
        (f"ci:run:{A}", True),
        (f"ci:admin:{A}", True),
        (f"ci:read:{A}", False),
        (f"other:run:{A}", False),
        (f"ci:run:{B}", False),
    ],
    ids=["same", "wider", "narrower", "renamed", "removed"],
)
def test_a_token_stays_good_as_long_as_its_name_and_scope_do(later: str, good: bool) -> None:
    assert tokens.parse(later.encode()).still_has(Token("ci", Scope.RUN, A), Scope.RUN) is good


def test_a_new_token_is_good_once_its_line_is_in_the_file() -> None:
    secret = tokens.new_secret()
    line = tokens.line_of("ci", [Scope.RUN, Scope.READ], secret)

    found = tokens.parse(line.encode()).find(secret)

    assert line.startswith("ci:read,run:")
    assert found == Token("ci", Scope.RUN, tokens.digest_of(secret))
    assert secret not in line


def test_no_two_new_tokens_are_the_same_and_they_are_long() -> None:
    made = {tokens.new_secret() for _ in range(100)}

    assert len(made) == 100
    assert all(len(secret) >= 43 for secret in made)
