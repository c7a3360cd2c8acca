// The page of uptime: what the ledger says of a month or a year, by one of its definitions, with
// its bounds, what was excluded and what it was computed from.
// @ts-check
import { t, lang } from './words.js';
import { esc, num, NB } from './format.js';
import { patch } from './patch.js';
import { ask, address, Problem } from './api.js';
import { causeText } from './incident.js';
import { span } from './cplanes.js';
import { exclusionsSection, exclusionClick } from './exclusions.js';
import { problemText, isGone, choice, filtered, sitesOf } from './place.js';

const DEFINITIONS = ['plain', 'nevi', 'uk'];
const MONTHS = 24, YEARS = 3; // that can be chosen
const PAGE = 100; // ports
const OUTAGES = 200; // of one port, in the page; a file has all

/** @type {import('./router.js').Context} */
let context;
/** @type {HTMLElement} */
let root;
/** @type {AbortController} */
let requests;
/** @type {any} */
let answer = null;
let standard = ''; // the month without a choice: the one that is over, or this one if nothing was watched in it
/** @type {unknown} */
let trouble = null;
/** @type {any[] | null} */
let exclusions = null; // null: this Central takes none
/** @type {Set<string>} */
let opened = new Set();

export const title = () => t('nav_uptime');

/** @param {HTMLElement} r @param {import('./router.js').Context} c */
export function mount(r, c) {
  root = r;
  root.onchange = (e) => { if (e.target instanceof Element && e.target.closest('.filters')) filtered(e, context); };
  root.onsubmit = (e) => e.preventDefault();
  root.onclick = click;
  opened = new Set();
  exclusions = null;
  answer = null;
  context = c;
  standard = monthText(1);
  update(c);
  readExclusions();
}

export function unmount() {
  requests.abort();
  root.onchange = root.onclick = root.onsubmit = null;
}

/** @param {import('./router.js').Context} c */
export function update(c) {
  const before = context && answer ? asked() : null;
  context = c;
  if (before && JSON.stringify(before) === JSON.stringify(asked())) { draw(); return; } // another page of ports
  answer = trouble = null;
  draw();
  read();
}

// asked is the question of the address; without one, the standard month, plain.
function asked() {
  const q = context.query, when = q.get('when') || standard;
  return { definition: DEFINITIONS.includes(q.get('by') || '') ? q.get('by') || '' : 'plain', [when.length > 4 ? 'month' : 'year']: when, site: q.get('site') || '', zone: q.get('zone') || '', until: 'newest' };
}
/** @param {number} ago */
function monthText(ago) {
  const d = new Date(context.store.now() * 1000);
  d.setUTCDate(1);
  d.setUTCMonth(d.getUTCMonth() - ago);
  return d.toISOString().slice(0, 7);
}

async function read() {
  if (requests) requests.abort();
  const mine = requests = new AbortController();
  try {
    answer = await ask('uptime', asked(), mine.signal);
    if (!context.query.get('when') && standard !== monthText(0) && isNothing(answer) && answer.to >= nominalEnd(asked())) {
      standard = monthText(0);
      answer = await ask('uptime', asked(), mine.signal);
    }
    trouble = null;
  } catch (e) {
    if (isGone(e)) return;
    trouble = e;
  }
  if (mine === requests) draw();
}

/** Whether nothing at all was watched. @param {any} a */
const isNothing = (a) => a.network.percent === null && !a.network.excluded_us;

async function readExclusions() {
  if (!context.store.central || !context.store.central.accounts) return; // nobody can enter any
  try {
    exclusions = (await ask('exclusions', { limit: '1000' })).exclusions;
  } catch (e) {
    if (!(e instanceof Problem)) throw e;
    exclusions = null;
  }
  draw();
}

/** @param {MouseEvent} e */
function click(e) {
  const b = e.target instanceof Element && e.target.closest('button[data-do]');
  if (!(b instanceof HTMLElement)) return;
  if (b.dataset.do === 'again') read();
  if (b.dataset.do === 'open') {
    const key = b.dataset.of || '';
    if (!opened.delete(key)) opened.add(key);
    draw();
  }
  if (b.dataset.page) context.setQuery({ page: b.dataset.page === '1' ? '' : b.dataset.page });
  exclusionClick(b, context, exclusions || [], () => { readExclusions(); read(); });
}

// ---- drawing ----
/** A percentage of the ledger, which has cut it: "99.728". @param {string | null | undefined} text */
function ofLedger(text) {
  if (text === null || text === undefined) return '–';
  return (lang() === 'es' ? text.replace('.', ',') : text) + NB + '%';
}
/** The two bounds. @param {{at_worst: string | null, at_best: string | null}} p */
const bounds = (p) => (p.at_worst === null && p.at_best === null ? '–' : `${ofLedger(p.at_worst)} – ${ofLedger(p.at_best)}`);
/** @param {boolean | null} meets */
const verdict = (meets) => (meets === null ? `<span class="cant">${t('up_cant')}</span>` : meets ? `<b class="yes">${t('up_yes')}</b>` : `<b class="badtext">${t('up_no')}</b>`);

