// Requests to Central's API. An error of it says what it is, in its own words.
// @ts-check
import { base } from './router.js';
import { csrf } from './session.js';

/**
 * What Central refused, and why; status 0: it can't be reached. Its message is English: problem.js says
 * it in the language of the page.
 */
export class Problem extends Error {
  /** @param {number} status @param {string} detail @param {{type?: string, args?: any[], allowed?: string[]}} [body] */
  constructor(status, detail, { type = '', args = [], allowed = [] } = {}) {
    super(detail);
    this.status = status;
    this.code = codeOf(type);
    this.args = args;
    this.allowed = allowed;
  }
}

/** The code of a type of a problem; "" without one. @param {string} type */
export const codeOf = (type) => (/^urn:evcp:problem:(\w+)$/.exec(type) || ['', ''])[1];

/** The address of a path of the API. @param {string} path @param {Record<string, string | undefined>} [query] empty values are left out */
export function address(path, query = {}) {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) if (v) q.set(k, v);
  const text = q.toString();
  return base + 'api/v1/' + path + (text ? '?' + text : '');
}

/**
 * Asks Central. @param {string} path @param {Record<string, string | undefined>} [query] @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export const ask = (path, query, signal) => request(address(path, query), { signal });

/**
 * Changes something at Central; without a body nothing is sent with it. A text is sent as CSV.
 * @param {'POST' | 'PUT' | 'DELETE'} method @param {string} path @param {any} [body]
 * @returns {Promise<any>}
 */
export function change(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = { 'X-CSRF-Token': csrf, 'Idempotency-Key': crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2) };
  if (body !== undefined) headers['Content-Type'] = typeof body === 'string' ? 'text/csv; charset=utf-8' : 'application/json';
  return request(address(path), { method, headers, body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body) });
}

/** @param {string} url @param {RequestInit} init */
async function request(url, init) {
  let r;
  try { r = await fetch(url, init); } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e;
    throw new Problem(0, '');
  }
  const text = await r.text();
  let body = null;
  try { body = text ? JSON.parse(text) : null; } catch (_) { /* a proxy's own page */ }
  if (!r.ok) throw new Problem(r.status, body && body.detail ? String(body.detail) : r.status + ' ' + r.statusText, body || {});
  return body;
}

/** All of a list that comes in pages, at most so many. @param {string} path @param {string} list the field @param {Record<string, string | undefined>} query @param {number} most @param {AbortSignal} [signal] */
export async function askAll(path, list, query, most, signal) {
  const first = await ask(path, { limit: '1000', ...query }, signal);
  let next = first.next;
  while (next && first[list].length < most) {
    const page = await ask(path, { limit: '1000', ...query, cursor: next }, signal);
    first[list].push(...page[list]);
    next = page.next;
  }
  first.next = next;
  return first;
}
