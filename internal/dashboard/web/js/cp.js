// The page of one charge point: what it is, why we say so, what happens next, and what is behind
// it. What Central hears comes with the stream; the past is asked for when that changes.
// @ts-check
import { t } from './words.js';
import { esc, num, dur, age, when, every, NB } from './format.js';
import { shape, reasonText, isUnverified } from './draw.js';
import { lastsText } from './tiles.js';
import { kafkaOf, isConnected } from './model.js';
import { $, set } from './dom.js';
import { patch } from './patch.js';
import { ask, askAll, Problem } from './api.js';
import { readIncident, causeText, sinceText, lastedText, endText, toldText, dated, seconds } from './incident.js';
import { readSegment, lanes, lanesFrom, legend } from './cplanes.js';
import { chart, figuresText } from './cpanswers.js';
import { log, sources, identity } from './cpsides.js';
import { portButtons, portClick } from './ports.js';
import { ownerText, maintenanceText, actionClick } from './cpactions.js';
import { problemText, isGone, lostNote, later } from './place.js';

/** @typedef {import('./cpanswers.js').Check} Check */

/**
 * What is known of the charge point.
 * @typedef {Object} Known
 * @property {any} one the answer of /cps/ID; null: not read yet
 * @property {Check[] | null} checks of the last five minutes
 * @property {number} interval s between checks; 0: not known
 * @property {import('./cplanes.js').Segment[]} segments of 30 days
 * @property {import('./incident.js').Incident[]} incidents of 30 days, newest first
 * @property {any[]} words told over TCP, oldest first
 * @property {any[]} windows of maintenance
 * @property {any[]} exclusions
 */

const SETTLE = 2200; // ms: the history is at most 2 s behind
const REST = 30000; // ms between readings of the past while nothing changes
const LATE = 1.5; // s: a check may be on its way for so long

/** @type {import('./router.js').Context} */
let context;
/** @type {HTMLElement} */
let root;
let id = '';
/** @type {AbortController} */
let requests;
/** @type {Known} */
let known;
/** @type {unknown} */
let trouble = null;
let noHistory = false;
let checksTimer = 0, width = 0;
/** @type {(() => void)[]} */
let ending = [];

export const title = () => id;

/** @param {HTMLElement} r @param {import('./router.js').Context} c */
export function mount(r, c) {
  root = r;
  context = c;
  id = c.params.id;
  requests = new AbortController();
  known = { one: null, checks: null, interval: 0, segments: [], incidents: [], words: [], windows: [], exclusions: [] };
  trouble = null;
  noHistory = false;
  root.onclick = click;
  const soon = later(readPast, SETTLE), rest = setInterval(() => { if (!document.hidden) readPast(); }, REST), timer = setInterval(tick, 200);
  const resized = new ResizeObserver(() => { if (Math.abs(root.clientWidth - width) > 1) draw(); });
  resized.observe(root);
  const unsubscribe = context.store.subscribe((e) => {
    if (e.type === 'delta' && !e.cps.some((cp) => cp.cp_id === id)) return;
    freshen(cpOf());
    draw();
    if (e.type !== 'delta' || e.changes.some((ch) => ch.cp_id === id)) soon();
  });
  const shown = () => { if (!document.hidden) { readPast(); readChecks(); } };
  document.addEventListener('visibilitychange', shown);
  ending = [unsubscribe, () => soon.cancel(), () => clearInterval(rest), () => clearInterval(timer), () => clearTimeout(checksTimer), () => resized.disconnect(), () => document.removeEventListener('visibilitychange', shown)];
  draw();
  readPast();
  readChecks();
}

export function unmount() {
  requests.abort();
  for (const end of ending) end();
  root.onclick = null;
}

/** @param {MouseEvent} e */
function click(e) {
  const b = e.target instanceof Element && e.target.closest('button[data-do]');
  if (!(b instanceof HTMLElement)) return;
  if (b.dataset.do === 'again') { readPast(); readChecks(); }
  portClick(b, context, id);
  actionClick(b, cpOf(), context, readPast);
}

