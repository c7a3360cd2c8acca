// The rows of what needs attention, as HTML.
// @ts-check
import { t } from './words.js';
import { esc, num, dur, ms, clock, when, hm, NB } from './format.js';
import { shape } from './draw.js';
import { barsBox, evidence } from './marks.js';
import { openOf, agreement, sinceOf } from './model.js';
import { whyText, causeOf } from './tiles.js';

/** @typedef {import('./model.js').Row} Row */
/** @typedef {import('./model.js').Moment} Moment */
/** @typedef {import('./model.js').ChargePoint} ChargePoint */

export const MAX_ROWS = 24;
const MAX_OPEN = 60; // charge points of a site that opens

/**
 * @param {Row[]} rows @param {Moment} m @param {Set<string>} open the keys of the sites that are open
 * @param {(place: string) => string} href @param {boolean} mayTake
 */
export function queueRows(rows, m, open, href, mayTake) {
  const shown = rows.slice(0, MAX_ROWS).map((r) => (r.cp ? cpRow(r, r.cp, m, href, mayTake) : siteRow(r, m, open.has(r.key), href)));
  return rows.length <= MAX_ROWS ? shown : [...shown, `<li class="more" data-key="more">${t('queue_more', { n: num(rows.length - MAX_ROWS) })}</li>`];
}

/** @param {Row} r @param {Moment} m */
const lasts = (r, m) => (m.lost || r.bound ? '≥' + NB : '') + dur(m.knownUntil - r.since);

/** @param {Row} r @param {ChargePoint} cp @param {Moment} m @param {(place: string) => string} href @param {boolean} mayTake */
function cpRow(r, cp, m, href, mayTake) {
  const place = [cp.site && esc(cp.site), cp.bay && t('bay', { n: esc(cp.bay) })].filter(Boolean).join(' · ');
  const open = openOf(cp), clash = agreement(cp, m), faulted = r.state === 'faulted' && !cp.last_known_fault;
  const cause = clash === 'events' && open ? causeOf(open.cause, open.engine_response) : whyText(cp, m);
  const since = r.bound ? t('latest', { t: when(r.since, m.now) }) : t('since', { t: when(r.since, m.now) });
  let ev = '', told = '';
  if (faulted) {
    ev = evidenceOf(cp, m);
    told = toldOf(cp, m, clash);
  } else if (cp.state === 'disconnected') {
    ev = cp.reason === 'silent' ? `${barsBox(String(cp.heartbeats || '').replace(/M/g, 'O').slice(-6) + '---')}<span>${t('q_maybe')}</span>` : '';
    told = ev ? `<span>${t('q_lastword', { t: when(cp.last_seen, m.now) })}</span>` : `<span>${t('q_maybe')}</span>`;
  }
  const own = cp.owner ? `<span class="own" title="${esc(cp.owner.note || '')}">${esc(cp.owner.name)}</span>` : !mayTake ? '' : `<button type="button" class="take" data-take="${esc(cp.cp_id)}"${m.lost ? ' disabled' : ''}>${t('q_take')}</button>`;
  return `<li class="q s-${r.state}${cp.last_known_fault ? ' last' : ''}${cp.owner ? '' : ' open'}" data-key="${esc(r.key)}">
    <a class="qm" href="${esc(href('/cp/' + encodeURIComponent(cp.cp_id)))}">${shape(r.state, cp.last_known_fault ? 'hollow' : '')}<b>${esc(cp.cp_id)}</b><span class="qs">${place}</span><time class="qd">${lasts(r, m)}</time>
    <span class="qc"><span>${cause}</span><span class="qt">${since}</span></span></a>
    ${ev || told || own ? `<div class="qe">${ev}${ev ? own : ''}</div><div class="ql">${told}${ev ? '' : own}</div>` : ''}</li>`;
}

/** @param {ChargePoint} cp @param {Moment} m */
function evidenceOf(cp, m) {
  const open = openOf(cp), away = m.kafka.state === 'lost' || m.lost;
  if (open && (cp.state !== 'faulted' || !sinceOf(cp).bound)) {
    const unjudged = open.not_judged ? `, ${t('q_unjudged', { u: num(open.not_judged) })}` : '';
    const all = num(open.failed_checks);
    const text = away && !m.lost ? `<span>${t('q_gone', { t: hm(m.kafka.since) })}</span>` : `<span>${t('q_failed', { n: all, all })}${unjudged}</span>`;
    return evidence(open, cp.events.checks || '', away && !m.lost) + text;
  }
  if (m.kafka.state === 'none' || !cp.events) return `<span>${t('q_no_events')}</span>`;
  return m.kafka.state === 'lost' ? `${evidence({ failed_checks: 0, not_judged: 0 }, '', true)}<span>${t('q_gone', { t: hm(m.kafka.since) })}</span>` : '';
}

/** @param {ChargePoint} cp @param {Moment} m @param {string} clash */
function toldOf(cp, m, clash) {
  const open = openOf(cp);
  if (clash === 'events' && open) return `<span class="clash">${t('q_clash_events', { t: clock(open.since) })}</span>`;
  const told = open && open.told ? `<span class="tick">${t('q_told', { t: when(open.told - (open.answered_ms || 0) / 1000, m.now), ms: ms(open.answered_ms || 0) })}</span>`
    : `<span class="tick">${t('q_told_tcp', { t: when(cp.since, m.now) })}</span>`;
  if (clash === 'report') return told + `<span class="clash">${t('q_clash_report', { t: when(cp.events.last_ok, m.now) })}</span>`;
  return told + (clash === 'agree' ? `<span class="tick">${t('q_agree')}</span>` : '');
}

/** A site whose charge points failed together. @param {Row} r @param {Moment} m @param {boolean} open @param {(place: string) => string} href */
function siteRow(r, m, open, href) {
  const n = num(r.cps.length), within = num(Math.max(0.1, Math.ceil(r.within * 10) / 10), 1) + NB + 's';
  const list = open ? `<ul class="qsite" id="${esc('of ' + r.key).replace(/[^\w-]/g, '_')}">${r.cps.slice(0, MAX_OPEN).map((cp) => `<li data-key="${esc(cp.cp_id)}"><a href="${esc(href('/cp/' + encodeURIComponent(cp.cp_id)))}">${esc(cp.cp_id)}</a></li>`).join('')}${r.cps.length > MAX_OPEN ? `<li data-key="more">+${num(r.cps.length - MAX_OPEN)}</li>` : ''}</ul>` : '';
  const first = r.cps[0], causes = new Set(r.cps.map((cp) => whyText(cp, m)));
  return `<li class="q group s-${r.state} open" data-key="${esc(r.key)}">
    <a class="qm" href="${esc(href('/?' + new URLSearchParams({ site: r.site })))}">${shape(r.state)}<b>${esc(r.site)}</b><span class="qs">${t('cps', { n })}</span><time class="qd">${lasts(r, m)}</time>
    <span class="qc"><span>${t('q_site_' + r.state, { n, all: num(r.of), s: within })}</span><span class="qt">${t(r.bound ? 'latest' : 'since', { t: when(r.since, m.now) })}</span></span></a>
    <div class="qe"><span>${causes.size === 1 ? whyText(first, m) + '. ' : ''}${t('q_look')}</span></div>
    <div class="ql"><button type="button" class="qopen" data-open="${esc(r.key)}" aria-expanded="${open}">${t(open ? 'q_close' : 'q_open', { n })}</button></div>${list}</li>`;
}

