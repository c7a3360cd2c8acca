// What Central refused, in the language of the page: by the code of the problem, never by its text.
// @ts-check
import { t } from './words.js';
import { codeOf } from './api.js';

/** @param {string} code @param {any[]} args a value may be a problem itself */
function say(code, args) {
  const said = args.map((a) => (a && typeof a === 'object' ? say(codeOf(String(a.type)), a.args || []) : String(a)));
  return code === 'list' ? said.join('; ') : t('e_' + code, { ...said });
}

/** @param {import('./api.js').Problem} p */
export function inWords(p) {
  const known = p.code === 'list' || p.code && t('e_' + p.code) !== 'e_' + p.code;
  const text = known ? say(p.code, p.args) : t('unworded', { n: p.status, a: p.message });
  return p.allowed.length ? `${text} (${p.allowed.join(', ')})` : text;
}