// ---- what is asked for ----
async function readPast() {
  const { signal } = requests;
  try {
    known.one = await ask(`cps/${encodeURIComponent(id)}`, {}, signal);
    noHistory = !known.one.history && known.one.unknown.length > 0;
    if (known.one.history) {
      const from = new Date(lanesFrom(context.store.now()) * 1000).toISOString(), of = `cps/${encodeURIComponent(id)}/`;
      const [segments, incidents] = await Promise.all([askAll(of + 'segments', 'segments', { from }, 20000, signal), askAll(of + 'incidents', 'incidents', { from }, 5000, signal)]);
      known.segments = segments.segments.map(readSegment);
      known.incidents = incidents.incidents.map(readIncident).reverse();
      freshen(cpOf());
    }
    known.words = (await ask(`cps/${encodeURIComponent(id)}/words`, {}, signal)).words;
    if (context.store.central && context.store.central.accounts) await readEntered(signal);
    trouble = null;
  } catch (e) {
    if (isGone(e)) return;
    trouble = e;
  }
  draw();
}

// readEntered reads what people entered: maintenance and exclusions of it, and of its site.
/** @param {AbortSignal} signal */
async function readEntered(signal) {
  const cp = cpOf(), site = cp && cp.site, its = (/** @type {any} */ x) => x.cp_id === id || !x.cp_id && site && x.site === site;
  const [windows, exclusions] = await Promise.all([ask('maintenance', { limit: '1000' }, signal), ask('exclusions', { limit: '1000' }, signal)]);
  known.windows = windows.maintenance.filter(its);
  known.exclusions = exclusions.exclusions.filter(its);
}

const VERDICTS = /** @type {Record<string, Check['verdict']>} */ ({ OK: 'ok', KO: 'ko', CONNECTION_ERROR: 'none', UNKNOWN: 'unjudged' });

// readChecks asks when the next check is due to be known, and never more than once a second.
async function readChecks() {
  clearTimeout(checksTimer);
  let wait = 5;
  try {
    const answer = noHistory ? null : await ask(`cps/${encodeURIComponent(id)}/checks`, {}, requests.signal);
    if (answer) {
      const checks = answer.checks.map((/** @type {any} */ c) => ({ at: seconds(c.at), verdict: VERDICTS[c.outcome], ms: (c.outcome === 'OK' || c.outcome === 'KO') && c.event_id ? c.latency_us / 1000 : null, cause: c.cause, reply: c.reply }));
      known.checks = checks;
      known.interval = usual(checks);
      const last = checks[checks.length - 1];
      if (last && known.interval) wait = Math.max(1, Math.min(5, last.at + known.interval + 0.3 - context.store.now()));
    }
  } catch (e) {
    if (isGone(e)) return;
    if (!(e instanceof Problem)) throw e;
  }
  if (requests.signal.aborted) return;
  draw();
  if (!document.hidden) checksTimer = setTimeout(readChecks, wait * 1000);
}
/** The median distance of checks, s. @param {Check[]} checks */
function usual(checks) {
  const d = checks.slice(-61).map((c, i, all) => (i ? c.at - all[i - 1].at : 0)).slice(1).sort((a, b) => a - b);
  return d.length ? d[d.length >> 1] : 0;
}

// ---- drawing ----
/** @returns {import('./model.js').Moment} */
function moment() {
  const { store } = context, now = store.now();
  return { now, lost: store.lost, knownUntil: store.knownUntil(), kafka: kafkaOf(store.reading, store.cps.values(), store.knownUntil()), match: () => true };
}
// The open incident as the stream tells it: it is fresher than what was read.
/** @param {any} cp */
function freshen(cp) {
  const e = cp && cp.events, i = open();
  if (!e || !e.open || !i || Math.abs(i.first - e.open.since) > 1) return;
  i.failed = e.open.failed_checks;
  i.notJudged = e.open.not_judged;
}
const cpOf = () => context.store.cps.get(id) || (known.one && known.one.present);
const open = () => known.incidents.find((i) => i.open) || null;

