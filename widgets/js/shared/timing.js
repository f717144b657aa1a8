// @ts-check
/** When things are done. */

/** Return what calls once a burst of calls is over, with `stop` to forget the last. @param {() => void} call @param {number} wait_ms */
export function debounce(call, wait_ms) {
  /** @type {number | undefined} */
  let timer;
  const later = () => {
    clearTimeout(timer);
    timer = window.setTimeout(call, wait_ms);
  };
  later.stop = () => clearTimeout(timer);
  return later;
}
