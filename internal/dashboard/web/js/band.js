// The band above the overview: the sentence, the counts, the last 24 hours, the rate of events and
// whether all of it can be believed. As HTML.
// @ts-check
import { t } from './words.js';
import { esc, num, dur, durShort, age, clock, pct, NB } from './format.js';
import { KINDS, shape, kindShape, isKind, isUnverified } from './draw.js';
import { STATES, isConnected, sinceOf } from './model.js';
import { boundsBar, rateBars } from './marks.js';
import { lastsText } from './tiles.js';

/** @typedef {import('./model.js').Moment} Moment */
/** @typedef {import('./model.js').ChargePoint} ChargePoint */
/** @typedef {import('./store.js').Store} Store */

/** How many charge points are of each state and kind. @param {Iterable<ChargePoint>} cps @param {number} now */
export function counts(cps, now) {
  /** @type {Record<string, number>} */
  const c = {};
  for (const k of [...STATES, ...KINDS]) c[k] = 0;
  for (const cp of cps) {
    if (cp.state in c) c[cp.state]++;
    for (const k of KINDS) if (k !== cp.state && isKind(cp, k, now)) c[k]++;
  }
  return c;
}
/** @param {Record<string, number>} c @param {Set<string>} filtered */
export const countCells = (c, filtered) => [...STATES, ...KINDS.filter((k) => c[k] || filtered.has(k))].map((s) => `<button type="button" class="count s-${s}${c[s] ? '' : ' zero'}" data-key="${s}" data-state="${s}" aria-pressed="${filtered.has(s)}">${KINDS.includes(s) ? kindShape(s) : shape(s)}<b data-k="n-${s}">${num(c[s])}</b><span>${t(s + '_n', { n: c[s] })}</span></button>`).join('');

/** @param {ChargePoint} cp @param {(place: string) => string} href */
const link = (cp, href) => `<a href="${esc(href('/cp/' + encodeURIComponent(cp.cp_id)))}">${esc(cp.cp_id)}</a>`;

/** The sentence. @param {Store} store @param {Moment} m @param {Record<string, number>} c @param {import('./model.js').Row[]} rows @param {(place: string) => string} href */
export function headline(store, m, c, rows, href) {
  if (!store.central) return NB;
  if (m.lost) return t('h_lost', { at: clock(store.lostAt), n: num(c.faulted) });
  if (!store.cps.size) return t('h_empty');
  const last = c.last_known_faulted, list = [...store.cps.values()];
  const groups = rows.filter((r) => !r.cp).slice(0, 2).map((r) => ` <a href="${esc(href('/?' + new URLSearchParams({ site: r.site })))}">${t(`h_site${r.cps.length === r.of ? '_all' : ''}_${r.state}`, { s: esc(r.site), n: num(r.cps.length), all: num(r.of) })}</a>`).join('');
  if (!c.faulted && last) {
    const cp = list.filter((x) => x.last_known_fault).sort((a, b) => a.last_seen - b.last_seen)[0];
    return t(last === 1 ? 'h_last1' : 'h_last', { n: num(last), cp: link(cp, href), dur: `<span>${dur(m.now - cp.last_seen)}</span>` }) + groups;
  }
  if (!c.faulted) return t('h_none', { n: num(list.filter((cp) => isConnected(cp) && !isUnverified(cp, m.now)).length), all: num(store.cps.size) }) + groups;
  let oldest = null;
  for (const cp of list) if (cp.state === 'faulted' && (!oldest || sinceOf(cp).at < sinceOf(oldest).at)) oldest = cp;
  const text = t(c.faulted === 1 ? 'h_fault1' : 'h_fault', { n: num(c.faulted), cp: oldest && link(oldest, href), dur: `<span>${oldest && lastsText(oldest, m)}</span>` });
  return (last ? text + ' ' + t('h_more', { n: num(last) }) : text) + groups;
}

/** Whether it can be believed. @param {Store} store @param {Moment} m */
export function confidence(store, m) {
  if (m.lost) return t('b_lost', { s: dur(m.now - store.lostAt) });
  if (!store.cps.size) return t('b_none');
  if (m.kafka.state === 'lost') return t('b_kafka');
  let live = 0, beating = 0, within = 0;
  for (const cp of store.cps.values()) {
    if (!isConnected(cp)) continue;
    live++;
    if (!cp.last_heartbeat || isUnverified(cp, m.now)) continue;
    beating++;
    within = Math.max(within, m.now - cp.last_seen);
  }
  if (!live) return t('b_nobody');
  if (!beating) return t('b_quiet');
  return t(beating === store.cps.size ? 'b_ok' : 'b_part', { n: num(beating), all: num(store.cps.size), s: age(Math.ceil(within * 10) / 10) });
}

/** @param {Store} store @param {Moment} m @param {any} day @param {string} error why there is none */
export function dayFigures(store, m, day, error) {
  if (m.kafka.state === 'none') return `<p class="fig"><b>–</b> <span>${t('day_none')}</span></p>`;
  if (!day) return `<p class="fig"><b>–</b> <span>${store.central ? esc(error) || t('day_wait') : ''}</span></p>`;
  if (day.network.percent === null) return `<p class="fig"><b>–</b> <span>${t('day_empty')}</span></p>`;
  return `<p class="fig"><b>${pct(day.network.percent)}</b> <span>${t('up_watched')}</span></p>${boundsBar(day.network)}`;
}

/** @param {Store} store @param {Moment} m */
export function rateFigures(store, m) {
  const gone = m.lost ? Math.min(60, Math.floor(m.now - store.lostAt)) : m.kafka.state === 'lost' ? Math.min(60, Math.floor(m.now - m.kafka.since)) : m.kafka.state === 'ok' ? 0 : 60;
  const last = store.rate[store.rate.length - 1], known = !m.lost && m.kafka.state === 'ok';
  const recent = store.rate.slice(-5).reduce((a, b) => a + b, 0) / 5;
  return `<p class="fig"><b>${known ? (recent < 100 ? num(recent, 1) : num(last)) : '–'}</b></p>${rateBars(store.rate, gone)}`;
}

/** What stands at the leg of the events. @param {Moment} m */
export function kafkaText(m) {
  const { state, since, behind } = m.kafka;
  if (state === 'none') return t('l_none');
  if (state === 'waiting') return t('l_waiting');
  if (state === 'lost') return t('l_off', { s: durShort(m.now - since) });
  return t('l_behind', { s: age(behind || 0) });
}
