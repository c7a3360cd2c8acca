// The lines of the feed, as HTML, and what becomes one.
// @ts-check
import { t } from './words.js';
import { esc, num, dur, ms, when, host } from './format.js';
import { shape } from './draw.js';
import { bars } from './marks.js';
import { clockMs } from './incident.js';
import { causeOf } from './tiles.js';

/**
 * A change of state as an item of the feed. Where the events tell the incident, they say how long
 * it lasted: a report carries no time. @param {import('./store.js').Change} c @param {boolean} events whether they do
 * @returns {import('./feedfold.js').Item}
 */
export function itemOfChange(c, events) {
  const kind = c.to === 'faulted' ? 'faulted' : c.to === 'disconnected' ? 'disconnected' : c.reason === 'registered' ? 'registered' : 'recovered';
  return { ...c, kind, events, at: /** @type {any} */ (c).at, cp_id: c.cp_id };
}

/** @param {string} letter */
const oneBar = (letter) => `<svg class="fi" viewBox="0 0 14 14" aria-hidden="true"><g transform="translate(5.5 0)">${bars(letter)}</g></svg>`;
const arrow = '<svg class="fi" viewBox="0 0 14 14" aria-hidden="true"><path class="fa" d="M2 7h9M7.5 3.5 11 7l-3.5 3.5"/></svg>';

/** @param {import('./feedfold.js').Item} i */
function iconOf(i) {
  switch (i.kind) {
    case 'check_failed': return oneBar(['said_ko', 'protocol'].includes(i.cause) ? 'K' : 'C');
    case 'monitor_stalled': return oneBar('U');
    case 'report_answered': return arrow;
    case 'faulted': case 'incident_opened': return shape('faulted', 'fi');
    case 'disconnected': return shape('disconnected', 'fi');
    case 'unlisted': return '<svg class="fi" viewBox="0 0 14 14" aria-hidden="true"><path class="fa" d="M3 7h1M7 7h1M11 7h1"/></svg>';
    default: return shape('activated', 'fi');
  }
}

/** @param {import('./feedfold.js').Item} i */
function textOf(i) {
  const span = i.span_s || 0;
  switch (i.kind) {
    case 'check_failed': return t(i.count > 1 ? 'fe_check_failed' : 'fe_check_failed1', { what: causeOf(i.cause, i.engine_response), n: num(i.count) });
    case 'ok_again': return t('fe_ok_again', { n: num(i.count) });
    case 'incident_opened': return t('fe_incident_opened', { t: clockMs(i.since) });
    case 'incident_closed': return t('fe_incident_closed', { d: dur(span) });
    case 'report_answered': return t('fe_report_answered', { ms: ms(span * 1000) });
    case 'monitor_stalled': return t('fe_monitor_stalled', { d: span < 10 ? num(span, 1) + '\u00a0s' : dur(span) });
    case 'recovered': if (i.events && i.from === 'faulted') return t('c_recovered'); // falls through
    default: return t(i.to === 'disconnected' ? 'r_' + i.reason : 'f_' + i.reason, { a: esc(host(i.peer || '')), d: dur(i.lasted || 0) });
  }
}

/** @param {import('./feedfold.js').Line} l @param {number} now @param {(place: string) => string} href */
export function feedLine(l, now, href) {
  const i = l.item, bad = i.kind === 'incident_opened' || i.kind === 'faulted';
  const begin = `<li data-key="${l.id}" class="${bad ? 'strong' : ''}${l.more ? ' foldrow' : ''}"><time>${when(i.at, now)}</time>${iconOf(i)}`;
  if (l.more > 1 || i.kind === 'unlisted') return `${begin}<span class="wide">${t('fo_' + i.kind, { n: num(l.more) })}${l.cps.size > 1 ? ', ' + t('fo_of', { n: num(l.cps.size) }) : ''}</span></li>`;
  return `${begin}<a href="${esc(href('/cp/' + encodeURIComponent(i.cp_id)))}">${esc(i.cp_id)}</a><span>${textOf(i)}</span></li>`;
}

// listenText is the address without a wildcard host.
/** @param {string} a */
const listenText = (a) => a.replace(/^(\[::\]|0\.0\.0\.0)(?=:)/, '');
/** When Central began. @param {any} central @param {number} now */
export const feedStart = (central, now) => `<li data-key="start"><time>${when(central.started, now)}</time><svg class="fi" viewBox="0 0 20 20" aria-hidden="true"><use href="#i-mark"/></svg><b>Central</b><span>${t('f_listen', { a: esc(listenText(central.listen)) })}</span></li>`;