function controls() {
  const q = context.query, month = new Intl.DateTimeFormat(lang() === 'es' ? 'es-ES' : 'en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });
  /** @type {[string, string][]} */
  const when = [];
  for (let n = 0; n < MONTHS; n++) { const m = monthText(n); when.push([m === standard ? '' : m, month.format(new Date(m + '-01T00:00:00Z'))]); }
  for (let n = 0, y = +monthText(0).slice(0, 4); n < YEARS; n++) when.push([String(y - n), t('up_year', { n: y - n })]);
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  /** @type {[string, string][]} */
  const zones = [['', 'UTC']];
  if (own && own !== 'UTC') zones.push([own, own]);
  return choice('by', t('up_by'), DEFINITIONS.map((d) => [d === 'plain' ? '' : d, t('up_' + d)]), q.get('by') || '') + choice('when', t('f_period'), when, q.get('when') === standard ? '' : q.get('when') || '')
    + choice('site', t('f_site'), [['', t('f_sites')], .../** @type {[string, string][]} */ (sitesOf(context.store).map((s) => [s, s]))], q.get('site') || '') + choice('zone', t('up_zone'), zones, q.get('zone') || '');
}

function draw() {
  const question = asked();
  const files = trouble ? '' : ['csv', 'json', 'html'].map((f) => `<a class="button" download="uptime.${f}" href="${esc(address('uptime', { ...question, format: f, language: f === 'html' ? lang() : '' }))}">${f.toUpperCase()}</a>`).join('');
  patch(root, `<main class="place uptime" id="board"><header class="ph"><h1>${t('nav_uptime')}</h1><p class="psub">${t('up_what_' + question.definition)}</p>
    <form class="filters" aria-label="${t('f_filters')}">${controls()}<span class="files" role="group" aria-label="${t('up_files')}">${files}</span></form></header>
    <div class="pbody">${body(question)}${exclusions ? exclusionsSection(exclusions, context) : ''}</div></main>`);
}

/** @param {Record<string, string>} question */
function body(question) {
  if (trouble) return problemText(trouble);
  if (!answer) return `<p class="note">${t('reading')}…</p>`;
  const n = answer.network, uk = answer.definition === 'uk', young = answer.ports.filter((/** @type {any} */ p) => p.young).length;
  const cut = answer.to < nominalEnd(question) ? ` <b>${t('up_cut')}</b>` : '';
  const figure = `<section class="figures" aria-label="${t('up_network')}"><p class="figure"><b>${ofLedger(n.percent)}</b> <span>${t(n.percent === null ? 'up_nothing' : 'up_network_' + answer.definition)}</span></p>
    <dl class="facts"><div><dt>${t('worst_best')}</dt><dd>${bounds(n)}</dd></div>${n.percent_strict ? `<div><dt>${t('up_strict')}</dt><dd>${ofLedger(n.percent_strict)}</dd></div>` : ''}
    ${answer.definition === 'plain' ? '' : `<div><dt>${t(uk ? 'up_meets_uk' : 'up_meets_nevi')}</dt><dd>${uk ? verdict(n.meets) : meeting()}</dd></div>`}
    <div><dt>${t('down')}</dt><dd>${span(n.down_us)}</dd></div><div><dt>${t('up_excluded')}</dt><dd>${span(n.excluded_us)}</dd></div><div><dt>${t('unwatched')}</dt><dd>${span(n.unwatched_us)}</dd></div>
    <div><dt>${t('up_window')}</dt><dd>${moment(answer.from)} – ${moment(answer.to)}, ${esc(answer.zone)}${cut}</dd></div></dl></section>`;
  return figure + ports() + (young ? `<p class="note">* ${t('up_young')}</p>` : '') + (answer.notes || []).map((/** @type {string} */ s) => `<p class="note">${esc(t('note: ' + s) === 'note: ' + s ? s : t('note: ' + s))}</p>`).join('') + inputs(question);
}
/** Of NEVI each port has to: how many do. */
function meeting() {
  const p = /** @type {any[]} */ (answer.ports), yes = p.filter((x) => x.meets === true).length, no = p.filter((x) => x.meets === false).length;
  return `${t('up_of', { n: num(yes), all: num(p.length) })}${no ? `, <b class="badtext">${t('up_fail', { n: num(no) })}</b>` : ''}${p.length - yes - no ? `, ${t('up_open', { n: num(p.length - yes - no) })}` : ''}`;
}
/** Where the window of the question would end, if it is over. @param {Record<string, string>} question */
function nominalEnd(question) {
  const [y, m] = (question.month || question.year + '-12').split('-').map(Number);
  return new Date(Date.UTC(y, m, 1) - 86400000).toISOString(); // a day for the zone
}
/** A moment of the report, in its zone. @param {string} text */
function moment(text) {
  return new Intl.DateTimeFormat(lang() === 'es' ? 'es-ES' : 'en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: answer.zone }).format(new Date(text));
}

function ports() {
  if (!answer.ports.length) return `<div class="notice"><p><b>${t('up_none')}</b></p></div>`;
  const pages = Math.ceil(answer.ports.length / PAGE), page = Math.max(1, Math.min(pages, Math.floor(+(context.query.get('page') || 1)) || 1)), first = (page - 1) * PAGE;
  const turn = pages < 2 ? '' : `<nav class="turn" aria-label="${t('tb_pages')}"><button type="button" class="button" data-do="page" data-page="${page - 1}"${page > 1 ? '' : ' disabled'}>${t('tb_before')}</button><span>${t('tb_range', { a: num(first + 1), b: num(Math.min(answer.ports.length, first + PAGE)), n: num(answer.ports.length) })}</span><button type="button" class="button" data-do="page" data-page="${page + 1}"${page < pages ? '' : ' disabled'}>${t('tb_after')}</button></nav>`;
  const verdicts = answer.definition === 'nevi', head = [['', 'open_row'], ['', 'th_cp'], ['', 'th_site'], ['r', 'up_percent'], ['r', 'worst_best'], ...(verdicts ? [['', 'up_meets_nevi']] : []), ['r', 'down'], ['r', 'up_excluded'], ['r', 'unwatched']];
  const rows = answer.ports.slice(first, first + PAGE).map((/** @type {any} */ p, /** @type {number} */ i) => row(p, String(first + i), verdicts, head.length));
  return turn + `<table class="rows ledger"><thead><tr>${head.map(([cls, word], i) => `<th scope="col"${cls ? ` class="${cls}"` : ''}>${i ? t(word) : `<span class="sr">${t(word)}</span>`}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}
/** @param {any} p @param {string} key @param {boolean} verdicts @param {number} columns */
function row(p, key, verdicts, columns) {
  const is = opened.has(key), cell = (/** @type {string} */ word, /** @type {string} */ html, cls = 'r') => `<td data-l="${t(word)}"${cls ? ` class="${cls}"` : ''}>${html}</td>`;
  const opener = p.outages.length ? `<button type="button" class="opener" data-do="open" data-of="${key}" aria-expanded="${is}" aria-label="${esc(t('up_outages', { a: p.cp_id, n: num(p.outages.length) }))}"><svg viewBox="0 0 10 10" aria-hidden="true"><path d="M3 1.5 7 5 3 8.5"/></svg></button>` : '';
  const line = `<tr data-key="${key}"><td class="op">${opener}</td><th scope="row"><a href="${esc(context.href('/cp/' + encodeURIComponent(p.cp_id)))}">${esc(p.cp_id)}</a>${p.young ? '*' : ''}</th>${cell('th_site', esc(p.site), '')}${cell('up_percent', `<b>${ofLedger(p.percent)}</b>`)}${cell('worst_best', bounds(p))}
    ${verdicts ? cell('up_meets_nevi', verdict(p.meets), '') : ''}${cell('down', span(p.down_us))}${cell('up_excluded', span(p.excluded_us))}${cell('unwatched', span(p.unwatched_us))}</tr>`;
  if (!is) return line;
  const outages = p.outages.slice(0, OUTAGES).map((/** @type {any} */ o) => `<li>${moment(o.from)} – ${moment(o.to)} · ${span(o.us)} · ${causeText(o.cause)}${o.excluded_us ? ` · <span class="excl">${t('up_excluded')} ${span(o.excluded_us)}</span>` : ''}</li>`).join('');
  return line + `<tr class="moments" data-key="${key} outages"><td></td><td colspan="${columns - 1}"><ol>${outages}</ol>${p.outages.length > OUTAGES ? `<p class="note">${t('up_rest')}</p>` : ''}</td></tr>`;
}

// What the numbers were computed from. The same question to the same log has the same answer.
/** @param {Record<string, string>} question */
function inputs(question) {
  const i = answer.inputs, position = Object.entries(i.offsets || {}).map(([p, o]) => `${p}:${o}`).join(',') || 'none';
  const cmd = `ev-central report --definition ${answer.definition} ${question.month ? '--month ' + question.month : '--year ' + question.year}${question.site ? ` --site '${question.site.replace(/'/g, "'\\''")}'` : ''}${question.zone ? ' --zone ' + question.zone : ''}${Date.parse(answer.to) < Date.parse(nominalEnd(question)) ? ' --until ' + answer.to : ''}`;
  const facts = /** @type {[string, string][]} */ ([['up_in_log', `${i.topic}, ${position}/${i.annotation || 0}`], ['up_in_gaps', num(i.gaps)], ['up_in_segments', i.segments_sha256], ['up_in_exclusions', i.exclusions_sha256], ['up_in_ports', i.ports_sha256], ['up_in_zone', i.tzdata], ['up_in_version', i.version]]);
  return `<section class="inputs"><h2>${t('up_inputs')}</h2><p class="note">${t('up_inputs2')}</p><dl class="idn">${facts.map(([k, v]) => `<dt>${t(k)}</dt><dd><code>${esc(v)}</code></dd>`).join('')}<dt>${t('up_cmd')}</dt><dd><code>${esc(cmd)}</code></dd></dl></section>`;
}
