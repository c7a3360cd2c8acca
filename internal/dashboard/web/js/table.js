// The table of all charge points: what the dots show, in words. A page of it at a time, so that
// ten thousand cost no more than a hundred. Rows keep their order while they are read.
// @ts-check
import { t } from './words.js';
import { esc, num, when } from './format.js';
import { shape, stateText, isUnverified } from './draw.js';
import { whyText, lastsText, seenText } from './tiles.js';
import { kafkaOf, sinceOf } from './model.js';
import { patch } from './patch.js';
import { portsSection, portClick } from './ports.js';
import { choice, filtered, sitesOf } from './place.js';

/** @typedef {import('./store.js').ChargePoint} ChargePoint */

const PAGE = 100; // rows
const RANK = /** @type {Record<string, number>} */ ({ faulted: 0, disconnected: 1, maintenance: 2, expected: 3, activated: 4 }); // by urgency
const STATES = Object.keys(RANK);

/** @type {import('./router.js').Context} */
let context;
/** @type {HTMLElement} */
let root;
/** @type {string[]} */
let order = []; // ids, as they are shown
let total = 0;
let dirty = false; // something came that may change the order
/** @type {(() => void)[]} */
let ending = [];

export const title = () => t('nav_table');

/** @param {HTMLElement} r @param {import('./router.js').Context} c */
export function mount(r, c) {
  root = r;
  context = c;
  root.onchange = (e) => filtered(e, context);
  root.onsubmit = (e) => e.preventDefault();
  root.oninput = (e) => { if (e.target instanceof HTMLInputElement) context.setQuery({ [e.target.name]: e.target.value, page: '' }); };
  root.onclick = click;
  const timer = setInterval(tick, 1000);
  ending = [context.store.subscribe((e) => { if (e.type !== 'delta' || e.changes.length || e.cps.some((cp) => !e.before.has(cp.cp_id))) dirty = true; if (e.type !== 'delta') tick(); }), () => clearInterval(timer)];
  arrange();
  draw();
}

export function unmount() {
  for (const end of ending) end();
  root.onchange = root.oninput = root.onclick = root.onsubmit = null;
}

/** @param {import('./router.js').Context} c */
export function update(c) {
  context = c;
  arrange();
  draw();
}

const { compare } = new Intl.Collator('en', { numeric: true }); // CP_2 stands before CP_10
/** @type {Map<string, number>} */
let ranks = new Map(); // of the ids: to compare ten thousand texts each second would freeze the page

/** The place of each id among all. */
function rank() {
  const { cps } = context.store;
  if (ranks.size === cps.size && [...cps.keys()].every((id) => ranks.has(id))) return;
  ranks = new Map([...cps.keys()].sort(compare).map((id, n) => [id, n]));
}
/** @param {ChargePoint} a @param {ChargePoint} b */
const byId = (a, b) => (ranks.get(a.cp_id) || 0) - (ranks.get(b.cp_id) || 0);
/** An empty text comes last. @param {string | undefined} a @param {string | undefined} b */
const byText = (a, b) => (a === b ? 0 : !a ? 1 : !b ? -1 : compare(a, b));
const SORTS = /** @type {Record<string, (a: ChargePoint, b: ChargePoint) => number>} */ ({
  cp: byId,
  site: (a, b) => byText(a.site, b.site),
  state: (a, b) => RANK[a.state] - RANK[b.state] || sinceOf(a).at - sinceOf(b).at,
  since: (a, b) => sinceOf(b).at - sinceOf(a).at,
  seen: (a, b) => (b.last_seen || 0) - (a.last_seen || 0),
  owner: (a, b) => byText(a.owner && a.owner.name, b.owner && b.owner.name),
});

// arrange chooses and sorts: at a filter, a sort or another page, and when states changed while
// nobody holds the focus in the rows.
function arrange() {
  const q = context.query, state = q.get('state') || '', site = q.get('site') || '', text = (q.get('q') || '').toLowerCase();
  const all = [];
  for (const cp of context.store.cps.values()) {
    if (state && !state.split(',').includes(cp.state)) continue;
    if (site && cp.site !== site) continue;
    if (text && !`${cp.cp_id} ${cp.site || ''} ${cp.name || ''}`.toLowerCase().includes(text)) continue;
    all.push(cp);
  }
  const [by, down] = sorting(), f = SORTS[by];
  rank();
  all.sort((a, b) => (down ? -1 : 1) * f(a, b) || byId(a, b));
  total = all.length;
  const first = (pageOf() - 1) * PAGE;
  order = all.slice(first, first + PAGE).map((cp) => cp.cp_id);
  dirty = false;
}
/** @returns {[string, boolean]} the column, and whether it is turned round */
function sorting() {
  const text = context.query.get('sort') || 'cp', down = text.startsWith('-'), by = text.replace(/^-/, '');
  return by in SORTS ? [by, down] : ['cp', false];
}
const pages = () => Math.max(1, Math.ceil(total / PAGE));
const pageOf = () => Math.max(1, Math.min(total ? pages() : Infinity, Math.floor(+(context.query.get('page') || 1)) || 1));

