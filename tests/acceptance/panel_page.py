"""A panel on a page of its own: its script and style in a real browser, its traits given by the test."""

from __future__ import annotations

import json
from typing import Any

from browser import Pages
from playwright.sync_api import Page
from taskq_widgets.assets import bundle
from taskq_widgets.detail import TaskDetail

#: What a panel asks of its model: `window.traits`, and `window.sent` for what it says.
_PAGE = """<!doctype html><html lang="en"><title>Panel</title>
<style>{css} body {{ margin: 0; background: {ground} }}</style><main></main>
<script>window.script = {script};</script>"""
_START = """async traits => {
  window.traits = traits;
  window.sent = [];
  const calls = {};
  window.model = {
    get: name => window.traits[name], set: (name, value) => { window.traits[name] = value; }, save_changes() {},
    send: content => window.sent.push(content),
    on: (event, call) => (calls[event] ??= []).push(call), off() {},
  };
  window.change = changed => {
    Object.assign(window.traits, changed);
    for (const name of Object.keys(changed)) (calls[`change:${name}`] ?? []).forEach(call => call());
  };
  window.deliver = (message, ...buffers) => (calls["msg:custom"] ?? []).forEach(
    call => call(message, buffers.map(bytes => new DataView(new Uint8Array(bytes).buffer))));
  const url = URL.createObjectURL(new Blob([window.script], {type: "text/javascript"}));
  (await import(url)).default.render({model: window.model, el: document.querySelector("main")});
}"""

HEAD = {
    "id": "id-1", "number": 1, "name": "a task", "status": "FINISHED", "progress": 1, "note": "", "seconds": 0.5,
    "started": None, "attempt": 1, "attempts": 1, "worker": "w1",
}  # fmt: skip


def show_result(pages: Pages, result: dict[str, Any], **options: Any) -> Page:
    """Open a page with the result of a finished task."""
    return show_detail(pages, {"result": json.loads(json.dumps(result, allow_nan=False))}, **options)


def show_detail(pages: Pages, traits: dict[str, Any], **options: Any) -> Page:
    """Open a page with a finished task; ``window.deliver`` gives it a message and its buffers."""
    page = pages("about:blank", **options)
    ground = "#17191c" if options.get("dark") else "#fff"
    script = json.dumps(bundle("detail")).replace("</", "<\\/")
    page.set_content(_PAGE.format(css=TaskDetail._css, ground=ground, script=script))
    usual = {
        "theme": "auto", "state": "ready", "tab": "result", "height": "", "editable": False, "may_change": True,
        "head": HEAD, "facts": [],
        "code": [], "result": {"form": "none"}, "problem": {}, "history": [], "message": "",
    }  # fmt: skip
    page.evaluate(_START, usual | traits)
    return page
