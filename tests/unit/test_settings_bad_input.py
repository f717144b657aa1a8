"""Settings from anywhere: they are read, or a `SettingsError` says which one is wrong; nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from effort import scaled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskq_kernel.errors import SettingsError, TaskqError
from taskq_kernel.settings import declared, load_settings, read_broker_url, read_token, user_home

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30) | st.sampled_from(
    ["", " ", "-1", "1e400", "nan", "99999999999999999999", "[]", '[""]', '["a", 1]', "{", "null", "true", "\udcff"]
)
FIELDS = st.sampled_from(sorted(declared()))
bounded = settings(
    max_examples=scaled(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in declared():
        monkeypatch.delenv(f"TASKQ_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TASKQ_HOME", str(tmp_path / "home"))


@bounded
@given(FIELDS, TEXTS)
def test_no_variable_breaks_the_settings(name: str, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"TASKQ_{name.upper()}", text)
        try:
            load_settings()
        except SettingsError as error:
            assert name in str(error)  # noqa: PT017  (it may also be read)


@bounded
@given(st.one_of(
    st.binary(max_size=60),
    st.dictionaries(
        FIELDS | st.text(max_size=5), st.integers() | st.text(max_size=9) | st.booleans() | st.lists(st.integers())
    ).map(lambda given: "\n".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in given.items()).encode()),
))  # fmt: skip
def test_no_file_breaks_the_settings(content: bytes) -> None:
    Path("taskq.toml").write_bytes(content)
    with suppress(SettingsError):
        load_settings()


@pytest.mark.parametrize("content", [b"= 1", b"\xff\xfe", b"port = 99999", b"prot = 1", b"[port]"])
def test_a_file_that_cannot_be_used_is_named_or_its_setting_is(content: bytes) -> None:
    Path("taskq.toml").write_bytes(content)
    with pytest.raises(SettingsError, match="taskq.toml|'port'|'prot'"):
        load_settings()


def test_a_file_that_may_not_be_read_is_a_settings_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", "taskq.toml")

    Path("taskq.toml").write_text("port = 1")
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SettingsError, match="taskq.toml"):
        load_settings()


@pytest.mark.parametrize(("name", "read"), [("token_file", read_token), ("broker_file", read_broker_url)])
@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b" \n"])
def test_a_file_with_a_secret_that_holds_none_is_a_settings_error(name: str, read: Any, content: bytes) -> None:
    Path("secret").write_bytes(content)
    with pytest.raises(SettingsError, match=f"TASKQ_{name.upper()} 'secret'"):
        read(load_settings(**{name: Path("secret")}))


@pytest.mark.parametrize("name", ["token", "broker"])
def test_a_secret_that_is_wrong_is_not_shown(name: str) -> None:
    with pytest.raises(TaskqError) as error:
        load_settings(**{name: ["hunter2"]})
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("text", ["default,gpu", " default, gpu ", '["default", "gpu"]'])
def test_a_variable_that_is_a_list_is_names_with_commas_or_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TASKQ_QUEUES", text)
    assert load_settings().queues == ["default", "gpu"]


@pytest.mark.parametrize(("text", "meant"), [("yes", True), ("Off", False), ("1", True), ("false", False)])
def test_a_variable_that_is_true_or_false_may_say_so_in_the_usual_words(
    monkeypatch: pytest.MonkeyPatch, text: str, meant: bool
) -> None:
    monkeypatch.setenv("TASKQ_GRAPHIQL", text)
    assert load_settings().graphiql is meant


def test_the_data_folder_is_where_the_platform_keeps_such_data_if_the_variable_is_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TASKQ_HOME", "")
    assert load_settings().home == user_home()
