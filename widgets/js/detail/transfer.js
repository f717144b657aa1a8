// @ts-check
/** Files that the kernel makes, taken piece by piece: however large one is, the page and the kernel go on. */

import { newId } from "../shared/dom.js";

/** @typedef {{ request: string, error?: string, offset: number, size: number }} FileMessage */

export class Transfer {
  /** @param {(content: Record<string, any>) => void} send to Python */
  constructor(send) {
    this.send = send;
    /** @type {{ request: string, parts: Uint8Array<ArrayBuffer>[], got: number, on: (share: number) => void, done: (bytes: Uint8Array<ArrayBuffer>[]) => void, fail: (error: Error) => void } | null} */
    this.now = null;
  }

  /**
   * Take the value as a file; a file that was being taken is given up.
   * @param {string} form @param {(share: number) => void} on told how much of it is there, from 0 to 1
   * @param {Record<string, string>} which says which one of that form, where there are several
   * @returns {Promise<Uint8Array<ArrayBuffer>[]>} its pieces
   */
  take(form, on = () => {}, which = {}) {
    this.giveUp();
    return new Promise((done, fail) => {
      this.now = { request: newId(), parts: [], got: 0, on, done, fail };
      this.send({ type: "file", form, ...which, request: this.now.request });
    });
  }

  /** @param {FileMessage} message @param {DataView[]} buffers */
  receive({ request, error, offset, size }, [piece]) {
    const { now } = this;
    if (!now || now.request !== request) return;
    if (error !== undefined) {
      this.now = null;
      now.fail(new Error(error));
      return;
    }
    if (offset !== now.got) return; // said twice
    const bytes = new Uint8Array(/** @type {ArrayBuffer} */ (piece.buffer), piece.byteOffset, piece.byteLength);
    now.parts.push(bytes);
    now.got += bytes.length;
    now.on(size ? now.got / size : 1);
    if (now.got < size) {
      this.send({ type: "file-next", request, offset: now.got });
      return;
    }
    this.now = null;
    now.done(now.parts);
  }

  /** Take no more of a file. */
  giveUp() {
    if (!this.now) return;
    const { fail } = this.now;
    this.now = null;
    this.send({ type: "file-end" });
    fail(new GivenUp("given up"));
  }
}

/** Nobody wants the file any more. */
export class GivenUp extends Error {}
