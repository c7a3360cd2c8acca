// One incident has one set of times wherever it is shown: first failed check, detected, told,
// answered in, recovered. Here they are read from the API and put into words, and nowhere else.
// @ts-check
import { t } from './words.js';
import { TOGETHER, PART } from './model.js';
import { num, dur, durBound, age, when, clock, NB } from './format.js';

/**
 * @typedef {Object} Incident times are Unix seconds; 0: not known, or not yet
 * @property {string} key @property {string} cp @property {string} site @property {string} cause
 * @property {number} first the first failed check
 * @property {number} detected @property {number} told when the report was sent @property {number} answered how long Central's answer took, in ms
 * @property {number} recovered @property {boolean} endUnseen it is over, and nobody saw when @property {boolean} open
 * @property {number} failed @property {number} notJudged @property {boolean} reported Central has heard a report of it over TCP
 */

/** A time of the API in Unix seconds; 0 for none. @param {string | null | undefined} text */
export const seconds = (text) => (text ? Date.parse(text) / 1000 : 0);

/** Reads an incident of the API. @param {any} i @returns {Incident} */
export function readIncident(i) {
  const answeredAt = seconds(i.told), ms = i.answered_us / 1000;
  return {
    key: i.cp_id + ' ' + (i.incident_id || i.first_failed), cp: i.cp_id, site: i.site, cause: i.cause, first: seconds(i.first_failed), detected: seconds(i.detected),
    told: answeredAt && answeredAt - ms / 1000, answered: ms, recovered: seconds(i.recovered), endUnseen: i.end_unseen, open: i.open, failed: i.failed_checks, notJudged: i.not_judged,
    reported: i.tcp_failure !== null,
  };
}

/** A time to the millisecond: 10:53:34.402. @param {number} at */
export const clockMs = (at) => clock(at) + t('decimal') + String(Math.floor(at * 1000) % 1000).padStart(3, '0');

/** Milliseconds as HTML, with one decimal below 100; what is less than a tenth is not nothing. @param {number} ms */
export const millis = (ms) => (ms > 0 && ms < 0.1 ? '&lt;' + NB + num(0.1, 1) : num(ms, ms < 100 ? 1 : 0)) + NB + 'ms';

// The causes of incidents, and those of time that nobody watched.
export const CAUSES = ['said_ko', 'protocol', 'refused', 'timeout', 'reset', 'closed', 'unreachable', 'dns', 'tls', 'other', 'not_recorded'];
const UNWATCHED = ['no_check', 'gap', 'clock', 'disputed', 'offline'];

/** The cause in words, as HTML. @param {string} cause */
export const causeText = (cause) => t('cause_' + (CAUSES.includes(cause) || UNWATCHED.includes(cause) ? cause : 'other'));

/** Since when. @param {Incident} i @param {number} now */
export const sinceText = (i, now) => (i.first ? when(i.first, now) : t('not_known'));

/** How long it lasted, or has lasted by now: a bound where nobody saw the end. @param {Incident} i @param {number} now @param {boolean} [lost] the link is */
export function lastedText(i, now, lost) {
  if (!i.first) return t('not_known');
  if (i.recovered) return i.recovered - i.first < 1 ? num(i.recovered - i.first, 1) + NB + 's' : dur(i.recovered - i.first);
  if (i.endUnseen) return i.detected > i.first ? '≥' + NB + durBound(i.detected - i.first) : t('not_known');
  return (lost ? '≥' + NB : '') + dur(now - i.first);
}

/** What is behind the duration: goes on, or that nobody saw the end. @param {Incident} i */
export const endText = (i) => (i.open ? t('goes_on') : i.endUnseen ? t('end_unseen') : '');

/** When Central was told, and how soon it answered. @param {Incident} i */
export function toldText(i) {
  if (!i.told) return t(i.open ? 'told_not_yet' : 'told_never');
  const after = i.first ? t('told_after', { s: age(Math.max(0, i.told - i.first)) }) : clock(i.told);
  return after + ' · ' + millis(i.answered);
}

/** All moments, for the row that opens: [name, text]. @param {Incident} i @param {number} now */
export function momentsOf(i, now) {
  /** @type {[string, string][]} */
  const all = [[t('m_first'), i.first ? dated(i.first, now) : t('not_known')]];
  all.push([t('m_detected'), i.detected ? dated(i.detected, now) : t('not_recorded')]);
  all.push([t('m_told'), i.told ? dated(i.told, now) : t(i.open ? 'told_not_yet' : 'told_never')]);
  if (i.told) all.push([t('m_answered'), millis(i.answered)]);
  all.push([t('m_recovered'), i.recovered ? dated(i.recovered, now) : endText(i)]);
  all.push([t('m_failed'), num(i.failed) + (i.notJudged ? ', ' + t('not_judged', { n: num(i.notJudged) }) : '')]);
  return all;
}
/** A moment to the millisecond, with the date if it is another day. @param {number} at @param {number} now */
export function dated(at, now) {
  const w = when(at, now);
  return w === clock(at) ? clockMs(at) : w.replace(/\d\d:\d\d$/, '') + clockMs(at);
}

/**
 * Puts incidents of a site that failed together into one: the list, newest first, as rows of one or
 * more. It failed if most of its charge points did, within TOGETHER seconds.
 * @param {Incident[]} list newest first @param {(site: string) => number} sizeOf how many charge points a site has @returns {Incident[][]}
 */
export function bySite(list, sizeOf) {
  /** @type {Incident[][]} */
  const rows = [];
  /** @type {Map<string, Incident[]>} */
  const last = new Map(); // the newest row of each site; its first is its newest
  for (const i of list) {
    const row = i.site && i.first ? last.get(i.site) : undefined;
    if (row && row[0].first - i.first <= TOGETHER) { row.push(i); continue; }
    const fresh = [i];
    rows.push(fresh);
    if (i.site) last.set(i.site, fresh);
  }
  const whole = (/** @type {Incident[]} */ r) => { const n = new Set(r.map((i) => i.cp)).size; return n >= 2 && n >= PART * sizeOf(r[0].site); };
  return rows.flatMap((r) => (whole(r) ? [r] : r.map((i) => [i]))).sort((a, b) => b[0].first - a[0].first);
}
