// @ts-check
/** Numbers and times as people read them. */

/** @param {number} count */
export const amount = (count) => count.toLocaleString("en");

/** @param {number} count @param {string} noun */
export const counted = (count, noun) => `${amount(count)} ${noun}${count === 1 ? "" : "s"}`;

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** Seconds as people say them: 0.42 s, 12.3 s, 4 min 5 s, 3 h 20 min. @param {number} s */
export function duration(s) {
  if (s < 0.0995) return `${Math.max(0, Math.round(s * 1000))} ms`;
  if (s < 9.95) return `${s.toFixed(2).replace(/0$/, "")} s`;
  if (s < 59.95) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** How long ago, in one unit. @param {number} s seconds */
export function ago(s) {
  if (s < 10) return "just now";
  if (s < 60) return `${Math.floor(s / 10) * 10} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

/** @param {number} instant seconds since 1970 */
export function localTime(instant) {
  return new Date(instant * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** The time of day, with the day where that is not today. @param {number} instant seconds since 1970 */
export function momentText(instant) {
  const today = new Date(instant * 1000).toDateString() === new Date().toDateString();
  return today ? clockTime(instant) : localTime(instant);
}

/** hh:mm:ss. @param {number} instant seconds since 1970 */
export function clockTime(instant) {
  return new Date(instant * 1000).toLocaleTimeString("en-GB");
}
