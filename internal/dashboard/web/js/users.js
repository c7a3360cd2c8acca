// Who can sign in: operators see them, add them, remove them, and give them other passwords.
// @ts-check
import { t } from './words.js';
import { esc, when } from './format.js';
import { change, Problem } from './api.js';
import { seconds } from './incident.js';
import { openForm } from './forms.js';

/** The fields of a new password, which is typed twice. */
export const newPassword = () => ['password', 'again'].map((name) => ({ name, label: t(name === 'again' ? 'pw_again' : 'pw_new'), type: 'password', required: true, autocomplete: 'new-password' }));

/** Gives a user the password that was typed twice. @param {string} name @param {Record<string, any>} v */
export async function sendPassword(name, v) {
  if (v.password !== v.again) throw new Problem(400, '', { type: 'urn:evcp:problem:passwords_differ' });
  return change('PUT', `users/${encodeURIComponent(name)}/password`, { password: v.password, ...(v.current ? { current: v.current } : {}) });
}

const ROLES = ['viewer', 'operator'];

/** @param {any[]} list @param {import('./router.js').Context} context */
export function usersSection(list, context) {
  const now = context.store.now(), off = context.store.lost ? ' disabled' : '';
  const rows = list.map((u) => `<tr data-key="u ${esc(u.name)}"><th scope="row">${esc(u.name)}</th><td data-l="${t('us_role')}">${t('role_' + u.role)}</td><td data-l="${t('us_made')}">${when(seconds(u.made), now)}</td>
    <td><button type="button" class="button" data-do="setpassword" data-of="${esc(u.name)}"${off}>${t('pw_title')}</button> <button type="button" class="button" data-do="removeuser" data-of="${esc(u.name)}"${off}>${t('us_remove')}</button></td></tr>`).join('');
  const head = ['si_name', 'us_role', 'us_made', 'ex_do'].map((k) => `<th scope="col">${t(k)}</th>`).join('');
  return `<section class="users" id="users"><h2>${t('us_title')}</h2><p class="note">${t('us_what')}</p><table class="rows"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table>
    <p class="more"><button type="button" class="button" data-do="adduser"${off}>${t('us_add')}</button></p></section>`;
}

/** @param {HTMLElement} b @param {import('./router.js').Context} context @param {() => void} done */
export function userClick(b, context, done) {
  const name = b.dataset.of || '';
  if (b.dataset.do === 'adduser') {
    openForm({
      title: t('us_add'), submit: t('us_add'), opener: b, done,
      fields: [
        { name: 'name', label: t('si_name'), required: true }, { name: 'password', label: t('si_password'), type: 'password', required: true, autocomplete: 'new-password' },
        { name: 'role', label: t('us_role'), value: 'viewer', options: ROLES.map((r) => [r, t('role_' + r)]) },
      ],
      send: (v) => change('POST', 'users', { name: v.name, password: v.password, role: v.role }),
    });
  } else if (b.dataset.do === 'setpassword') {
    const own = !!context.me && context.me.name === name;
    openForm({
      title: t('pw_title_of', { a: name }), text: t(own ? 'pw_own_x' : 'pw_other_x'), submit: t('pw_set'), opener: b, done,
      fields: [...(own ? [{ name: 'current', label: t('pw_current'), type: 'password', required: true, autocomplete: 'current-password' }] : []), ...newPassword()],
      send: (v) => sendPassword(name, v),
    });
  } else if (b.dataset.do === 'removeuser') {
    openForm({ title: t('us_remove_t', { a: name }), text: t('us_remove_x'), submit: t('us_remove'), opener: b, done, fields: [], send: () => change('DELETE', `users/${encodeURIComponent(name)}`) });
  }
}
