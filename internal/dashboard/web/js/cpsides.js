// Beside the page of one charge point: what was seen and told, the two sources, and who it is.
// @ts-check
import { t } from './words.js';
import { esc, num, age, when, every, clock } from './format.js';
import { agreement } from './model.js';
import { causeText, clockMs, dated, millis, seconds } from './incident.js';

/** @typedef {import('./cp.js').Known} Known */

const LINES = 8; // words of TCP

/** @param {string} time @param {string} mark @param {string} body @param {string} [cls] */
const line = (time, mark, body, cls = '') => `<li class="${cls}"><time>${time}</time><i aria-hidden="true">${mark}</i><span>${body}</span></li>`;

/** What was seen, and what Central was told, byte for byte as it came. @param {Known} known @param {any} cp @param {number} now */
export function log(known, cp, now) {
  const open = known.incidents.find((i) => i.open), rows = [];
  const checks = known.checks || [];
  if (open && open.first) {
    const seen = checks.filter((c) => c.at >= open.first - 0.001 && (c.verdict === 'ko' || c.verdict === 'none')).slice(0, 3);
    if (!seen.length) rows.push({ at: open.first, html: line(clockMs(open.first), '', `${causeText(open.cause)} <em>${t('first_failed')}</em>`, 'chk') });
    for (const [n, c] of seen.entries()) rows.push({ at: c.at, html: line(clockMs(c.at), '', `${c.reply ? `<code>${esc(c.reply)}</code>` : causeText(c.cause)} ${c.at - open.first < 0.01 ? `<em>${t('first_failed')}</em>` : n === 2 || open.detected && Math.abs(c.at - open.detected) < 0.01 ? `<em>${t('log_opened')}</em>` : ''}`, 'chk') });
  } else if (checks.length) {
    const c = checks[checks.length - 1];
    rows.push({ at: c.at, html: line(clockMs(c.at), '', `${c.reply ? `<code>${esc(c.reply)}</code>` : c.verdict === 'ok' ? '<code>OK</code>' : causeText(c.cause)} <em>${t('last_check')}</em>`, c.verdict === 'ok' ? '' : 'chk') });
  }
  const words = open && open.first ? known.words.filter((w) => seconds(w.until) >= open.first - 1) : known.words;
  const head = words.length > LINES ? words.slice(0, 2) : words, tail = words.length > LINES ? words.slice(2 - LINES) : [];
  for (const w of head) rows.push({ at: seconds(w.at), html: word(w) });
  if (tail.length) rows.push({ at: seconds(tail[0].at) - 0.0001, html: line('', '⋮', t('log_more', { n: num(words.length - LINES) }), 'fold') });
  for (const w of tail) rows.push({ at: seconds(w.at), html: word(w) });
  rows.sort((a, b) => a.at - b.at);
  if (!rows.length) return `<p class="note">${cp && cp.last_seen ? t('log_none', { s: age(now - cp.last_seen) }) : t('never_seen')}</p>`;
  return `<ol class="log">${rows.map((r) => r.html).join('')}</ol>`;
}
/** What was said, and what Central answered; the same again and again is one. @param {any} w */
function word(w) {
  const at = seconds(w.at), until = seconds(w.until), many = w.count > 1 ? ` <em>× ${num(w.count)}, ${t('log_until', { t: clock(until) })}</em>` : '';
  const answer = w.answer ? line(clockMs(at + w.took_us / 1e6), '←', `<code>${esc(w.answer)}</code> <em>${millis(w.took_us / 1000)}</em>`) : line('', '←', `<em>${t('log_unsent')}</em>`);
  return line(clockMs(at), '→', `<code>${esc(w.said)}</code>${many}`) + answer;
}