function draw() {
  width = root.clientWidth;
  const cp = cpOf(), site = cp && cp.site || known.one && known.one.history && known.one.history.site || '';
  const crumb = `<nav class="crumb" aria-label="${t('crumb')}"><a href="${esc(context.href('/'))}">${t('board')}</a><span>/</span>${site ? `<a href="${esc(context.href('/?' + new URLSearchParams({ site })))}">${esc(site)}</a><span>/</span>` : ''}<b>${esc(id)}</b></nav>`;
  if (!cp && !known.one) {
    patch(root, `<main class="place cpage" id="board">${crumb}${trouble ? unknown() : `<p class="note">${t('reading')}…</p>`}</main>`);
    return;
  }
  patch(root, `<main class="place cpage" id="board">${crumb}<header class="hero" data-own></header>
    <div class="cols"><div class="c1"><section id="answers" data-own></section>
      <section id="timeline" data-own></section>
      <section>${incidents()}</section></div>
    <aside class="c2"><section><h2>${t('toldlog')}</h2>${log(known, cp, context.store.now())}</section><section><h2>${t('sources')}</h2>${sources(known, cp, moment())}</section><section><h2>${t('identity')}</h2>${identity(known, cp, id, site, context.store.now())}${portButtons(context)}</section>${maintenanceText(cp, context)}</aside></div></main>`);
  drawHero();
  drawAnswers();
  drawTimeline();
}

/** There is no such charge point, or Central does not say. */
function unknown() {
  return trouble instanceof Problem && trouble.status === 404 ? `<div class="notice"><h1>${t('cp_unknown', { a: esc(id) })}</h1><p>${t('cp_unknown2')}</p></div>` : problemText(trouble);
}

const HERO = /** @type {Record<string, string>} */ ({ activated: 'activated', faulted: 'faulted', disconnected: 'disconnected', maintenance: 'maintenance', expected: 'expected' });

function drawHero() {
  const hero = $('.hero', root), cp = cpOf();
  if (!hero) return;
  const m = moment(), { now } = m;
  const state = cp ? HERO[cp.state] || 'expected' : 'expected', place = cp ? [cp.name, cp.site, cp.bay && t('bay', { n: cp.bay })].filter(Boolean).map(esc).join(', ') : '';
  hero.className = `hero s-${state}${cp && isUnverified(cp, now) ? ' unverified' : ''}`;
  patch(hero, `<div class="hs">${shape(state)}</div><div class="ht"><h1>${esc(id)} <span>${place}</span></h1><p class="hw"><strong>${t(state)}</strong> <span data-k="for">${sinceHero(cp, m)}</span>${ownerText(cp, context)}</p></div>
    <div class="hn"><p class="seen" data-k="seen"></p><div class="meter" data-k="meter"><svg width="96" height="4" aria-hidden="true"><rect width="96" height="4" rx="2" class="mt"/><rect width="0" height="4" rx="2" class="mv"/></svg></div><p data-k="next"></p></div>
    <dl class="hy"><div><dt>${t('why')}</dt><dd>${why(cp, now)}</dd></div><div><dt>${t('next')}</dt><dd data-k="happens">${happens(cp)}</dd></div></dl>`);
  tick();
}

/** For how long it is so: since its first failed check, if the events tell it. @param {any} cp @param {any} m */
const sinceHero = (cp, m) => (cp && cp.since ? t('cp_for', { d: lastsText(cp, m) }) : '');

/** @param {any} cp @param {number} now */
function why(cp, now) {
  const i = open(), checks = known.checks || [], last = checks[checks.length - 1];
  if (!cp) return t('why_events');
  if (cp.state === 'maintenance' && cp.maintenance) return esc(t('why_maintenance', { why: cp.maintenance.reason, t: when(cp.maintenance.to, now) }));
  if (cp.state === 'faulted' && i && !cp.unverified) {
    const said = last && last.reply && last.verdict === 'ko' ? `<code>${esc(last.reply)}</code>` : causeText(i.cause);
    return t(last && last.reply && last.verdict === 'ko' ? 'why_ko' : 'why_failed', { n: num(i.failed), said, t: dated(i.first, now) }) + (i.detected ? ' ' + t('why_opened', { t: dated(i.detected, now) }) : '') + (i.notJudged ? ' ' + t('why_unjudged', { n: num(i.notJudged) }) : '');
  }
  if (cp.state === 'activated' && last && last.verdict === 'ok' && !cp.unverified && now - last.at < 60) {
    let row = 0;
    while (row < checks.length && checks[checks.length - 1 - row].verdict === 'ok') row++;
    return t('why_ok', { n: row === checks.length ? t('inc_least', { a: num(row) }) : num(row) });
  }
  return reasonText(cp, now) + '.' + (cp.state === 'disconnected' ? ' ' + t('engine_maybe') : '');
}

