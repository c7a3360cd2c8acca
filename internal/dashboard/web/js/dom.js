// Short names for what all pages do with elements.
// @ts-check

/** The first element of a selector. @param {string} s @param {ParentNode} [e] @returns {HTMLElement | null} */
export const $ = (s, e = document) => e.querySelector(s);

/** All elements of a selector. @param {string} s @param {ParentNode} [e] @returns {HTMLElement[]} */
export const $$ = (s, e = document) => [...e.querySelectorAll(/** @type {'div'} */ (s))];

/** The element of an HTML text; what came from the network must be escaped in it. @param {string} html @returns {HTMLElement} */
export function el(html) {
  const box = document.createElement('template');
  box.innerHTML = html.trim();
  return /** @type {HTMLElement} */ (box.content.firstElementChild);
}

/** Writes a text if it is another. @param {Element | null} e @param {string} text */
export function set(e, text) { if (e && e.textContent !== text) e.textContent = text; }

/** @type {WeakMap<Element, string>} */
const written = new WeakMap();

/** Writes HTML if it is another than the last that was written. @param {Element | null} e @param {string} html */
export function setHTML(e, html) {
  if (!e || written.get(e) === html) return;
  written.set(e, html);
  e.innerHTML = html;
}