/** @param {MouseEvent} e */
function click(e) {
  const b = e.target instanceof Element && e.target.closest('button[data-sort], button[data-page], button[data-do]');
  if (!(b instanceof HTMLElement)) return;
  if (b.dataset.do) { portClick(b, context, ''); return; }
  if (b.dataset.page) { context.setQuery({ page: b.dataset.page === '1' ? '' : b.dataset.page }); return; }
  const [by, down] = sorting(), to = b.dataset.sort || 'cp';
  context.setQuery({ sort: to === by && !down ? '-' + to : to, page: '' });
}

// ---- drawing ----
const COLUMNS = [['cp', 'th_cp'], ['site', 'th_site'], ['state', 'f_state'], ['since', 'tb_since'], ['', 'tb_why'], ['seen', 'tb_heard'], ['owner', 'tb_owner']];

function draw() {
  const { store } = context, now = store.now(), m = { now, lost: store.lost, knownUntil: store.knownUntil(), kafka: kafkaOf(store.reading, store.cps.values(), store.knownUntil()), match: () => true };
  const q = context.query, [by, down] = sorting(), page = pageOf(), first = (page - 1) * PAGE;
  const head = COLUMNS.map(([key, word]) => (key ? `<th scope="col" aria-sort="${key === by ? (down ? 'descending' : 'ascending') : 'none'}"><button type="button" class="sort" data-sort="${key}">${t(word)}</button></th>` : `<th scope="col">${t(word)}</th>`)).join('');
  const states = /** @type {[string, string][]} */ (STATES.map((s) => [s, t(s)])), sites = /** @type {[string, string][]} */ (sitesOf(context.store).map((s) => [s, s]));
  const turn = pages() < 2 ? '' : `<nav class="turn" aria-label="${t('tb_pages')}"><button type="button" class="button" data-page="${page - 1}"${page > 1 ? '' : ' disabled'}>${t('tb_before')}</button>
    <span>${t('tb_range', { a: num(first + 1), b: num(Math.min(total, first + PAGE)), n: num(total) })}</span>
    <button type="button" class="button" data-page="${page + 1}"${page < pages() ? '' : ' disabled'}>${t('tb_after')}</button></nav>`;
  const n = num(context.store.cps.size), counted = total === context.store.cps.size ? t('cps', { n }) : t('shown', { n: num(total), all: n });
  patch(root, `<main class="place table" id="board"><header class="ph"><h1>${t('nav_table')}</h1><p class="psub">${context.store.central ? counted : t('reading') + '…'}</p>
    <form class="filters" aria-label="${t('f_filters')}"><label class="field"><span>${t('tb_text')}</span><input type="search" name="q" value="${esc(q.get('q') || '')}" autocomplete="off"></label>
    ${choice('state', t('f_state'), [['', t('f_any')], ...states], q.get('state') || '')}${choice('site', t('f_site'), [['', t('f_sites')], ...sites], q.get('site') || '')}</form></header>
    <div class="pbody">${turn}<table class="rows cps"><thead><tr>${head}</tr></thead><tbody>${order.map((id) => rowOf(id, m)).join('')}</tbody></table>${total || !context.store.central ? '' : `<div class="notice"><p><b>${t('tb_none')}</b></p></div>`}${portsSection(context)}</div></main>`);
}

/** @param {string} id @param {import('./model.js').Moment} m */
function rowOf(id, m) {
  const cp = context.store.cps.get(id);
  if (!cp) return ''; // it went
  const { now } = m, since = sinceOf(cp);
  const cell = (/** @type {string} */ word, /** @type {string} */ html, cls = '') => `<td data-l="${t(word)}"${cls ? ` class="${cls}"` : ''}>${html}</td>`;
  const place = [cp.site, cp.bay && t('bay', { n: cp.bay })].filter(Boolean).map(esc).join(', ');
  return `<tr class="s-${cp.state}${isUnverified(cp, now) ? ' unverified' : ''}" data-key="${esc(id)}">
    <th scope="row"><a href="${esc(context.href('/cp/' + encodeURIComponent(id)))}">${esc(id)}</a>${cp.name ? ` <small>${esc(cp.name)}</small>` : ''}</th>${cell('th_site', place)}
    ${cell('f_state', `${shape(cp.state)}<span>${stateText(cp, m)}</span>`, 'st')}${cell('tb_since', since.at ? `${when(since.at, now)} <small>${lastsText(cp, m)}</small>` : '')}
    ${cell('tb_why', whyText(cp, m))}${cell('tb_heard', seenText(cp, m))}${cell('tb_owner', cp.owner ? esc(cp.owner.name) : '')}</tr>`;
}

// tick brings the rows up to date once a second.
function tick() {
  if (document.hidden) return;
  const body = root.querySelector('tbody');
  if (dirty && !(body && body.contains(document.activeElement))) arrange();
  draw();
}
