/**
 * Hold a service to GraphQL over HTTP: every audit of graphql-http, the reference implementation.
 * `node graphql_over_http.mjs URL TOKEN` fails where a MUST or a SHOULD does not hold.
 */

import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);

/** @param {string} input @param {RequestInit} [init] */
const authorized = (input, init = {}) =>
  fetch(input, { ...init, headers: { .../** @type {Record<string, string>} */ (init.headers), authorization: `Bearer ${token}` } });

const results = [];
for (const audit of serverAudits({ url, fetchFn: authorized })) results.push(await audit.fn());
// What is not "ok" is an "error" (a MUST), a "warn" (a SHOULD) or a "notice" (a MAY).
const failed = results.filter((result) => result.status === "error" || result.status === "warn");
for (const result of failed) console.error(`${result.status}: ${result.name}: ${/** @type {any} */ (result).reason}`);
console.log(`${results.length} audits, ${failed.length} failed`);
process.exitCode = failed.length > 0 || results.length < 61 ? 1 : 0;
