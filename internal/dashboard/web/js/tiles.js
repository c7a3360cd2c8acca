// One charge point on the board, as HTML. Every value from the network goes through esc() or peer().
// @ts-check
import { t } from './words.js';
import { esc, num, dur, durShort, durBound, age, ms, pct, peer, when, host, NB } from './format.js';
import { shape, isUnverified, isOld, reasonText, missing, heartbeatBars, heartbeatText, lastSeenText, stateText } from './draw.js';
import { causeText } from './incident.js';
import { bars, dayStrip } from './marks.js';
import { sinceOf, openOf } from './model.js';

/** @typedef {import('./model.js').Moment} Moment */
/** @typedef {import('./model.js').ChargePoint} ChargePoint */

const SPOKEN = ['said_ko', 'protocol']; // causes of which the Engine's own words say more

/** What a failed check or an incident is due to. @param {string} cause @param {string} [reply] of the Engine */
export const causeOf = (cause, reply) => (SPOKEN.includes(cause) && reply ? `${t('q_engine_says')} <code>${peer(reply)}</code>` : causeText(cause));

/** Why a charge point is in its state, as HTML. @param {ChargePoint} cp @param {Moment} m */
export function whyText(cp, m) {
  if (cp.state === 'maintenance') return `${esc(cp.maintenance.reason)}, ${t('q_until', { t: when(cp.maintenance.to, m.now) })}`;
  const open = openOf(cp);
  if (cp.state === 'faulted' && open && !sinceOf(cp).bound) return causeOf(open.cause, open.engine_response);
  if (cp.state === 'faulted' && m.kafka.state === 'lost') return t('q_unknown');
  if (cp.state === 'activated' && open) return causeOf(open.cause, open.engine_response);
  if (cp.state === 'activated' && cp.events && cp.events.streak) return t('tl_streak', { n: num(cp.events.streak) });
  if (cp.state === 'activated' && cp.status === 'OK' && cp.events && cp.events.latency_ms && m.kafka.state === 'ok') return t('tl_answers', { ms: ms(cp.events.latency_ms) });
  return reasonText(cp, m.now);
}

/** How long a charge point is in its state. @param {ChargePoint} cp @param {Moment} m @param {(s: number) => string} [f] */
export function lastsText(cp, m, f = dur) {
  const { at, bound } = sinceOf(cp);
  if (!at) return '';
  const least = m.lost || bound;
  return (least ? '≥' + NB : '') + (least && f === durShort ? durBound : f)(m.knownUntil - at);
}

/** When it was last seen: its last check, or its last message. @param {ChargePoint} cp @param {Moment} m */
export function seenText(cp, m) {
  const at = cp.events && cp.events.checked;
  return at && at > cp.last_seen && m.kafka.state === 'ok' ? t('seen', { s: age(m.now - at) }) : lastSeenText(cp, m.now);
}

/** @param {ChargePoint} cp */
const stateName = (cp) => t(cp.last_known_fault ? 'last_known_faulted' : cp.state);
/** @param {string} html */
const plain = (html) => html.replace(/<[^>]+>/g, '');

/** @param {ChargePoint} cp @param {Moment} m */
export const tileLabel = (cp, m) => plain([esc(cp.cp_id), stateName(cp), cp.state === 'activated' ? '' : lastsText(cp, m) && t('for', { d: lastsText(cp, m) }), whyText(cp, m), esc(cp.site || '')].filter(Boolean).join(', '));

/** @param {ChargePoint} cp @param {Moment} m @param {boolean} big */
export function tileClass(cp, m, big) {
  return ['tile', big ? 'big' : 'small', 's-' + cp.state, isUnverified(cp, m.now) && 'unverified', isOld(cp, m.now) && 'old', cp.last_known_fault && 'last', !m.match(cp) && 'dim'].filter(Boolean).join(' ');
}

/**
 * The inside of a tile. @param {ChargePoint} cp @param {Moment} m @param {boolean} big @param {any} day the last 24 hours; null: not known
 */
export function tileBody(cp, m, big, day) {
  const id = esc(cp.cp_id), mark = cp.last_known_fault ? shape('faulted', 'beat') : shape(cp.state, 'beat');
  const lasts = cp.state === 'activated' ? '' : lastsText(cp, m, big ? dur : durShort), time = lasts && `<time data-k="dur">${lasts}</time>`;
  const two = cp.speakers > 1 ? `<span class="twice">${t('speakers', { n: num(cp.speakers) })}</span>` : '';
  const one = day && day.cps[cp.cp_id];
  if (!big) {
    const strip = day ? dayStrip(day, one, 140, 10) : heartbeatBars(cp, missing(cp, m.now), 10);
    const why = cp.state === 'faulted' || cp.state === 'disconnected' || cp.state === 'maintenance' || cp.last_known_fault ? `<small class="wy">${whyText(cp, m)}</small>` : '';
    return `<span class="tl">${mark}<b>${id}</b>${time || streakBars(cp)}</span><span class="tw">${two || `<span data-k="word">${stateText(cp, m)}</span>${why}`}</span>${strip}`;
  }
  const checks = cp.events && cp.events.checks;
  const place = two || (cp.bay ? t('bay', { n: esc(cp.bay) }) : esc(host(cp.peer)));
  const minute = checks ? `<svg class="minute" viewBox="0 0 298 26" preserveAspectRatio="none">${bars(checks, (60 - checks.length) * 5, 26)}</svg>` : heartbeatBars(cp, missing(cp, m.now), 26);
  const up = one && one.percent !== null && !one.unknown ? t('tl_up', { p: pct(one.percent) }) : '';
  return `<span class="tl">${mark}<b>${id}</b><span class="bayno">${place}</span></span>
    <span class="tw"><strong>${stateName(cp)}</strong>${time || streakBars(cp)}</span>
    <span class="ts" data-k="why">${whyText(cp, m)}</span>
    <span class="cap"><span data-k="beats">${checks ? t('tl_minute') : heartbeatText(cp, m.now)}</span><span data-k="seen">${seenText(cp, m)}</span></span>
    <span data-k="bars">${minute}</span>${day ? `<span class="cap"><span>${t('tl_day')}</span><span>${up}</span></span>${dayStrip(day, one, 290, 22)}` : ''}`;
}

/** Failed checks that opened no incident yet. @param {ChargePoint} cp */
function streakBars(cp) {
  const n = cp.events && cp.state === 'activated' && !openOf(cp) ? Math.min(3, cp.events.streak || 0) : 0;
  if (!n) return '';
  const failed = String(cp.events.checks || '').replace(/[^KC]/g, '').slice(-n);
  return `<span class="sus"><svg width="13" height="14" aria-hidden="true">${bars(failed + '-'.repeat(3 - failed.length))}</svg></span>`;
}

/** A tile in its place. @param {ChargePoint} cp @param {Moment} m @param {boolean} big @param {any} day @param {string} href @param {boolean} stop whether Tab stops at it */
export const tile = (cp, m, big, day, href, stop) => `<li data-key="${esc(cp.cp_id)}"><a class="${tileClass(cp, m, big)}" href="${esc(href)}" data-id="${esc(cp.cp_id)}" tabindex="${stop ? 0 : -1}" aria-label="${tileLabel(cp, m)}">${tileBody(cp, m, big, day)}</a></li>`;
