from pathlib import Path

import pytest

from millhand_server.config.loading import ConfigError, load
from millhand_server.config.options import SecurityOptions
from millhand_server.config.settings import SETTINGS
from millhand_server.config.store_url import StoreChoice
from millhand_server.engine.options import ManagerOptions

_SAMPLES: dict[str, tuple[str, str, str]] = {
    "handlers": ("a:a", "b:b", '["c:c"]'),
    "handlers_entry_point": ("a", "b", '["c"]'),
    "host": ("127.0.0.2", "127.0.0.3", '"127.0.0.4"'),
    "port": ("1", "2", "3"),
    "store": ("memory:", "memory:", '"memory:"'),
    "max_workers": ("1", "2", "3"),
    "max_tasks": ("1", "2", "3"),
    "max_queued": ("1", "2", "3"),
    "tasks_per_second": ("1", "2", "3.5"),
    "timeout": ("1s", "2s", '"3s"'),
    "retry_delay": ("1s", "2s", '"3s"'),
    "max_retries": ("1", "2", "5"),
    "grace": ("1s", "2s", '"3s"'),
    "retention": ("1h", "2h", '"3h"'),
    "retention_count": ("1", "2", "3"),
    "files_root": ("/", "/", '"/"'),
    "node_id": ("a", "b", '"c"'),
    "tokens": ("a", "b", '"c"'),
    "interceptor": ("a:a", "b:b", '["c:c"]'),
    "log_level": ("debug", "warning", '"error"'),
    "metrics_port": ("1", "2", "3"),
    "log_format": ("json", "json", '"json"'),
    "output": ("json", "json", '"json"'),
}

#: What means nothing, or nothing different, by itself.
_ONLY_WITH_OTHERS = {"max_queued_bytes", "insecure", "metrics_host", "tls_cert", "tls_key", "client_ca"}


@pytest.mark.parametrize(
    ("url", "choice"),
    [
        ("memory:", StoreChoice()),
        ("sqlite:///tasks.db", StoreChoice("sqlite", Path("tasks.db").absolute())),
        ("sqlite:////var/lib/tasks.db", StoreChoice("sqlite", Path("/var/lib/tasks.db"))),
        ("sqlite:////tmp/a%20b.db?synchronous=normal", StoreChoice("sqlite", Path("/tmp/a b.db"), "NORMAL")),
    ],
)
def test_a_store_is_chosen_by_its_url(url: str, choice: StoreChoice) -> None:
    options = load({"store": url}, environ={})

    assert options.store.choice == choice
    assert bool(options.store.retention.bytes) == (choice.kind == "memory")


def test_what_waits_in_memory_can_be_bounded_in_bytes() -> None:
    assert load({"store": "memory:", "max_queued_bytes": "7"}, environ={}).store.max_queued_bytes == 7


def test_without_any_setting_the_documented_defaults_serve() -> None:
    options = load({}, environ={})

    assert (options.listen.host, options.listen.port) == ("127.0.0.1", 50051)
    assert options.store.choice == StoreChoice("sqlite", Path("millhand.db").absolute(), "FULL")
    assert options.store.retention.age_us == 24 * 3600 * 1_000_000
    assert options.store.retention.failed_age_us == 7 * 24 * 3600 * 1_000_000
    assert options.store.retention.count == 1_000_000
    assert options.plugins.handlers == ("millhand_server.handlers:handlers",)
    assert options.manager.max_workers >= 4
    assert options.manager == ManagerOptions(max_workers=options.manager.max_workers)


@pytest.mark.parametrize("name", _SAMPLES)
def test_a_flag_goes_before_the_environment_and_that_before_the_file(name: str, tmp_path: Path) -> None:
    setting = SETTINGS[name]
    flag, variable, toml = _SAMPLES[name]
    file = tmp_path / "millhand.toml"
    file.write_text(f"{name} = {toml}\n")
    by_flag: dict[str, object] = {name: (flag,) if setting.repeated else flag}
    by_variable = {setting.variable: variable}

    all_three = load(by_flag, environ=by_variable, config=str(file))
    two = load({}, environ=by_variable, config=str(file))
    file_alone = load({}, environ={}, config=str(file))

    assert all_three == load(by_flag, environ={})
    assert two == load({}, environ=by_variable)
    assert file_alone != load({}, environ={})


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "millhand.toml"
    file.write_text("port = 7\n")

    options = load({}, environ={"MILLHAND_CONFIG": str(file)})

    assert options.listen.port == 7


