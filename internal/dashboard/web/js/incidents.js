// The page of incidents: newest first, by site, cause and time. A site that failed together is
// one row that opens.
// @ts-check
import { t } from './words.js';
import { esc, num, NB } from './format.js';
import { $ } from './dom.js';
import { patch } from './patch.js';
import { ask, address } from './api.js';
import { CAUSES, readIncident, causeText, sinceText, lastedText, endText, toldText, momentsOf, bySite } from './incident.js';
import { problemText, isGone, choice, filtered, sitesOf, lostNote, later } from './place.js';

/** @typedef {import('./incident.js').Incident} Incident */

const PERIODS = /** @type {Record<string, number>} */ ({ '1d': 1, '7d': 7, '30d': 30, year: 400 }); // days
const SHOWN = 1000; // rows in the page; a file has the rest
const AFTER = 2500; // ms: the history is at most 2 s behind the reports

/** @type {import('./router.js').Context} */
let context;
/** @type {HTMLElement} */
let root;
/** @type {AbortController} */
let requests;
/** @type {Incident[]} */
let list = [];
/** @type {any} */
let newest = null; // the first page, as Central answered
/** @type {string | null} */
let next = null;
/** @type {unknown} */
let trouble = null;
/** @type {Set<string>} */
let opened = new Set(); // keys of rows
/** @type {(() => void)[]} */
let ending = [];

const fresh = later(() => read(), AFTER);

export const title = () => t('nav_incidents');

/** @param {HTMLElement} r @param {import('./router.js').Context} c */
export function mount(r, c) {
  root = r;
  context = c;
  requests = new AbortController();
  list = [];
  newest = next = trouble = null;
  opened = new Set();
  root.onchange = (e) => filtered(e, context);
  root.onsubmit = (e) => e.preventDefault();
  root.onclick = click;
  const timer = setInterval(tick, 1000);
  ending = [context.store.subscribe((e) => { if (e.type === 'delta' && !e.changes.length) return; fresh(); }), () => clearInterval(timer), () => fresh.cancel()];
  draw();
  read();
}

export function unmount() {
  requests.abort();
  for (const end of ending) end();
  root.onchange = root.onclick = root.onsubmit = null;
}

/** @param {import('./router.js').Context} c */
export function update(c) {
  context = c;
  list = [];
  newest = next = trouble = null;
  draw();
  read();
}

// filters are the parameters of the API for what the address says.
function filters() {
  const q = context.query, days = PERIODS[q.get('time') || '7d'] || 7;
  const from = dayText(q.get('from'), 0) || new Date((context.store.now() - days * 86400) * 1000).toISOString();
  return { order: 'newest', from, to: dayText(q.get('to'), 1), site: q.get('site') || '', cause: q.get('cause') || '', open: q.get('open') || '' };
}

/** The begin of a day of the address, and of so many days later, for the API. @param {string | null} text @param {number} more */
function dayText(text, more) {
  const [y, m, d] = (text || '').split('-').map(Number), at = new Date(y, m - 1, d + more);
  return Number.isNaN(at.getTime()) ? '' : at.toISOString();
}

async function read(cursor = '') {
  requests.abort();
  const mine = requests = new AbortController();
  try {
    const answer = await ask('incidents', { ...filters(), cursor }, mine.signal);
    const rows = answer.incidents.map(readIncident);
    if (cursor) { list.push(...rows); next = answer.next; } else {
      // What was loaded beyond the first page stays; what is in it now comes from it.
      const end = rows.length ? rows[rows.length - 1].first : 0, known = new Set(rows.map((/** @type {Incident} */ i) => i.key));
      const older = answer.next ? list.filter((i) => i.first <= end && !known.has(i.key)) : [];
      list = [...rows, ...older];
      if (!older.length) next = answer.next;
      newest = answer;
    }
    trouble = null;
  } catch (e) {
    if (isGone(e)) return;
    trouble = e;
  }
  if (mine === requests) draw();
}

