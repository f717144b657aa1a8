"""Results by link, over HTTP: who sees what, until when, and how it is sent."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from service_process import ServiceProcess, digest, service_process, token
from shared_fixtures import results, service
from shared_results import SHARE, Results, below, json_value, links, text_of

from taskq_kernel.store import Store
from taskq_kernel.store.tables import shares

__all__ = ["results", "service"]

REVOKE = "mutation($id: ID!) { revokeShare(id: $id) { id revokedAt } }"
LIST = "query($id: ID) { shares(id: $id) { id task batch name owner createdBy expiresAt revokedAt } }"


def test_whoever_has_the_link_sees_the_result_its_parameters_its_log_and_how_it_was_made(results: Results) -> None:
    number = results.finish(
        json_value(0.125, julia_type="Float64"), {"name": "a mean", "arguments": {"beta": 0.5}, "seed": 7},
        logs=[{"seq": 1, "stream": "stdout", "text": "10 %\r100 %\nwarm up done\n"}],
    )
    answer = results.get(results.share(number))
    said = text_of(answer.data.decode())
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    told = ("a mean", "FINISHED", "0.125", "beta 0.5", "Seed 7", "Julia 1.10.4", "Submitted by ann", "1 + 1")
    assert [one for one in (*told, "100 % warm up done") if one not in said] == []
    assert "10 % 100 %" not in said, "a carriage return writes over its line"


def test_a_link_shows_its_own_task_and_no_other(results: Results) -> None:
    mine, other = results.finish(), results.finish(json_value("secret of another"))
    query = urlsplit(results.share(mine)).query
    for path in (f"/r/{other}", f"/r/{other}/value.json", f"/r/{other}/log.txt", f"/r/{other}/code.jl", "/r/999999"):
        answer = results.get(f"{path}?{query}")
        assert answer.status == 404, path
        assert "secret" not in answer.data.decode()


def test_a_link_opens_nothing_else_of_the_service(results: Results, service: ServiceProcess) -> None:
    secret = parse_qs(urlsplit(results.share(results.finish())).query)["share"][0]
    bearer = {"authorization": f"Bearer {secret}"}
    for path in ("/graphql?query={me{name}}", "/metrics", "/blobs/" + "0" * 64, "/r/1"):
        assert service.request("GET", path, None, headers=bearer).status == 401, path
    assert service.request("POST", "/graphql", None, body=b'{"query": "{ me { name } }"}', headers={
        **bearer, "content-type": "application/json",
    }).status == 401
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert service.request(method, results.share(results.finish()), None).status == 405


@pytest.mark.parametrize("query", [
    "", "share=", "share=tqs_wrong", "share=a&share=b", "share=%00", "token={ann}", "share={ann}",
])
def test_without_a_good_link_there_is_a_page_that_tells_nothing(results: Results, query: str) -> None:
    number = results.finish(json_value("the secret value"), {"name": "the secret name"})
    for path in (f"/r/{number}", f"/r/{number}/value.json", "/r/987654321", "/r/not-a-number", "/r/%00"):
        answer = results.get(f"{path}?{query.format(ann=token('ann'))}")
        said = answer.data.decode()
        assert answer.status == (404 if query.startswith("share") else 401), path
        assert "secret" not in said
        assert "<h1>" in said
        assert str(number) not in text_of(said)


def test_a_revoked_link_leads_to_a_page_that_says_so_at_once(results: Results, service: ServiceProcess) -> None:
    number = results.finish(json_value("the value"))
    made = service.data(SHARE, id=str(number), expires=3600.0)["createShare"]
    path = f"/{made['url']}"
    assert results.get(path).status == 200
    assert service.data(REVOKE, id=made["share"]["id"])["revokeShare"]["revokedAt"]
    for one in (path, below(path, "value.json")):
        answer = results.get(one)
        assert (answer.status, "the value" in answer.data.decode()) == (410, False)
        assert "was revoked" in text_of(answer.data.decode())


def test_an_expired_link_leads_to_a_page_that_says_so(results: Results, service: ServiceProcess) -> None:
    path = results.share(results.finish(json_value("the value")))
    store = Store(f"sqlite:///{service.home}/tasks.db")
    last = sa.select(shares.c.id).order_by(shares.c.created_at.desc()).limit(1).scalar_subquery()
    store.write(lambda write: write.conn.execute(
        sa.update(shares).where(shares.c.id == last).values(expires_at=time.time() - 1)
    ))
    store.close()
    answer = results.get(path)
    assert (answer.status, "the value" in answer.data.decode()) == (410, False)
    assert "has expired" in text_of(answer.data.decode())


def test_the_link_to_a_deleted_task_says_that_it_is_gone(results: Results, service: ServiceProcess) -> None:
    number = results.finish(json_value("the value"), {"name": "the name"})
    path = results.share(number)
    service.data(f'mutation {{ deleteTasks(ids: ["{number}"]) {{ changed }} }}')
    for one in (path, below(path, "value.json"), below(path, "log.txt")):
        answer = results.get(one)
        said = text_of(answer.data.decode())
        assert (answer.status, "has been deleted" in said, "the name" in said) == (410, True, False)


@pytest.mark.parametrize("download", ["", "value.json", "log.txt", "code.jl"])
def test_every_answer_is_kept_from_caches_other_pages_and_guesses(results: Results, download: str) -> None:
    path = results.share(results.finish())
    for answer in (results.get(below(path, download) if download else path), results.get("/r/1?share=wrong")):
        headers = answer.headers
        assert headers["cache-control"] == "private, no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-robots-tag"] == "noindex, nofollow"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe-inline" not in policy or policy.startswith("sandbox;")
        assert "frame-ancestors 'none'" in policy or policy.startswith("sandbox;")


def test_a_page_has_no_script_and_leads_nowhere_but_below_itself(results: Results) -> None:
    number = results.finish()
    page = results.page(number)
    assert "<script" not in page
    assert not re.search(r"\son\w+=", page)
    assert links(page)
    assert all(re.match(rf"{number}(/[\w.]+)?\?share=tqs_", link) for link in links(page)), links(page)


def test_tokens_are_stored_as_hashes_and_stand_in_no_log(results: Results, service: ServiceProcess) -> None:
    path = results.share(results.finish())
    secret = parse_qs(urlsplit(path).query)["share"][0]
    assert re.fullmatch(r"tqs_[\w-]{43}", secret)
    for one in (path, below(path, "value.json"), below(path, "value.nothing"), f"/r/0?share={secret}"):
        results.get(one)
    service.post("query($t: ID!) { shares(id: $t) { id } }", t=secret)
    kept = b"".join(file.read_bytes() for file in service.home.glob("tasks.db*"))
    assert secret.encode() not in kept
    assert digest(secret.encode()).encode() in kept
    assert "create link" in service.log
    assert secret not in service.log


def test_only_the_owner_or_an_administrator_shares_lists_and_revokes(results: Results, service: ServiceProcess) -> None:
    number = results.finish(given={"name": "of ann"})
    assert service.error(SHARE, "bob", id=str(number)) == (
        "FORBIDDEN", f"task {number} belongs to ann; you may share your own only",
    )
    made = {who: service.data(SHARE, who, id=str(number))["createShare"]["share"]["id"] for who in ("ann", "admin")}
    listed = {who: service.data(LIST, who, id=str(number))["shares"] for who in ("ann", "bob", "admin")}
    assert {who: {one["id"] for one in found} for who, found in listed.items()} == {
        "ann": set(made.values()), "bob": set(), "admin": set(made.values()),
    }
    assert {(one["name"], one["owner"], one["task"]) for one in listed["ann"]} == {("of ann", "ann", number)}
    assert service.error(REVOKE, "bob", id=made["ann"])[0] == "FORBIDDEN"
    assert service.data(REVOKE, "admin", id=made["ann"])["revokeShare"]["id"] == made["ann"]
    assert service.data(REVOKE, "ann", id=made["admin"])["revokeShare"]["id"] == made["admin"]
    assert service.error(REVOKE, "ann", id="0" * 36)[0] == "NOT_FOUND"


@pytest.mark.parametrize("expires", [0.0, -1.0, 1e30])
def test_a_time_that_no_link_has_is_refused_with_what_it_is(
    results: Results, service: ServiceProcess, expires: float
) -> None:
    code, message = service.error(SHARE, id=str(results.finish()), expires=expires)
    assert (code, "give more than 0 and at most" in message) == ("BAD_INPUT", True)


def test_somebody_with_a_token_of_the_service_sees_the_page_without_a_link(
    results: Results, service: ServiceProcess
) -> None:
    number = results.finish(json_value("the value"))
    for who, status in (("ann", 200), ("bob", 200), ("runner", 404), ("worker", 403), ("sink", 403)):
        answer = service.request("GET", f"/r/{number}", who)
        assert (who, answer.status, "the value" in answer.data.decode()) == (who, status, status == 200)


def test_the_page_of_a_task_that_is_not_done_says_so_and_refreshes_itself_until_it_is(results: Results) -> None:
    task = results.submit({"name": "long"})[0]
    path = results.share(task["number"])
    waiting = results.get(path).data.decode()
    assert ('http-equiv="refresh" content="10"' in waiting, "waits for its turn" in text_of(waiting)) == (True, True)
    results.claim(task)
    running = results.get(path).data.decode()
    assert ('http-equiv="refresh" content="5"' in running, "It is running now" in text_of(running)) == (True, True)
    assert 'http-equiv="refresh"' not in results.get(f"{path}&still=1").data.decode()
    results.end(task, value=json_value(42))
    done = results.get(path).data.decode()
    assert ('http-equiv="refresh"' in done, "42" in text_of(done)) == (False, True)


def test_a_failed_task_shows_its_error_with_its_trace(results: Results) -> None:
    task = results.submit()[0]
    results.claim(task)
    error = {"name": "DomainError", "message": "sqrt(-1.0)", "stacktrace": "at line 3", "line": 3}
    results.end(task, status="FAILED", error=error)
    said = text_of(results.page(task["number"]))
    assert "DomainError in line 3 sqrt(-1.0) Stack trace at line 3" in said


def test_what_a_task_reports_is_on_its_page_as_curves_and_comes_as_csv(results: Results) -> None:
    series = {
        "loss": {"count": 900, "steps": [1, 450, 900], "values": [0.9, None, 0.1]},
        "<b>heat": {"count": 2, "steps": [1, 2], "values": [300.0, 400.0]},
    }
    path = results.share(results.finish(series=series))
    page = results.get(path).data.decode()
    assert ('aria-label="loss: 900 reports"' in page, "<b>heat" in page) == (True, False)
    assert (page.count('<svg class="picture"'), page.count("<polyline")) == (2, 1)
    assert any("/series.csv?share=" in link for link in links(page))
    answer = results.get(below(path, "series.csv"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.data.decode().splitlines() == [
        "series,step,value", "loss,1,0.9", "loss,450,nan", "loss,900,0.1", "<b>heat,1,300.0", "<b>heat,2,400.0",
    ]
    assert b"loss: 900 reports" in results.get(below(path, "series-1.svg")).data
    assert results.get(below(path, "series-2.png")).data.startswith(b"\x89PNG")
    for place in (0, 3, -1, "x", "1.1", "9" * 5_000):
        assert results.get(below(path, f"series-{place}.png")).status == 404, place
    below_it = [urlsplit(link).path.rpartition("/")[2] for link in links(page)]
    assert {"series-1.png", "series-1.svg", "series-2.png", "series-2.svg"} <= set(below_it)


def test_what_has_reported_nothing_has_neither_curves_nor_a_csv(results: Results) -> None:
    path = results.share(results.finish())
    assert "Series" not in text_of(results.get(path).data.decode())
    assert results.get(below(path, "series.csv")).status == 404


def test_the_public_url_is_what_links_begin_with(tmp_path_factory: pytest.TempPathFactory) -> None:
    with service_process(
        tmp_path_factory.mktemp("public") / "home", public_url="https://lab.example.org/taskq/", auth_failures="3",
        lease="3600",
    ) as service:
        results = Results(service)
        url = results.share(results.finish())[1:]
        assert url.startswith("https://lab.example.org/taskq/r/1?share=tqs_")
        good = f"/r/1?{urlsplit(url).query}"
        assert results.get(good).status == 200
        # Whoever guesses has to wait, with a page that says so; the link that was good goes on being good.
        statuses = [results.get(f"/r/1?share=guess{place}").status for place in range(5)]
        assert statuses == [404, 404, 404, 429, 429]
        refused = results.get("/r/1?share=another")
        assert (1 <= int(refused.headers["retry-after"]) <= 20, "Try again in" in refused.data.decode()) == (True, True)
        assert results.get(good).status == 200


def test_its_owner_runs_a_task_again_from_its_page_and_nobody_does_with_a_link(
    results: Results, service: ServiceProcess
) -> None:
    number = results.finish(given={"name": "once more", "seed": 11})
    page = service.request("GET", f"/r/{number}", "ann").data.decode()
    [proof] = re.findall(r'name="proof" value="([0-9a-f]{64})"', page)

    def press(who: str | None, given: str = proof, **headers: str) -> tuple[int, str | None]:
        answer = service.request(
            "POST", f"/r/{number}/reproduce", who, body=f"proof={given}", headers=headers, redirect=False
        )
        return answer.status, answer.headers.get("location")

    # Not by a form of another site, which knows no proof or is told from ours by the browser; nor by another user.
    refused = [press("ann", "0" * 64), press("ann", ""), press("ann", **{"sec-fetch-site": "cross-site"}), press("bob")]
    assert refused == [(403, None)] * 4
    assert press(None) == (401, None)
    link = results.share(number)
    assert "reproduce" not in results.get(link).data.decode().lower()
    assert results.service.request("POST", below(link, "reproduce"), None, body=f"proof={proof}").status in (403, 404)

    status, location = press("ann")
    assert (status, bool(re.fullmatch(r"\.\./\d+", location or ""))) == (303, True)
    again = service.data("query($id: ID!) { task(id: $id) { name seed repeats owner } }", id=str(location)[3:])["task"]
    assert again == {"name": "once more", "seed": 11, "repeats": number, "owner": "ann"}


def test_one_link_is_good_for_so_many_pages_a_minute(results: Results) -> None:
    path, other = results.share(results.finish()), results.share(results.finish())
    statuses = [200]
    while statuses[-1] == 200 and len(statuses) < 2_000:
        statuses.append(results.get(below(path, "code.jl")).status)
    assert (len(statuses) > 300, statuses[-1]) == (True, 429)
    refused = results.get(path)
    assert (1 <= int(refused.headers["retry-after"]) <= 60, "Try again in" in refused.data.decode()) == (True, True)
    assert results.get(other).status == 200
