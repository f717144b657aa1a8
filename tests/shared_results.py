"""Finished tasks at a service, made by hand as a worker and the sink do, and links to them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import urllib3
from service_process import ServiceProcess

REGISTER = """mutation { registerWorker(input: {name: "w", host: "h", pid: 1, runner: "julia", juliaVersion: "1.10.4",
    queues: ["default"], slots: 64}) { id } }"""
CREATE = "mutation($i: [TaskInput!]!) { createTasks(inputs: $i) { id number } }"
CLAIM = "mutation($w: ID!, $i: [ID!]!) { claimTasks(worker: $w, ids: $i) { id } }"
RECORD = "mutation($o: [OutcomeInput!]!) { recordOutcomes(outcomes: $o) }"
SHARE = """mutation($id: ID!, $expires: Float = 2592000) {
    createShare(id: $id, expiresInSeconds: $expires) { url share { id } } }"""


@dataclass
class Results:
    """What a test has made at a service."""

    service: ServiceProcess
    worker: str = field(init=False)

    def __post_init__(self) -> None:
        self.worker = self.service.data(REGISTER, "worker")["registerWorker"]["id"]

    def submit(self, *inputs: dict[str, Any], who: str = "ann") -> list[dict[str, Any]]:
        """Submit tasks."""
        given = [{"code": "1 + 1", **one} for one in inputs or ({},)]
        return self.service.data(CREATE, who, i=given)["createTasks"]  # type: ignore[no-any-return]  # JSON

    def claim(self, *tasks: dict[str, Any]) -> None:
        """Have them run."""
        self.service.data(CLAIM, "worker", w=self.worker, i=[task["id"] for task in tasks])

    def end(self, *tasks: dict[str, Any], **outcome: Any) -> None:
        """End tasks that run."""
        now = time.time()
        self.service.data(RECORD, "sink", o=[{
            "id": task["id"], "attempt": 1, "worker": self.worker, "status": "FINISHED", "startedAt": now,
            "finishedAt": now, "seconds": 0.5, **outcome,
        } for task in tasks])

    def finish(self, value: dict[str, Any] | None = None, given: dict[str, Any] | None = None, **outcome: Any) -> int:
        """A task that has finished with a value; its number."""
        task = self.submit(given or {})[0]
        self.claim(task)
        self.end(task, value=value or json_value(2, "2"), **outcome)
        return int(task["number"])

    def share(self, shown: int | str, who: str = "ann", expires: float | None = 86400.0) -> str:
        """A link; its path with its token."""
        return "/" + self.service.data(SHARE, who, id=str(shown), expires=expires)["createShare"]["url"]

    def get(self, path: str, **given: Any) -> urllib3.BaseHTTPResponse:
        """What a browser gets that has no token of the service."""
        return self.service.request("GET", path, None, redirect=False, **given)

    def page(self, shown: int | str) -> str:
        """The page of something that has just been shared."""
        answer = self.get(self.share(shown))
        assert answer.status == 200, answer.data
        return answer.data.decode()


def json_value(data: Any, text: str = "", julia_type: str = "Int64", kind: str = "JSON") -> dict[str, Any]:
    """A value as the sink sends it."""
    return {"kind": kind, "type": julia_type, "text": text or str(data), "data": data, "size": 100}


def below(path: str, name: str) -> str:
    """The address of something below a shared page."""
    parts = urlsplit(path)
    return f"{parts.path}/{name}?{parts.query}"


def links(page: str) -> list[str]:
    """Where the links, images and frames of a page lead, as a browser reads them."""
    return [unescape(found) for found in re.findall(r'(?:href|src|action)="([^"]*)"', page)]


def text_of(page: str) -> str:
    """What a reader sees of a page."""
    body = re.sub(r"(?s)<(style|title)>.*?</\1>", "", page)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", body)))