/** @param {any} cp */
function happens(cp) {
  if (!cp) return t('next_register');
  switch (cp.state) {
    case 'faulted': return t('next_ok');
    case 'disconnected': return t('next_heard');
    case 'maintenance': return t('next_maintained');
    case 'expected': return t('next_register');
    default: return isConnected(cp) && cp.unverified ? t('next_verify') : t('next_fail');
  }
}

function drawAnswers() {
  const box = $('#answers', root);
  if (!box) return;
  const now = context.store.now(), i = open(), checks = known.checks && known.checks.filter((c) => c.at > now - 300);
  const rate = known.interval ? t('lat_every', { s: every(known.interval) }) : '';
  const inner = noHistory ? `<p class="note">${t('no_history')}</p>` : !checks ? `<p class="note">${t('reading')}…</p>` : !checks.length ? `<p class="note">${t(known.checks && known.checks.length ? 'lat_old' : 'lat_none')}</p>` : chart(checks, now, known.interval || 1, inside(), i ? i.first : 0);
  patch(box, `<h2>${t('lat')} <small>${rate}</small>${checks && checks.length ? `<span class="hr">${figuresText(checks)}</span>` : ''}</h2>${inner}`);
}

/** The width inside of a section of the wide column. */
function inside() {
  const c1 = $('.c1 section', root);
  return Math.max(260, c1 ? c1.clientWidth - (innerWidth > 900 ? 40 : 0) : 600);
}

// drawTimeline draws the lanes when what they show has changed: thousands of segments are not
// looked at each second.
/** @type {any[]} */
let drawn = [];
function drawTimeline() {
  const box = $('#timeline', root), now = [box, known.one, known.segments, known.windows, trouble, inside(), Math.floor(context.store.now() / 10), context.store.lost];
  if (!box || now.every((v, i) => v === drawn[i])) return;
  drawn = now;
  patch(box, `<h2>${t('timeline')} <small>${t('taller')}</small><span class="hr key">${legend()}</span></h2>${timeline()}`);
}

function timeline() {
  if (noHistory) return problemOr('');
  if (!known.segments.length) return known.one && known.one.history === null ? `<p class="note">${t('no_events')}</p>` : trouble ? problemText(trouble) : `<p class="note">${t('reading')}…</p>`;
  const { store } = context, now = store.now(), W = inside(), lastAt = known.segments[known.segments.length - 1].to;
  const until = now - lastAt < 10 || store.lost ? lastAt : now; // what comes next may be on its way
  const head = `<div class="lh" aria-hidden="true"><span></span><span></span><span>${t('up_watched')}</span><span>${t('worst_best')}</span><span>${t('down')}</span><span>${t('unwatched')}</span></div>`;
  return head + lanes(known.segments, known.windows.map((w) => ({ from: seconds(w.from), to: Math.min(seconds(w.ended || w.to), now) })), now, until, innerWidth > 900 ? W - 76 - 16 - 4 * 88 : W) + lostNote(known.one.history);
}
/** @param {string} otherwise */
const problemOr = (otherwise) => (noHistory ? `<p class="note"><b>${t('no_history')}</b> ${t('no_history2')}</p>` : otherwise);

