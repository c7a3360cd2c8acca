// Signing in and out. Whoever has the first token makes the first operator with it.
// @ts-check
import { t } from './words.js';
import { esc } from './format.js';
import { $ } from './dom.js';
import { patch } from './patch.js';
import { ask, address, change } from './api.js';
import { base } from './router.js';
import { readSession } from './session.js';
import { field, refusal } from './forms.js';
import { newPassword, sendPassword } from './users.js';
import { problemText } from './place.js';

/** @type {import('./router.js').Context} */
let context;
/** @type {HTMLElement} */
let root;
/** @type {any} */
let session = null;

export const title = () => t('nav_signin');

/** @param {HTMLElement} r @param {import('./router.js').Context} c */
export function mount(r, c) {
  root = r;
  context = c;
  session = null;
  root.onsubmit = submit;
  root.onclick = (e) => { if (e.target instanceof HTMLElement && e.target.dataset.do === 'again') read(); };
  read();
}

export function unmount() { root.onsubmit = root.onclick = null; }

async function read() {
  try {
    session = await ask('session');
    draw();
  } catch (e) {
    patch(root, `<main class="place signin" id="board"><h1>${t('nav_signin')}</h1>${problemText(e)}</main>`);
  }
}

function draw() {
  const make = session.role === 'setup';
  let body;
  if (session.name && !make) {
    body = `<p>${t('si_is', { who: `<b>${esc(session.name)}</b>`, role: t('role_' + session.role) })}</p><form data-form="out"><p class="refusal" role="alert"></p><p class="buttons"><button type="submit" class="button main">${t('si_out')}</button></p></form>${session.password ? passwordForm() : ''}`;
  } else if (make) {
    body = `<p class="note">${t('si_first2')}</p><form data-form="make"><div class="fields">${field({ name: 'name', label: t('si_name'), required: true, autocomplete: 'username' })}${field({ name: 'password', label: t('si_password'), type: 'password', required: true, autocomplete: 'new-password' })}</div>
      <p class="refusal" role="alert"></p><p class="buttons"><button type="submit" class="button main">${t('si_make')}</button></p></form>`;
  } else {
    const token = session.first_user ? `<h2>${t('si_first')}</h2><p class="note">${t('si_first1')}</p><form data-form="token"><div class="fields">${field({ name: 'token', label: t('si_token'), type: 'password', required: true })}</div><p class="refusal" role="alert"></p><p class="buttons"><button type="submit" class="button main">${t('si_use')}</button></p></form>` : '';
    body = token || `<p class="note">${session.public ? t('si_why') : t('si_needed')}</p><form data-form="in"><div class="fields">${field({ name: 'name', label: t('si_name'), required: true, autocomplete: 'username' })}${field({ name: 'password', label: t('si_password'), type: 'password', required: true, autocomplete: 'current-password' })}</div>
      <p class="refusal" role="alert"></p><p class="buttons"><button type="submit" class="button main">${t('nav_signin')}</button></p></form>`;
  }
  if (session.provider && !session.name && !make) {
    const host = esc(new URL(session.provider).hostname), failed = context.query.has('failed') ? `<p class="refusal" role="alert">${t('si_failed', { a: host })}</p>` : '';
    body = `<p class="buttons left"><a class="button main" href="${esc(address('session/provider', { to: destination() }))}">${t('si_provider', { a: host })}</a></p>${failed}` + body;
  }
  patch(root, `<main class="place signin" id="board"><div class="sheet"><h1>${make || session.first_user ? t('si_first') : t('nav_signin')}</h1>${body.replace(`<h2>${t('si_first')}</h2>`, '')}</div></main>`);
}

function passwordForm() {
  return `<form data-form="password"><h2>${t('pw_own')}</h2><p class="note">${t('pw_own_x')}</p><div class="fields">${field({ name: 'current', label: t('pw_current'), type: 'password', required: true, autocomplete: 'current-password' })}${newPassword().map(field).join('')}</div>
    <p class="refusal" role="alert"></p><p class="done" role="status"></p><p class="buttons"><button type="submit" class="button main">${t('pw_set')}</button></p></form>`;
}

/** @param {SubmitEvent} e */
async function submit(e) {
  e.preventDefault();
  const form = /** @type {HTMLFormElement} */ (e.target), values = Object.fromEntries(new FormData(form)), button = /** @type {HTMLButtonElement | null} */ ($('button', form));
  const says = (/** @type {string} */ where, /** @type {string} */ text) => { const e = $(where, form); if (e) e.textContent = text; };
  if (button) button.disabled = true;
  try {
    switch (form.dataset.form) {
      case 'in':
        await change('POST', 'session', values);
        goOn(destination());
        return;
      case 'token':
        await change('POST', 'session', values);
        await readSession(); // for its CSRF value
        await read();
        return;
      case 'make':
        await change('POST', 'users', { ...values, role: 'operator' });
        goOn(destination());
        return;
      case 'password':
        await sendPassword(session.name, values);
        form.reset();
        says('.refusal', '');
        says('.done', t('pw_done'));
        if (button) button.disabled = false;
        return;
      default:
        await change('DELETE', 'session');
        goOn('/');
        return;
    }
  } catch (problem) {
    if (button) button.disabled = false;
    says('.done', '');
    says('.refusal', problem instanceof Error && 'status' in problem && problem.status === 401 && form.dataset.form !== 'out' ? t('si_wrong') : refusal(problem));
  }
}

// goOn asks for the stream anew, as who is signed in now; with its snapshot comes who that is.
/** @param {string} place */
function goOn(place) {
  context.store.stream.renew();
  context.navigate(place);
}

/** Where to go on: a place of this page, and nowhere else. */
function destination() {
  const to = context.query.get('to') || '';
  try {
    const url = new URL(to, location.href);
    if (to.startsWith('/') && url.origin === location.origin && url.pathname.startsWith(base)) return '/' + url.pathname.slice(base.length) + url.search;
  } catch (_) { /* no address */ }
  return '/';
}
