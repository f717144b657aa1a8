/** When a display takes its kernel for lost. Run with `npm test`. */

import assert from "node:assert/strict";
import test from "node:test";
import { KernelLink } from "../shared/link.js";

const SECOND = 1000;

/** What a front end has of a kernel, as far as a link looks at it. */
class Kernel {
  constructor() {
    this.status = "idle";
    this.connectionStatus = "connected";
    this.calls = { message: [], status: [] };
    this.iopubMessage = { connect: (call) => this.calls.message.push(call) };
    this.statusChanged = { connect: (call) => this.calls.status.push(call) };
  }

  /** It tells its status, for a cell or for a widget's message. */
  tell(msg_type, execution_state) {
    for (const call of this.calls.message) {
      call(this, { header: { msg_type: "status" }, parent_header: { msg_type }, content: { execution_state } });
    }
    this.become(execution_state);
  }

  become(status) {
    this.status = status;
    for (const call of this.calls.status) call(this, status);
  }
}

/** A link whose cover cannot be drawn here: `lost` says what it would show. `hear` is what its model is told. */
function linked(kernel, Link = KernelLink) {
  const calls = {};
  const model = { on: (event, call) => { calls[event] = call; }, off() {}, send() {}, get() {}, widget_manager: { kernel } };
  const link = new Link(model, {}, () => {});
  link.lose = () => { link.lost = true; };
  link.hear = calls["msg:custom"];
  return link;
}

/** The answer to a question, from beside a cell or not. */
const here = (in_cell) => ({ type: "here", view: "1", in_cell });

/** Let time pass after a question that nothing answers. */
function wait(timers, link, seconds) {
  link.beat({ type: "alive" });
  for (let second = 0; second < seconds; second += 1) timers.tick(SECOND);
}

test("a kernel that answers nothing for six seconds is lost", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const link = linked(new Kernel());
  link.hear(here(false));
  wait(t.mock.timers, link, 5);
  assert.equal(link.lost, false);
  t.mock.timers.tick(SECOND);
  assert.equal(link.lost, true);
});

test("a kernel that runs a cell is not lost, also where it answers others beside the cell and is idle after each", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const kernel = new Kernel();
  const link = linked(kernel);
  kernel.tell("execute_request", "busy");
  kernel.tell("comm_msg", "busy");
  kernel.tell("comm_msg", "idle");
  wait(t.mock.timers, link, 60);
  assert.equal(link.lost, false);
  kernel.tell("execute_request", "idle");
  t.mock.timers.tick(6 * SECOND);
  assert.equal(link.lost, true);
});

test("a kernel that runs the cell that shows the first display is not lost until that is done", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  for (const answers of [[], [here(true)]]) {
    const kernel = new Kernel(); // that it is idle tells nothing: it was, after a question
    const link = linked(kernel);
    kernel.tell("comm_msg", "busy");
    for (const answer of answers) link.hear(answer);
    kernel.tell("comm_msg", "idle");
    wait(t.mock.timers, link, 60);
    assert.equal(link.lost, false);
    kernel.tell("execute_request", "idle");
    t.mock.timers.tick(6 * SECOND);
    assert.equal(link.lost, true);
  }
});

test("an answer that was made before a cell began tells nothing of that", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const kernel = new Kernel();
  const link = linked(kernel);
  kernel.tell("execute_request", "busy");
  link.hear(here(false));
  kernel.become("idle");
  wait(t.mock.timers, link, 60);
  assert.equal(link.lost, false);
});

test("what one widget's script has heard of a kernel, another's that is loaded in the middle of a cell knows", async (t) => {
  const other = await import("../shared/link.js?of=another");
  t.mock.timers.enable({ apis: ["setInterval"] });
  const kernel = new Kernel();
  linked(kernel);
  kernel.tell("execute_request", "busy");
  kernel.tell("comm_msg", "busy");
  kernel.tell("comm_msg", "idle");
  const link = linked(kernel, other.KernelLink);
  wait(t.mock.timers, link, 60);
  assert.equal(link.lost, false);
});

test("a kernel that ended in the middle of a cell is lost, whatever it becomes after that", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const kernel = new Kernel();
  const link = linked(kernel);
  kernel.tell("execute_request", "busy");
  kernel.become("autorestarting");
  kernel.become("idle");
  wait(t.mock.timers, link, 6);
  assert.equal(link.lost, true);
});

test("a kernel whose connection is broken is lost, whatever it did last", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const kernel = new Kernel();
  const link = linked(kernel);
  kernel.tell("execute_request", "busy");
  kernel.connectionStatus = "connecting";
  wait(t.mock.timers, link, 6);
  assert.equal(link.lost, true);
});