/** @param {MouseEvent} e */
function click(e) {
  const b = e.target instanceof Element && e.target.closest('button[data-do]');
  if (!(b instanceof HTMLElement)) return;
  if (b.dataset.do === 'again') read();
  if (b.dataset.do === 'more' && next) read(next);
  if (b.dataset.do === 'open') {
    const key = b.dataset.of || '';
    if (!opened.delete(key)) opened.add(key);
    draw();
  }
}

// ---- drawing ----
function draw() {
  patch(root, `<main class="place incidents" id="board"><header class="ph"><h1>${t('nav_incidents')}</h1><p class="psub" data-own></p>
    <form class="filters" aria-label="${t('f_filters')}">${controls()}<a class="button" download="incidents.csv" href="${esc(address('incidents', { ...filters(), order: '', format: 'csv' }))}">${t('csv')}</a></form></header>
    <div class="pbody">${body()}</div></main>`);
  tick();
}

/** How many charge points a site has now. @returns {(site: string) => number} */
function sizes() {
  /** @type {Map<string, number>} */
  const n = new Map();
  for (const cp of context.store.cps.values()) if (cp.site) n.set(cp.site, (n.get(cp.site) || 0) + 1);
  return (site) => n.get(site) || 0;
}

/** @param {string} name @param {string} label @param {string | null} value */
const day = (name, label, value) => `<label class="field"><span>${label}</span><input type="date" name="${name}" value="${esc(value || '')}"></label>`;

function controls() {
  const q = context.query, sites = sitesOf(context.store), causes = /** @type {[string, string][]} */ (CAUSES.map((c) => [c, causeText(c).replace(/<[^>]+>/g, '')]));
  return choice('time', t('f_period'), [['1d', t('f_1d')], ['', t('f_7d')], ['30d', t('f_30d')], ['year', t('f_year')]], q.get('time') || '') + day('from', t('f_from'), q.get('from')) + day('to', t('f_to'), q.get('to'))
    + choice('site', t('f_site'), [['', t('f_sites')], .../** @type {[string, string][]} */ (sites.map((s) => [s, s]))], q.get('site') || '')
    + choice('cause', t('f_cause'), [['', t('f_any')], ...causes], q.get('cause') || '')
    + choice('open', t('f_state'), [['', t('f_all')], ['true', t('f_open')], ['false', t('f_over')]], q.get('open') || '');
}

function body() {
  if (trouble) return problemText(trouble);
  if (!newest) return `<p class="note">${t('reading')}…</p>`;
  if (!list.length) return `<div class="notice"><p><b>${t('inc_none')}</b></p><p>${t('inc_none2')}</p></div>${lostNote(newest)}`;
  const head = ['th_from', 'th_dur', 'th_cp', 'th_site', 'th_cause', 'th_failed', 'th_told'].map((k) => `<th scope="col"${k === 'th_dur' || k === 'th_failed' ? ' class="r"' : ''}>${t(k)}</th>`).join('');
  const more = !next ? '' : list.length < SHOWN ? `<p class="more"><button type="button" class="button" data-do="more">${t('inc_more')}</button></p>` : `<p class="note">${t('inc_cap')}</p>`;
  return `<table class="rows inc"><thead><tr><th><span class="sr">${t('open_row')}</span></th>${head}</tr></thead><tbody>${bySite(list, sizes()).map(rowsOf).join('')}</tbody></table>${more}${lostNote(newest)}`;
}