/** What each source says; where they differ both are underlined twice. @param {Known} known @param {any} cp @param {import('./model.js').Moment} m */
export function sources(known, cp, m) {
  const { now } = m;
  const past = known.one && known.one.history, open = known.incidents.find((i) => i.open);
  const reported = cp ? cp.reported_state || cp.state : 'expected', down = past && past.state === 'down';
  const since = cp ? cp.since || 0 : 0, to = past ? seconds(past.to) : 0, pastSince = past ? open && down ? open.first : seconds(past.since) : 0;
  const old = !past || now - to > 60, same = cp && past ? agreement(cp, m) : '', clash = same === 'report' || same === 'events';
  const says = (/** @type {string} */ html) => (clash ? `<span class="clash">${html}</span>` : html);
  const events = !past ? t('src_nothing') : down ? `${causeText(open ? open.cause : past.cause)}${open ? ` × ${num(open.failed)}` : ''}` : past.state === 'up' ? '<code>OK</code>' : `${t('unwatched')}: ${causeText(past.cause)}`;
  const rows = [
    [t('src_say'), says(t(reported).toLowerCase()), says(events)],
    [t('src_since'), since ? when(since, now) : '–', pastSince ? dated(pastSince, now) : '–'],
    [t('src_heard'), cp && cp.last_seen ? t('ago', { s: age(now - cp.last_seen) }) : '–', to ? t('ago', { s: age(Math.max(0, now - to)) }) : '–'],
  ];
  const verdict = !past ? `<b>${t('src_one')}</b> ${t('no_history2')}` : old ? `<b>${t('src_old')}</b>` : clash ? `<b>${t('src_differ')}</b> ${t('src_differ2')}`
    : reported !== 'disconnected' && reported !== 'expected' && (reported === 'faulted') === !!down ? `<b>${t('src_agree')}</b> ${open && open.told ? t('src_note', { s: age(Math.max(0, open.told - open.first)) }) : ''}` : `<b>${t(reported === 'faulted' || down ? 'src_wait' : 'src_cant')}</b>`;
  return `<table class="src"><thead><tr><td></td><th scope="col">${t('src_tcp')}</th><th scope="col">${t('src_kafka')}</th></tr></thead><tbody>${rows.map(([name, a, b]) => `<tr><th scope="row">${name}</th><td>${a}</td><td>${b}</td></tr>`).join('')}</tbody></table><p class="note">${verdict}</p>`;
}

/** @param {Known} known @param {any} cp @param {string} id @param {string} site @param {number} now */
export function identity(known, cp, id, site, now) {
  /** @type {[string, string][]} */
  const all = [];
  const add = (/** @type {string} */ word, /** @type {string} */ html) => { if (html) all.push([t(word), html]); };
  add('th_cp', `<code>${esc(id)}</code>${cp && cp.name ? ' ' + esc(cp.name) : ''}`);
  add('th_site', esc([site, cp && cp.bay && t('bay', { n: cp.bay })].filter(Boolean).join(', ')));
  if (cp) {
    add('id_power', cp.power_kw ? num(cp.power_kw) + '\u00a0kW' : '');
    add('id_monitor', cp.peer ? `${t('id_from')} <code>${esc(cp.peer)}</code>` : t('id_unheard'));
    add('id_registered', cp.registered ? when(cp.registered, now) : '');
    add('id_heartbeat', cp.heartbeat_gap ? t('beats_every', { s: every(cp.heartbeat_gap) }) + (cp.last_heartbeat ? ', ' + t('id_last', { s: age(now - cp.last_heartbeat) }) : '') : '');
    add('id_speakers', cp.speakers > 1 ? t('speakers', { n: num(cp.speakers) }) : '');
    add('id_certificate', t(cp.certified ? 'id_certified' : 'id_plain'));
  }
  add('id_checks', known.interval ? t('lat_every', { s: every(known.interval) }) : '');
  const past = known.one && known.one.history;
  add('id_events', past ? t('id_known_from', { t: when(seconds(past.from), now) }) : '');
  return `<dl class="idn">${all.map(([name, html]) => `<dt>${name}</dt><dd>${html}</dd>`).join('')}</dl>`;
}
