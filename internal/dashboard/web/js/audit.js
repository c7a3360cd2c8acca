// Who changed what, when: the log that nobody can change. Operators also see who can sign in.
// @ts-check
import { t } from './words.js';
import { esc, num, when } from './format.js';
import { patch } from './patch.js';
import { ask, Problem } from './api.js';
import { seconds } from './incident.js';
import { signInLink, mayWrite } from './forms.js';
import { inWords } from './problem.js';
import { usersSection, userClick } from './users.js';
import { problemText, isGone } from './place.js';

const SHOWN = 2000; // lines in the page

/** @type {import('./router.js').Context} */
let context;
/** @type {HTMLElement} */
let root;
/** @type {AbortController} */
let requests;
/** @type {any[]} */
let lines = [];
/** @type {string | null} */
let next = null;
/** @type {any[] | null} */
let users = null; // null: not for who is signed in
/** @type {unknown} */
let trouble = null;
let isRead = false;

export const title = () => t('nav_audit');

/** @param {HTMLElement} r @param {import('./router.js').Context} c */
export function mount(r, c) {
  root = r;
  context = c;
  requests = new AbortController();
  lines = [];
  next = trouble = users = null;
  isRead = false;
  root.onclick = (e) => {
    const b = e.target instanceof Element && e.target.closest('button[data-do]');
    if (!(b instanceof HTMLElement)) return;
    userClick(b, context, again);
    if (b.dataset.do === 'more' || b.dataset.do === 'again') read(b.dataset.do === 'more' && next ? next : '');
  };
  draw();
  again();
}

export function unmount() {
  requests.abort();
  root.onclick = null;
}

function again() {
  read('');
  if (mayWrite(context.me)) readUsers();
}

async function readUsers() {
  try {
    users = (await ask('users', {}, requests.signal)).users;
  } catch (e) {
    if (isGone(e)) return;
    if (!(e instanceof Problem)) throw e;
    users = null;
  }
  draw();
}

/** @param {string} cursor */
async function read(cursor) {
  try {
    const page = await ask('audit', { cursor }, requests.signal);
    lines = cursor ? [...lines, ...page.lines] : page.lines;
    next = page.next;
    trouble = null;
    isRead = true;
  } catch (e) {
    if (isGone(e)) return;
    trouble = e;
  }
  draw();
}

function draw() {
  const head = ['au_when', 'au_who', 'au_what', 'au_of', 'au_change', 'au_from'].map((k) => `<th scope="col">${t(k)}</th>`).join(''), now = context.store.now();
  const rows = lines.map((l) => `<tr data-key="${l.id}"><td data-l="${t('au_when')}">${when(seconds(l.at), now)}</td><td data-l="${t('au_who')}"><b>${esc(l.who || '–')}</b> <small>${known('by_', l.kind)}</small></td><td data-l="${t('au_what')}">${known('did_', l.action)}</td>
    <td data-l="${t('au_of')}">${esc(l.target)}</td><td data-l="${t('au_change')}">${changed(l.before, l.after)}</td><td data-l="${t('au_from')}"><code>${esc(l.peer)}</code></td></tr>`).join('');
  const more = next ? lines.length < SHOWN ? `<p class="more"><button type="button" class="button" data-do="more">${t('au_more')}</button></p>` : `<p class="note">${t('au_cap')}</p>` : '';
  const body = trouble instanceof Problem && (trouble.status === 401 || trouble.status === 403) ? `<div class="notice"><p><b>${context.me ? esc(inWords(trouble)) : t('au_signin', { a: signInLink(context) })}</b></p></div>` : trouble ? problemText(trouble)
    : !isRead ? `<p class="note">${t('reading')}…</p>` : rows ? `<table class="rows"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table>${more}` : `<p class="note">${t('au_none')}</p>`;
  patch(root, `<main class="place audit" id="board"><header class="ph"><h1>${t('nav_audit')}</h1><p class="psub">${t('au_sub')}${users && !trouble ? ` <a class="jump" href="#users">${t('us_n', { n: num(users.length) })}</a>` : ''}</p></header><div class="pbody">${body}${users && !trouble ? usersSection(users, context) : ''}</div></main>`);
}

/** The word for what the log names, or its name, as HTML. @param {string} prefix @param {string} name */
const known = (prefix, name) => (t(prefix + name) === prefix + name ? esc(name) : t(prefix + name));

/** What differs between two values of the log, as HTML. @param {any} before @param {any} after */
function changed(before, after) {
  const flat = (/** @type {any} */ v) => (v && typeof v === 'object' && !Array.isArray(v) ? v : v === null || v === undefined ? {} : { '': v });
  const a = flat(before), b = flat(after), text = (/** @type {any} */ v) => (v === undefined || v === null ? '–' : typeof v === 'string' ? v : JSON.stringify(v));
  const all = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((k) => JSON.stringify(a[k]) !== JSON.stringify(b[k]));
  return all.map((k) => `<span class="diff">${k ? `<small>${esc(k)}</small> ` : ''}${before ? `<s>${esc(text(a[k]))}</s> → ` : ''}${esc(text(b[k]))}</span>`).join('<br>');
}
