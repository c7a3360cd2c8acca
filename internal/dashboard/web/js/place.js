// What the pages beside the overview have in common: filters in the address, requests that end
// with the page, and what to say when Central does not answer.
// @ts-check
import { t } from './words.js';
import { esc, num } from './format.js';
import { Problem } from './api.js';
import { inWords } from './problem.js';

/** What went wrong with a request, as HTML: what it is, and what goes on or to do. @param {unknown} e */
export function problemText(e) {
  if (!(e instanceof Problem)) throw e;
  const again = `<button type="button" class="button" data-do="again">${t('again')}</button>`;
  if (e.status === 404 && e.code === 'no_history') return `<div class="notice"><p><b>${t('no_history')}</b></p><p>${t('no_history2')}</p></div>`;
  return `<div class="notice" role="status"><p><b>${e.status === 0 ? t('away') : t('refused', { a: esc(inWords(e)) })}</b></p>${again}</div>`;
}

/** Whether a request was given up because its page is gone. @param {unknown} e */
export const isGone = (e) => e instanceof DOMException && e.name === 'AbortError';

/**
 * A choice of a filter; its name is that of the parameter in the address.
 * @param {string} name @param {string} label @param {[string, string][]} options [value, text] @param {string} value
 */
export function choice(name, label, options, value) {
  if (!options.some(([v]) => v === value)) options = [...options, [value, value]];
  return `<label class="field"><span>${label}</span><select name="${name}">${options.map(([v, text]) => `<option value="${esc(v)}"${v === value ? ' selected' : ''}>${esc(text)}</option>`).join('')}</select></label>`;
}

/** Puts a changed filter into the address. @param {Event} e @param {import('./router.js').Context} context */
export function filtered(e, context) {
  const field = e.target;
  if (field instanceof HTMLSelectElement || field instanceof HTMLInputElement) context.setQuery({ [field.name]: field.value, page: '' });
}

/** Sites that are known now, by name. @param {import('./store.js').Store} store */
export function sitesOf(store) {
  const all = new Set();
  for (const cp of store.cps.values()) if (cp.site) all.add(cp.site);
  return [...all].sort();
}

/** What a reader of the past must know of the log. @param {{lost?: number}} answer */
export const lostNote = (answer) => (answer.lost ? `<p class="note">${t('lost_rows', { n: num(answer.lost) })}</p>` : '');

/** Calls fn once, some time after the first of many calls. @param {() => void} fn @param {number} ms */
export function later(fn, ms) {
  let timer = 0;
  const call = () => { timer ||= setTimeout(() => { timer = 0; fn(); }, ms); };
  call.cancel = () => { clearTimeout(timer); timer = 0; };
  return call;
}
