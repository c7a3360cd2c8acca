// Brings elements to what an HTML text says, and leaves alone what is the same: what holds the
// focus, a selection or a scroll position keeps it. Rows that move carry data-key.
// @ts-check
import { esc } from './format.js';

/** Makes the children of an element those of an HTML text. What came from the network must be escaped in it. @param {Element} parent @param {string} html */
export function patch(parent, html) {
  const box = document.createElement('template');
  box.innerHTML = html;
  const held = document.activeElement;
  children(parent, box.content);
  if (held instanceof HTMLElement && held !== document.activeElement && parent.contains(held)) held.focus(); // it was moved
}

/** @type {WeakMap<Element, string>} */
const written = new WeakMap();

/**
 * Makes the children of a list those rows. A row whose text is the same as before is not even
 * parsed: what is thrown away each second is memory until the browser collects it.
 * @param {Element} list @param {string[]} rows an HTML text of one li with a data-key each
 */
export function patchRows(list, rows) {
  const texts = new Map(rows.map((html) => [(/data-key="([^"]*)"/.exec(html) || [])[1], html]));
  const same = new Set();
  for (const c of list.children) { const k = esc(keyOf(c)); if (written.get(c) === texts.get(k)) same.add(k); }
  patch(list, [...texts].map(([k, html]) => (same.has(k) ? `<li data-key="${k}" data-same></li>` : html)).join(''));
  for (const c of list.children) written.set(c, texts.get(esc(keyOf(c))) || '');
}

/** @param {Node} n */
const keyOf = (n) => (n instanceof Element ? n.getAttribute('data-key') : null);

/** @param {Element | DocumentFragment} old @param {Element | DocumentFragment} want */
function children(old, want) {
  /** @type {Map<string, Element>} */
  const keyed = new Map();
  for (const c of old.children) { const k = keyOf(c); if (k !== null) keyed.set(k, c); }
  /** @type {ChildNode | null} */
  let at = old.firstChild;
  for (const next of [...want.childNodes]) {
    const key = keyOf(next), found = key === null ? at : keyed.get(key) || null;
    if (!found || found.nodeName !== next.nodeName || keyOf(found) !== key) { old.insertBefore(next, at); continue; }
    if (found === at) at = at.nextSibling; else old.insertBefore(found, at);
    become(found, next);
  }
  while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
}

/** @param {Node} old @param {Node} want */
function become(old, want) {
  if (!(old instanceof Element && want instanceof Element)) {
    if (old.nodeValue !== want.nodeValue) old.nodeValue = want.nodeValue;
    return;
  }
  if (want.hasAttribute('data-same')) return;
  for (const a of want.attributes) if (old.getAttribute(a.name) !== a.value) old.setAttribute(a.name, a.value);
  for (const a of [...old.attributes]) if (!want.hasAttribute(a.name) && !(a.name === 'open' && old.matches('details, dialog'))) old.removeAttribute(a.name);
  if (old.hasAttribute('data-own')) return; // its content is somebody else's
  children(old, want);
}
