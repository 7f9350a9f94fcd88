"""Pages that are there to be followed can be followed, and what they show is what is printed."""

import os
import shutil
from pathlib import Path

import pytest
from tests.acceptance.conftest import Serve
from tests.acceptance.docs.commands import link_grpcurl
from tests.acceptance.docs.follower import Follower
from tests.architecture.docs import pages


@pytest.mark.timeout(180)
def test_who_follows_the_tutorial_sees_what_it_says(serve: Serve, tmp_path: Path) -> None:
    link_grpcurl(tmp_path)

    Follower(serve, tmp_path).follow(pages.DOCS / "tutorial.md")


@pytest.mark.timeout(120)
def test_who_looks_for_trouble_sees_what_the_page_says(serve: Serve, tmp_path: Path) -> None:
    Follower(serve, tmp_path).follow(pages.DOCS / "troubleshooting.md")


@pytest.mark.timeout(180)
def test_who_works_with_grpcurl_and_buf_curl_sees_what_the_page_says(serve: Serve, tmp_path: Path) -> None:
    link_grpcurl(tmp_path)

    Follower(serve, tmp_path).follow(pages.DOCS / "grpcurl.md")


@pytest.mark.timeout(400)
def test_a_caller_in_go_can_be_made_as_the_page_says(serve: Serve, tmp_path: Path) -> None:
    _need_go()
    follower = Follower(serve, tmp_path, patience_s=300)
    follower.enter("millhand serve --store memory:")

    follower.follow(pages.DOCS / "other-languages.md")


def _need_go() -> None:
    if shutil.which("go") is None:
        sentence = "there is no go on the PATH to make a caller with"
        if os.environ.get("MILLHAND_CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
