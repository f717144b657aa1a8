// @ts-check
/** How long a running task may still take, from how far it has come and how long that took. */

/** Before then, in seconds, a task has told too little. */
const LEAST_S = 1;

/**
 * Seconds that are left, null where nobody can tell.
 *
 * The whole is estimated when the progress was told, and what has passed since goes off it: so the time
 * left runs down between two reports of progress, and does not grow.
 * @param {{ started: number | null, progress: number | null, told: number }} task when it began and when the progress was
 *   told, in seconds since 1970; the progress from 0 to 1
 * @param {number} now in seconds since 1970
 */
export function secondsLeft({ started, progress, told }, now) {
  if (started === null || progress === null || progress <= 0 || progress >= 1 || told - started < LEAST_S) return null;
  const whole = (told - started) / progress;
  return Math.max(0, whole - (now - started));
}

/** An estimate as people say it, in one unit; empty for none. @param {number | null} s */
export function roughly(s) {
  if (s === null || s < 1) return "";
  if (s < 55) return `${s < 10 ? Math.ceil(s) : 5 * Math.ceil(s / 5)} s`;
  if (s < 55 * 60) return `${Math.ceil(s / 60)} min`;
  if (s < 36 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}
