"""Every client command, as a process, against a real server."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.acceptance.conftest import Lines, Millhand, Serve, ServerProcess, run_millhand, start_millhand

from millhand import Client


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ('{"hello": "wörld", "n": 1}', '{"hello": "wörld", "n": 1}\n'),
        ('"text"', '"text"\n'),
        ("[1, 2.5, null]", "[1, 2.5, null]\n"),
        ("null", ""),
    ],
    ids=["object", "string", "list", "null"],
)
def test_exec_prints_the_output_alone(millhand: Millhand, text: str, printed: str) -> None:
    ended = millhand("exec", "echo", text)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, printed, "")


def test_exec_reads_json_from_standard_input(millhand: Millhand) -> None:
    assert millhand("exec", "echo", "-", stdin='{"a": 1}').stdout == '{"a": 1}\n'


def test_exec_sends_a_file_and_prints_its_bytes_as_they_are(server: ServerProcess, tmp_path: Path) -> None:
    content = bytes(range(256))
    file = tmp_path / "all.bin"
    file.write_bytes(content)

    printed, _ = start_millhand(
        "exec", "echo", "--file", str(file), address=server.address, text=False
    ).communicate(timeout=30)

    assert printed == content


def test_exec_sends_a_message_of_a_type_that_both_sides_know(millhand: Millhand) -> None:
    ended = millhand("exec", "echo", "--message", "google.protobuf.Duration", '"1.5s"', "-o", "json")

    message = json.loads(ended.stdout)["output"]["message"]
    assert message == {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1.500s"}


def test_exec_of_a_type_that_nobody_knows_is_wrong_usage(millhand: Millhand) -> None:
    ended = millhand("exec", "echo", "--message", "no.Such", "{}")

    assert ended.returncode == 2
    assert "neither this program nor the server knows the type" in ended.stderr


def test_exec_prints_the_whole_result_as_json(millhand: Millhand) -> None:
    ended = millhand("exec", "echo", "1", "-o", "json", "--label", "k=v", "--id", "whole")

    result = json.loads(ended.stdout)
    assert result["task"]["id"] == "whole"
    assert result["task"]["status"] == "TASK_STATUS_COMPLETED"
    assert result["task"]["labels"] == {"k": "v"}
    assert result["output"] == {"json": 1}
    assert result["task"]["create_time"]
    assert result["cursor"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("exec", "fail", '{"times": 9}', "--retries", "0"), 4, "FAILED_ON_PURPOSE: "),
        (("exec", "sleep", '{"seconds": 600}', "--timeout", "50ms", "--retries", "0"), 5, "TASK_TIMEOUT: "),
        (("exec", "sleep", '{"seconds": 600}', "--wait", "50ms", "--cancel-on-timeout"), 5, "TASK_TIMEOUT: "),
        (("exec", "nobody"), 1, "INVALID_TASK_FUNC: "),
        (("exec", "echo", "--priority", "5", "--key", "x" * 300), 1, "INVALID_ARGUMENT: "),
        (("get", "nothing"), 3, "TASK_NOT_FOUND: "),
        (("explain", "nothing"), 3, "TASK_NOT_FOUND: "),
        (("cancel", "nothing"), 3, "TASK_NOT_FOUND: "),
        (("wait", "nothing"), 3, "TASK_NOT_FOUND: "),
        (("handlers", "nobody"), 3, "the server has no handler 'nobody'"),
        (("results", "--after", "???"), 1, "CURSOR_INVALID: "),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else None,
)
def test_an_error_is_one_sentence_and_its_exit_status(
    millhand: Millhand, arguments: tuple[str, ...], status: int, said: str
) -> None:
    ended = millhand(*arguments)

    assert ended.returncode == status, ended.stderr
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


def test_a_registered_task_is_run_now_by_its_id_alone(millhand: Millhand) -> None:
    millhand("register", "echo", '{"n": 7}', "--id", "run-now", "--delay", "1h")

    ran = millhand("exec", "--id", "run-now")
    again = millhand("exec", "--id", "run-now")
    taken = millhand("exec", "echo", "1", "--id", "run-now")

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, '{"n": 7}\n', "")
    assert again.stderr.startswith("TASK_COMPLETED: ")
    assert "if it waits, `millhand exec --id run-now` runs it now" in taken.stderr


def test_a_task_belongs_to_the_trace_that_the_command_names(millhand: Millhand) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    ended = millhand("exec", "echo", "1", "--traceparent", trace, "-o", "json")

    assert json.loads(ended.stdout)["task"]["traceparent"] == trace


def test_an_error_names_its_request_if_it_is_asked_to(server: ServerProcess, millhand: Millhand) -> None:
    ended = millhand("exec", "nobody", "-v")

    request_id = ended.stderr.split("; request ")[1].strip()
    assert request_id in server.stderr.until(request_id)
    assert "; request " not in millhand("exec", "nobody").stderr


def test_ids_of_tasks_are_completed(server: ServerProcess, millhand: Millhand) -> None:
    millhand("register", "echo", "--id", "completed-late", "--delay", "1h")

    ended = subprocess.run(
        [sys.executable, "-m", "millhand_server"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "_MILLHAND_COMPLETE": "bash_complete",
            "COMP_WORDS": "millhand cancel completed-l",
            "COMP_CWORD": "2",
            "MILLHAND_ADDRESS": server.address,
        },
    )

    assert ended.stdout == "plain,completed-late\n"


@pytest.mark.parametrize(
    "arguments",
    [("get", "\udcff"), ("cancel", "--all", "--reason", "\udcff")],
    ids=lambda arguments: arguments[0],
)
def test_bytes_that_are_no_text_are_wrong_usage(millhand: Millhand, arguments: tuple[str, ...]) -> None:
    ended = millhand(*arguments)

    assert ended.returncode == 2
    assert "\\udcff' is not UTF-8" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_task_that_goes_on_after_the_wait_is_said_to_once(millhand: Millhand) -> None:
    left = millhand("exec", "sleep", '{"seconds": 1}', "--wait", "10ms").stderr
    ended = millhand("exec", "sleep", '{"seconds": 600}', "--wait", "10ms", "--cancel-on-timeout").stderr

    assert left.count("goes on") == 1
    assert "goes on" not in ended
    assert "it was cancelled" in ended


def test_a_server_that_is_not_there_is_named_with_the_way_to_start_one() -> None:
    ended = run_millhand("info", address="127.0.0.1:1")

    assert ended.returncode == 1
    assert ended.stderr == (
        "no server answers at 127.0.0.1:1; start one with `millhand serve`, or name another with --address\n"
    )


def test_register_prints_the_id_and_repeating_it_registers_nothing_new(millhand: Millhand) -> None:
    first = millhand("register", "echo", "1", "--key", "once", "--delay", "1h")
    second = millhand("register", "echo", "1", "--key", "once", "--delay", "1h")

    assert first.returncode == 0
    assert first.stdout == second.stdout


def test_get_shows_a_task_to_people_and_to_programs(millhand: Millhand) -> None:
    task_id = millhand("register", "echo", '{"a": 1}', "--delay", "1h", "--label", "k=v").stdout.strip()

    shown = millhand("get", task_id, "--full").stdout
    data = json.loads(millhand("get", task_id, "-o", "json").stdout)

    assert f"id:        {task_id}" in shown
    assert "status:    SCHEDULED" in shown
    assert "labels:    k=v" in shown
    assert data["status"] == "TASK_STATUS_SCHEDULED"
    assert "payload" not in data


def test_get_in_full_shows_output_payload_and_every_attempt(millhand: Millhand) -> None:
    task_id = "in-full"
    millhand("exec", "fail", '{"times": 1, "reason": "TRY"}', "--id", task_id)

    shown = millhand("get", task_id, "--full").stdout
    data = json.loads(millhand("get", task_id, "--full", "-o", "json").stdout)

    assert re.search(r'^payload: +{"reason": "TRY", "times": 1}$', shown, re.MULTILINE)
    assert re.search(r'^output: +{"attempts": 2}$', shown, re.MULTILINE)
    assert "(1 retry used)" in shown
    [first, second] = [line.split() for line in shown.partition("ATTEMPT ")[2].splitlines()[1:]]
    assert " ".join(first[4:]) == "Attempt 1 of 1 that fail."
    assert second[0] == "2"
    assert len(second) == 4
    assert data["output"] == {"json": {"attempts": 2}}


def test_list_filters_and_limits_and_pipes_plain_columns(millhand: Millhand) -> None:
    for number in range(3):
        millhand("register", "echo", str(number), "--delay", "1h", "--queue", "listed")

    table = millhand("list", "--queue", "listed", "--status", "scheduled").stdout.splitlines()
    one = millhand("list", "--queue", "listed", "--limit", "1", "-o", "json").stdout.splitlines()

    assert table[0].split() == ["ID", "HANDLER", "STATUS", "ATTEMPT", "CREATED", "NOTE"]
    assert [line.split()[1:3] for line in table[1:]] == [["echo", "SCHEDULED"]] * 3
    assert "\t" not in "".join(table)
    assert len(one) == 1
    assert json.loads(one[0])["queue"] == "listed"


def test_cancel_says_what_came_of_each_and_goes_on_past_an_unknown_one(millhand: Millhand) -> None:
    task_id = millhand("register", "echo", "--delay", "1h").stdout.strip()

    ended = millhand("cancel", "nothing", task_id, "--reason", "changed my mind")

    assert ended.returncode == 3
    assert ended.stdout.splitlines()[1].split() == [task_id, "DEQUEUED", "CANCELLED"]
    assert "cancel reason:  changed my mind" in millhand("get", task_id).stdout


def test_cancel_all_counts_by_outcome_within_its_filter(millhand: Millhand) -> None:
    for _ in range(2):
        millhand("register", "echo", "--delay", "1h", "--queue", "doomed")

    ended = millhand("cancel", "--all", "--queue", "doomed", "--wait", "5s", "-o", "json")

    assert json.loads(ended.stdout)["counts"] == {"DEQUEUED": 2}


def test_exec_of_a_cancelled_task_ends_with_status_6(server: ServerProcess, millhand: Millhand) -> None:
    with Client(server.address) as client:
        running = start_millhand(
            "exec",
            "sleep",
            '{"seconds": 600, "progress": true}',
            "--id",
            "cancelled-under-exec",
            address=server.address,
        )
        with client.results(ids=["cancelled-under-exec"], include_progress=True) as reports:
            next(reports)

        millhand("cancel", "cancelled-under-exec", "--wait", "5s")

        _, said = running.communicate(timeout=30)
    assert running.returncode == 6
    assert said.startswith("TASK_CANCELLED: ")


def test_ctrl_c_leaves_the_task_running_and_says_its_id(server: ServerProcess) -> None:
    with Client(server.address) as client:
        running = start_millhand(
            "exec",
            "sleep",
            '{"seconds": 600, "progress": true}',
            "--id",
            "interrupted",
            address=server.address,
        )
        with client.results(ids=["interrupted"], include_progress=True) as reports:
            next(reports)

        running.send_signal(signal.SIGINT)

        _, said = running.communicate(timeout=30)
        assert running.returncode == 130
        assert said == "the task interrupted goes on: `millhand get`, `millhand cancel`\n"
        assert client.cancel("interrupted", wait=5).outcome.name == "STOPPED"


def test_wait_counts_and_says_when_it_was_not_enough(millhand: Millhand) -> None:
    done = millhand("exec", "echo", "1", "-o", "json")
    done_id = json.loads(done.stdout)["task"]["id"]
    late_id = millhand("register", "echo", "--delay", "1h").stdout.strip()

    enough = millhand("wait", done_id)
    too_short = millhand("wait", done_id, late_id, "--timeout", "0", "-o", "json")

    assert enough.returncode == 0
    assert enough.stdout.splitlines()[1].split() == ["COMPLETED", "1"]
    assert too_short.returncode == 5
    assert json.loads(too_short.stdout) == {"done": False, "counts": {"COMPLETED": 1, "SCHEDULED": 1}}


def test_results_are_retained_and_can_be_gone_on_from(millhand: Millhand) -> None:
    first_id, second_id = "results-first", "results-second"
    millhand("exec", "echo", '{"n": 1}', "--id", first_id)
    first = millhand("results", "--id", first_id, "-o", "json")
    cursor = first.stderr.split()[-1]
    millhand("exec", "echo", '{"n": 2}', "--id", second_id)

    later = millhand("results", "--after", cursor, "-o", "json")
    table = millhand("results", "--id", first_id)

    assert json.loads(first.stdout)["result"]["task"]["id"] == first_id
    assert [json.loads(line)["result"]["task"]["id"] for line in later.stdout.splitlines()] == [second_id]
    assert table.stdout.splitlines()[1].endswith('{"n": 1}')


def test_results_follow_new_ones_as_they_come(server: ServerProcess) -> None:
    following = start_millhand(
        *("results", "--follow", "--after", "0", "--correlation-id", "followed", "-o", "json"),
        address=server.address,
    )
    assert following.stdout is not None
    assert following.stderr is not None
    lines, said = Lines(following.stdout), Lines(following.stderr)
    with Client(server.address) as client:
        client.execute("echo", 1, correlation_id="followed")

    assert json.loads(lines.next() or "")["result"]["output"] == {"json": 1}
    following.send_signal(signal.SIGINT)
    assert following.wait(timeout=30) == 130
    assert said.rest().startswith("go on with --after ")


def test_results_of_an_unknown_id_are_an_error_and_of_a_waiting_task_just_none(millhand: Millhand) -> None:
    task_id = millhand("register", "echo", "--delay", "1h").stdout.strip()

    unknown = millhand("results", "--id", "nothing")
    waiting = millhand("results", "--id", task_id)

    assert unknown.returncode == 3
    assert "TASK_NOT_FOUND: " in unknown.stderr
    assert (waiting.returncode, waiting.stdout) == (0, "")
    assert waiting.stderr.startswith("no results\n")


def test_a_follower_says_that_its_server_is_gone(serve: Serve) -> None:
    server = serve()
    following = start_millhand("results", "--follow", address=server.address)
    assert following.stdout is not None
    assert following.stderr is not None
    lines, said = Lines(following.stdout), Lines(following.stderr)
    lines.until("ENDED")

    server.process.kill()

    said.until("connection lost, trying again")
    following.kill()
    following.wait(30)


def test_a_watched_list_gives_tasks_again_when_they_have_changed(server: ServerProcess) -> None:
    with Client(server.address) as client:
        task = client.register("echo", 1, delay=3600, queue="watched")
        watching = start_millhand(
            "list", "--watch", "--queue", "watched", "-o", "json", address=server.address
        )
        assert watching.stdout is not None
        assert watching.stderr is not None
        lines, said = Lines(watching.stdout), Lines(watching.stderr)
        first = json.loads(lines.next() or "")
        client.cancel(task.id)
        second = json.loads(lines.next() or "")

    watching.send_signal(signal.SIGINT)
    assert watching.wait(timeout=30) == 130
    assert said.rest() == ""
    assert [first["status"], second["status"]] == ["TASK_STATUS_SCHEDULED", "TASK_STATUS_CANCELLED"]


def test_following_named_tasks_ends_when_all_have_ended(millhand: Millhand) -> None:
    task_id = millhand("register", "echo", "1", "--delay", "200ms").stdout.strip()

    ended = millhand("results", "--follow", "--id", task_id, "-o", "json")

    assert ended.returncode == 0
    assert [json.loads(line)["result"]["task"]["id"] for line in ended.stdout.splitlines()] == [task_id]


def test_explain_says_why_a_task_does_not_run(millhand: Millhand) -> None:
    task_id = millhand("register", "echo", "--delay", "1h").stdout.strip()

    shown = millhand("explain", task_id).stdout
    data = json.loads(millhand("explain", task_id, "-o", "json").stdout)

    assert re.search(r"^NOT_DUE: .*\((1h|\d+m\d+s) to go\)$", shown, re.MULTILINE)
    assert data["reasons"][0]["reason"] == "BLOCK_REASON_NOT_DUE"


def test_handlers_are_listed_and_one_shown_with_an_example(millhand: Millhand) -> None:
    table = millhand("handlers").stdout.splitlines()
    one = millhand("handlers", "echo").stdout
    data = [json.loads(line) for line in millhand("handlers", "-o", "json").stdout.splitlines()]

    assert table[0].split() == ["NAME", "RUNS", "AS", "CANCEL", "DESCRIPTION"]
    assert any(line.split()[:3] == ["echo", "thread", "cooperative"] for line in table)
    assert "grpcurl" in one
    assert re.search(r"^default timeout: +none$", millhand("handlers", "sleep").stdout, re.MULTILINE)
    assert {"echo", "sleep", "stubborn"} <= {handler["name"] for handler in data}


def test_info_shows_the_server_its_store_and_its_limits(millhand: Millhand) -> None:
    shown = millhand("info").stdout
    data = json.loads(millhand("info", "-o", "json").stdout)

    assert data["store"] == "memory"
    assert data["limits"]["max_batch_tasks"] == 1000
    assert "max_batch_tasks:" in shown
    assert re.search(r"^tasks: .*\d+ COMPLETED", shown, re.MULTILINE)