def test_handlers_by_entry_point_stand_in_for_those_shipped_and_join_those_named() -> None:
    alone = load({"handlers_entry_point": ("imaging",)}, environ={})
    both = load({"handlers_entry_point": ("imaging",), "handlers": ("a:a",)}, environ={})

    assert (alone.plugins.handlers, alone.plugins.handlers_entry_points) == ((), ("imaging",))
    assert (both.plugins.handlers, both.plugins.handlers_entry_points) == (("a:a",), ("imaging",))


def test_a_variable_holds_several_handlers_separated_by_commas() -> None:
    options = load({}, environ={"MILLHAND_HANDLERS": "a:a, b:b"})

    assert options.plugins.handlers == ("a:a", "b:b")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"port": "x"}, "--port must be a whole number from 0 to 65535, not 'x'"),
        ({"timeout": "30"}, "--timeout must be a duration such as 500ms, 30s, 5m or 1h30m, not '30'"),
        ({"host": "0.0.0.0"}, "--host: 0.0.0.0 can be reached from other machines"),
        ({"host": "example.org"}, "--host: example.org can be reached from other machines"),
        ({"files_root": "/no/such"}, "--files-root: /no/such is not a folder"),
        (
            {"store": "sqlite://x.db"},
            "--store: sqlite needs a path, as in sqlite:///millhand.db, not '//x.db'",
        ),
        ({"store": "sqlite:///"}, "--store: sqlite needs a path"),
        ({"store": "sqlite:///a%00b.db"}, "--store: '///a%00b.db' names no file"),
        ({"store": "sqlite:///a%ff.db"}, "--store: '///a%ff.db' names no file"),
        (
            {"store": "sqlite:///a.db?synchronous=NORMAL&synchronous=FULL"},
            "--store: 'synchronous=NORMAL&synchronous=FULL' says something twice",
        ),
        ({"store": "sqlite:///x.db?cache=1"}, "--store: sqlite has no option 'cache'; it has synchronous"),
        (
            {"store": "sqlite:///x.db?synchronous=OFF"},
            "--store: synchronous must be FULL or NORMAL, not 'OFF'",
        ),
        ({"store": "memory"}, "--store must be a store's URL"),
        (
            {"max_queued_bytes": "1"},
            "--max-queued-bytes bounds what waits in memory, and in this store nothing",
        ),
        ({"store": "postgresql://h/d"}, "--store: postgresql stores are not supported yet"),
        (
            {"store": "redis://h"},
            "--store must be a store's URL, such as sqlite:///millhand.db or memory:, not",
        ),
        (
            {"store": "memory:?x=1"},
            "--store: memory: takes neither a path nor options, and '?x=1'",
        ),
        ({"handlers": ("app",)}, "--handlers must be MODULE:ATTR"),
        ({"metrics_port": "70000"}, "--metrics-port must be a whole number from 0 to 65535"),
        ({"metrics_host": "127.0.0.2"}, "--metrics-host is of no use without --metrics-port"),
        (
            {"metrics_port": "0", "metrics_host": "0.0.0.0"},
            "--metrics-host: 0.0.0.0 can be reached from other machines, and metrics are served without TLS",
        ),
        ({"tls_cert": "c.pem"}, "--tls-cert is of no use without --tls-key"),
        ({"tls_key": "k.pem"}, "--tls-key is of no use without --tls-cert"),
        ({"client_ca": "ca.pem"}, "--client-ca is of no use without --tls-cert"),
        (
            {"host": "0.0.0.0", "tokens": "t"},
            "--host: 0.0.0.0 can be reached from other machines, and without TLS the tokens",
        ),
        (
            {"host": "0.0.0.0", "tokens": "t", "insecure": True},
            "--host: 0.0.0.0 can be reached from other machines, and without TLS the tokens",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(flags: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(flags, environ={})

    assert len(refusal.value.problems) == 1
    assert refusal.value.problems[0].startswith(sentence)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channelz", True),
    ],
)
def test_a_setting_without_code_behind_it_is_refused_and_not_ignored(name: str, value: object) -> None:
    with pytest.raises(ConfigError) as refusal:
        load({name: value}, environ={})

    assert refusal.value.problems[0].startswith(f"{SETTINGS[name].flag} is not supported yet")


