// A form in a dialog: it takes the focus, gives it back, and says what Central refused.
// @ts-check
import { t } from './words.js';
import { esc, pad } from './format.js';
import { el, $ } from './dom.js';
import { Problem } from './api.js';
import { inWords } from './problem.js';

/** Whether somebody may change things. @param {import('./router.js').Context['me']} me */
export const mayWrite = (me) => !!me && me.role === 'operator';

/** The way to sign in and back, as HTML. @param {import('./router.js').Context} context */
export const signInLink = (context) => `<a href="${esc(context.href('/signin?to=' + encodeURIComponent(location.pathname + location.search)))}">${t('nav_signin')}</a>`;

/** Why nothing can be changed, as HTML, with the way to it; "" if it can. @param {import('./router.js').Context} context */
export function whyNot(context) {
  if (mayWrite(context.me)) return '';
  if (context.store.lost) return `<small>${t('lost')}</small>`;
  return `<small class="whynot">${context.me ? t('needs_operator') : t('needs_signin', { a: signInLink(context) })}</small>`;
}

/** A time for a field of a form, in the zone of the browser. @param {number} at */
export function localTime(at) {
  const d = new Date(at * 1000);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}`;
}
/** The time of a field, for the API; undefined for an empty one. @param {string} text */
export const fromLocal = (text) => (text ? new Date(text).toISOString() : undefined);

/**
 * @typedef {{name: string, label: string, type?: string, value?: string, required?: boolean, options?: [string, string][], autocomplete?: string, placeholder?: string, folded?: boolean}} Field
 * @typedef {Object} Form
 * @property {string} title @property {string} [text] @property {string} submit @property {Field[]} fields
 * @property {{title: string, text: string}} [folded] over the fields that are folded away
 * @property {HTMLElement | null} opener which gets the focus back
 * @property {(values: Record<string, string>) => Promise<any>} send @property {(answer: any) => void} done
 */

/** @param {Field} f */
export function field(f) {
  const attributes = `name="${f.name}"${f.required ? ' required' : ''}${f.autocomplete ? ` autocomplete="${f.autocomplete}"` : ' autocomplete="off"'}`;
  const control = f.options ? `<select ${attributes}>${f.options.map(([v, text]) => `<option value="${esc(v)}"${v === f.value ? ' selected' : ''}>${esc(text)}</option>`).join('')}</select>`
    : f.type === 'textarea' ? `<textarea ${attributes} maxlength="500">${esc(f.value || '')}</textarea>` : `<input ${attributes} type="${f.type || 'text'}" value="${esc(f.value || '')}"${f.placeholder ? ` placeholder="${esc(f.placeholder)}"` : ''}>`;
  return `<label class="field"><span>${f.label}</span>${control}</label>`;
}

/** What Central refused, in words. @param {unknown} e */
export function refusal(e) {
  if (!(e instanceof Problem)) throw e;
  return e.status === 0 ? t('away') : e.status === 401 ? t('signed_out') : inWords(e);
}

/** @param {Form} f */
export function openForm(f) {
  const folded = f.folded ? `<details class="folded"><summary>${esc(f.folded.title)}</summary><p class="note">${f.folded.text}</p><div class="fields">${f.fields.filter((x) => x.folded).map(field).join('')}</div></details>` : '';
  const dialog = /** @type {HTMLDialogElement} */ (el(`<dialog class="dialog" aria-label="${esc(f.title)}"><form><h2>${esc(f.title)}</h2>${f.text ? `<p class="note">${f.text}</p>` : ''}<div class="fields">${f.fields.filter((x) => !x.folded).map(field).join('')}${folded}</div>
    <p class="refusal" role="alert"></p><p class="buttons"><button type="button" class="button" data-do="cancel">${t('cancel')}</button><button type="submit" class="button main">${esc(f.submit)}</button></p></form></dialog>`));
  const form = /** @type {HTMLFormElement} */ ($('form', dialog)), says = $('.refusal', dialog), submit = /** @type {HTMLButtonElement} */ ($('.main', dialog));
  const close = () => dialog.close();
  dialog.onclose = () => { dialog.remove(); if (f.opener && f.opener.isConnected) f.opener.focus(); };
  dialog.onclick = (e) => { if (e.target instanceof HTMLElement && e.target.dataset.do === 'cancel') close(); };
  form.onsubmit = async (e) => {
    e.preventDefault();
    /** @type {Record<string, string>} */
    const values = {};
    for (const [k, v] of new FormData(form)) values[k] = String(v);
    submit.disabled = true;
    try {
      const answer = await f.send(values);
      close();
      f.done(answer);
    } catch (problem) {
      submit.disabled = false;
      if (says) says.textContent = refusal(problem);
    }
  };
  document.body.append(dialog);
  dialog.showModal();
}