function incidents() {
  const head = `<h2>${t('inc_30')}</h2>`, now = context.store.now();
  if (noHistory) return head + problemOr('');
  if (!known.incidents.length) return head + `<p class="note">${known.one ? t('inc_none30') : t('reading') + '…'}</p>`;
  const rows = known.incidents.slice(0, 50).map((i) => {
    const end = endText(i), out = known.exclusions.find((x) => !x.withdrawn && seconds(x.from) < (i.recovered || now) && seconds(x.to) > i.first && i.first > 0);
    return `<tr class="${i.open ? 'on' : ''}" data-key="${esc(i.key)}"><td data-l="${t('th_from')}">${sinceText(i, now)}</td><td class="r" data-l="${t('th_dur')}"><b data-lasted="${esc(i.key)}">${lastedText(i, now, context.store.lost)}</b>${end ? `<small>${end}</small>` : ''}</td>
      <td data-l="${t('th_cause')}">${causeText(i.cause)}${out ? `<small class="excl">${t('excluded_by', { why: t('reason_' + out.reason) })}</small>` : ''}</td><td data-l="${t('th_evidence')}" class="evc">${evidence(i)}<span>${t('failed_n', { n: num(i.failed) })}</span></td>
      <td data-l="${t('th_told')}">${toldText(i)}</td><td data-l="${t('th_sources')}">${i.reported ? t('src_both') : `<span class="one">${t('src_events')}</span>`}</td></tr>`;
  });
  const more = known.incidents.length > 50 ? `<p class="note">${t('inc_rest', { n: num(known.incidents.length - 50) })} <a href="${esc(context.href('/incidents?time=30d'))}">${t('nav_incidents')}</a></p>` : '';
  return head + `<table class="inc30"><thead><tr>${['th_from', 'th_dur', 'th_cause', 'th_evidence', 'th_told', 'th_sources'].map((k) => `<th scope="col"${k === 'th_dur' ? ' class="r"' : ''}>${t(k)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>${more}`;
}

/** Three checks before, the first that failed, and the last: OK again, or not. @param {import('./incident.js').Incident} i */
function evidence(i) {
  const fail = (/** @type {number} */ x) => (i.cause === 'said_ko' || i.cause === 'protocol' ? `<rect class="e-k" x="${x}" y="0" width="3" height="14"/>` : `<rect class="e-n" x="${x + 0.5}" y=".5" width="2" height="13"/>`);
  const ok = (/** @type {number} */ x) => `<rect class="e-o" x="${x}" y="9" width="3" height="5"/>`, n = Math.min(3, Math.max(1, i.failed));
  const failed = [0, 1, 2].slice(0, n).map((k) => fail(15 + 5 * k)).join('');
  return `<svg class="ev" width="44" height="14" viewBox="0 0 44 14" aria-hidden="true">${ok(0)}${ok(5)}${ok(10)}${failed}${i.failed > 3 ? '<path class="e-dots" d="M32 12h1m2 0h1"/>' : ''}${i.open ? fail(39) : i.recovered ? ok(39) : ''}</svg>`;
}

// ---- what time alone changes ----
function tick() {
  if (document.hidden) return;
  const { store } = context, m = moment(), { now } = m, cp = cpOf();
  set($('[data-k="for"]', root), sinceHero(cp, m));
  const i = open();
  if (i) for (const e of root.querySelectorAll('[data-lasted]')) if (e.getAttribute('data-lasted') === i.key) set(e, lastedText(i, m.knownUntil, store.lost));
  const checked = lastCheck(cp), seenAt = checked || (cp ? cp.last_seen : 0);
  set($('[data-k="seen"]', root), seenAt ? t(checked ? 'seen' : 'heard', { s: age(now - seenAt), d: age(now - seenAt) }) : t('never_seen'));
  meter(checked, now);
}

/** When it was last checked, as far as this page knows; 0: not known. @param {any} cp */
function lastCheck(cp) {
  const last = known.checks && known.checks[known.checks.length - 1];
  return Math.max(last ? last.at : 0, cp && cp.events && cp.events.checked || 0);
}

/**
 * The way to the next check: it fills; when that is late it stays full, and hatched. A check is late
 * only if events of others came after it was due: otherwise it may be the events that are late.
 * @param {number} last @param {number} now
 */
function meter(last, now) {
  const box = $('[data-k="meter"]', root), bar = box && box.querySelector('.mv'), next = $('[data-k="next"]', root);
  if (!box || !bar) return;
  const interval = known.interval, is = last > 0 && interval > 0 && !context.store.lost;
  box.hidden = !is;
  if (!is) { set(next, ''); return; }
  const { reading } = context.store, arrived = reading && reading.arrived || 0, due = last + interval + LATE;
  const since = now - last, late = arrived > due, away = now > due && !late && now - arrived > LATE, part = Math.min(1, since / interval);
  bar.setAttribute('width', String(Math.round(96 * part)));
  bar.classList.toggle('late', late || away);
  set(next, late ? t('check_late', { s: dur(since - interval) }) : away ? t('events_away', { s: dur(now - arrived) }) : since < interval ? t('check_next', { s: interval < 10 ? num(interval - since, 1) + NB + 's' : dur(interval - since) }) : t('check_due'));
}