def test_every_awaited_setting_has_its_refusal_tested() -> None:
    awaited = {name for name, setting in SETTINGS.items() if setting.awaited}

    assert awaited == SETTINGS.keys() - _SAMPLES.keys() - _ONLY_WITH_OTHERS


def test_switching_off_what_does_not_exist_yet_is_honoured() -> None:
    load({}, environ={"MILLHAND_CHANNELZ": "false"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_a_loopback_host_needs_no_further_word(host: str) -> None:
    assert load({"host": host}, environ={}).listen.host == host.strip("[]")


@pytest.mark.parametrize(
    ("flags", "environ"),
    [({"insecure": True}, {}), ({}, {"MILLHAND_INSECURE": "true"})],
    ids=["flag", "variable"],
)
def test_a_public_host_is_served_when_that_is_said_to_be_wanted(
    flags: dict[str, object], environ: dict[str, str]
) -> None:
    assert load({"host": "0.0.0.0", **flags}, environ=environ).listen.host == "0.0.0.0"


def test_a_public_host_is_served_with_tls() -> None:
    options = load({"host": "0.0.0.0", "tls_cert": "c.pem", "tls_key": "k.pem", "tokens": "t"}, environ={})

    assert options.listen.host == "0.0.0.0"
    assert options.security == SecurityOptions(tls_cert="c.pem", tls_key="k.pem", tokens="t")


def test_tokens_need_no_tls_on_loopback() -> None:
    assert load({"tokens": "t"}, environ={}).security == SecurityOptions(tokens="t")


@pytest.mark.parametrize(
    ("security", "known"),
    [
        (SecurityOptions(), False),
        (SecurityOptions(tls_cert="c", tls_key="k"), False),
        (SecurityOptions(tls_cert="c", tls_key="k", client_ca="ca"), True),
        (SecurityOptions(tokens="t"), True),
    ],
    ids=["nothing", "tls", "mutual tls", "tokens"],
)
def test_callers_are_known_by_certificate_or_token(security: SecurityOptions, known: bool) -> None:
    assert security.knows_callers is known


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "millhand.toml"
    file.write_text('prot = 1\n"retry-delay" = "1s"\n')

    with pytest.raises(ConfigError) as refusal:
        load({"port": "x"}, environ={"MILLHAND_GRACE": "soon", "MILLHAND_MAX_WORKER": "3"}, config=str(file))

    assert [problem.split("; ")[-1] for problem in refusal.value.problems[:3]] == [
        "did you mean port?",
        "did you mean retry_delay?",
        "did you mean MILLHAND_MAX_WORKERS?",
    ]
    assert refusal.value.problems[3].startswith("--port must be")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"port = ", "is not TOML"),
        (b"\xff", "cannot be read: it is not UTF-8"),
        (b"handlers = 'a:b'", "must be a list, not 'a:b'"),
        (b"[serve]\nport = 1", "has no setting 'serve'"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(content: bytes, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "millhand.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigError, match=sentence) as refusal:
        load({}, environ={}, config=str(file))

    assert str(file) in refusal.value.problems[0]


def test_a_file_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match=r"/no/file\.toml cannot be read: No such file"):
        load({}, environ={}, config="/no/file.toml")


@pytest.mark.parametrize(
    "variable",
    ["MILLHAND_ADDRESS", "MILLHAND_TOKEN", "MILLHAND_SERVICE_HOST", "MILLHAND_PORT_50051_TCP_ADDR", "PATH"],
)
def test_variables_that_are_not_the_servers_are_left_alone(variable: str) -> None:
    load({}, environ={variable: "anything"})


@pytest.mark.parametrize(
    ("retention", "failed_days"), [("24h", 7), ("30d", 30), ("0", 0)], ids=["shorter", "longer", "for ever"]
)
def test_failures_are_kept_a_week_and_never_shorter_than_the_rest(retention: str, failed_days: int) -> None:
    options = load({"retention": retention}, environ={})

    assert options.store.retention.failed_age_us == failed_days * 24 * 3600 * 1_000_000