/** @param {Incident[]} together */
function rowsOf(together) {
  if (together.length === 1) return rowOf(together[0]);
  const newestOne = together[0], oldest = together[together.length - 1], key = 'site ' + oldest.key, is = opened.has(key), now = context.store.now();
  const causes = [...new Set(together.map((i) => causeText(i.cause)))], open = together.filter((i) => i.open).length;
  const spread = newestOne.first - oldest.first, cps = new Set(together.map((i) => i.cp)).size;
  const name = t('site_together', { n: num(cps), s: spread < 0.1 ? num(0.1, 1) + NB + 's' : num(spread, 1) + NB + 's' });
  const longest = together.reduce((a, b) => ((b.recovered || Infinity) - b.first > (a.recovered || Infinity) - a.first ? b : a));
  const row = `<tr class="${open ? 'on' : ''}" data-key="${esc(key)}"><td class="op">${opener(key, is, oldest.site)}</td><td data-l="${t('th_from')}">${sinceText(oldest, now)}</td>
    <td class="r" data-l="${t('th_dur')}"><span data-lasted="${esc(longest.key)}">${lastedText(longest, now, context.store.lost)}</span> <small>${open ? t('goes_on') : endText(longest)}</small></td>
    <td data-l="${t('th_cp')}"><b>${name}</b></td><td data-l="${t('th_site')}">${esc(oldest.site)}</td><td data-l="${t('th_cause')}">${causes.slice(0, 2).join(', ')}${causes.length > 2 ? ' …' : ''}</td>
    <td class="r" data-l="${t('th_failed')}">${t('failed_n', { n: num(together.reduce((n, i) => n + i.failed, 0)) })}</td><td data-l="${t('th_told')}">${toldOfAll(together)}</td></tr>`;
  return row + (is ? together.map((i) => rowOf(i, true)).join('') : '');
}
/** @param {Incident[]} together */
function toldOfAll(together) {
  const told = together.filter((i) => i.told);
  return told.length === together.length ? toldText(told.reduce((a, b) => (b.told > a.told ? b : a))) : `${num(told.length)}/${num(together.length)}`;
}

/** @param {Incident} i @param {boolean} [inner] it is a part of the row before */
function rowOf(i, inner) {
  const now = context.store.now(), is = opened.has(i.key), end = endText(i);
  const row = `<tr class="${i.open ? 'on' : ''}${inner ? ' inner' : ''}" data-key="${esc(i.key)}"><td class="op">${opener(i.key, is, i.cp)}</td><td data-l="${t('th_from')}">${sinceText(i, now)}</td>
    <td class="r" data-l="${t('th_dur')}"><span data-lasted="${esc(i.key)}">${lastedText(i, now, context.store.lost)}</span>${end ? ` <small>${end}</small>` : ''}</td>
    <td data-l="${t('th_cp')}"><a href="${esc(context.href('/cp/' + encodeURIComponent(i.cp)))}"><b>${esc(i.cp)}</b></a></td><td data-l="${t('th_site')}">${esc(i.site)}</td><td data-l="${t('th_cause')}">${causeText(i.cause)}</td>
    <td class="r" data-l="${t('th_failed')}">${t('failed_n', { n: num(i.failed) })}</td><td data-l="${t('th_told')}">${toldText(i)}</td></tr>`;
  if (!is) return row;
  const all = momentsOf(i, now).map(([name, text]) => `<div><dt>${name}</dt><dd>${text}</dd></div>`).join('');
  return row + `<tr class="moments${inner ? ' inner' : ''}" data-key="${esc(i.key)} moments"><td></td><td colspan="7"><dl>${all}</dl></td></tr>`;
}

/** @param {string} key @param {boolean} is @param {string} of */
const opener = (key, is, of) => `<button type="button" class="opener" data-do="open" data-of="${esc(key)}" aria-expanded="${is}" aria-label="${esc(t('details', { a: of }))}"><svg viewBox="0 0 10 10" aria-hidden="true"><path d="M3 1.5 7 5 3 8.5"/></svg></button>`;

// tick writes what time alone changes.
function tick() {
  const sub = $('.psub', root);
  if (sub) {
    const open = list.filter((i) => i.open).length, n = num(list.length);
    const text = trouble || !newest ? '' : `${next ? t('inc_least', { a: t('inc_h', { n }) }) : t('inc_h', { n })}, ${open ? t('inc_open', { n: num(open) }) : t('inc_none_open')}`;
    if (sub.textContent !== text) sub.textContent = text;
  }
  const byKey = new Map(list.map((i) => [i.key, i]));
  for (const e of root.querySelectorAll('[data-lasted]')) {
    const i = byKey.get(e.getAttribute('data-lasted') || '');
    const text = i && i.open ? lastedText(i, context.store.knownUntil(), context.store.lost) : '';
    if (text && e.textContent !== text) e.textContent = text;
  }
}
