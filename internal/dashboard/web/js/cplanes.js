// The lanes of one charge point: today, 7 and 30 days, each with what it comes to. Lanes and
// sums are made of one list of segments, so they can't disagree.
// @ts-check
import { t, lang } from './words.js';
import { esc, num, dur, pad, NB } from './format.js';
import { seconds } from './incident.js';

/**
 * @typedef {{from: number, to: number, state: 'up' | 'down' | 'unwatched', cause: string}} Segment times are Unix seconds
 * @typedef {{from: number, to: number}} Window
 */

/** @param {any} s of the API @returns {Segment} */
export const readSegment = (s) => ({ from: seconds(s.from), to: seconds(s.to), state: s.state, cause: s.cause });

/**
 * What a window comes to, in microseconds, and its parts. Time before the first segment is
 * nobody's; what no segment covers after it is unwatched.
 * @param {Segment[]} segments @param {number} from @param {number} to
 */
export function tally(segments, from, to) {
  /** @type {Segment[]} */
  const parts = [];
  const sum = { up: 0, down: 0, unwatched: 0 };
  let at = segments.length ? Math.max(from, segments[0].from) : to;
  const add = (/** @type {Segment} */ s) => { if (s.to > s.from) { parts.push(s); sum[s.state] += Math.round((s.to - s.from) * 1e6); } };
  for (const s of segments) {
    if (s.to <= at || s.from >= to) continue;
    add({ from: at, to: Math.min(to, s.from), state: 'unwatched', cause: 'no_check' });
    add({ ...s, from: Math.max(at, s.from), to: Math.min(to, s.to) });
    at = Math.max(at, Math.min(to, s.to));
  }
  add({ from: at, to, state: 'unwatched', cause: 'no_check' });
  return { parts, ...sum };
}

/**
 * A share in percent, cut and never rounded up: 100 means exactly that.
 * @param {number} part @param {number} whole @param {number} digits
 */
export function percent(part, whole, digits) {
  if (whole <= 0) return '–';
  const scale = 10 ** digits, cut = (BigInt(Math.round(part)) * 100n * BigInt(scale)) / BigInt(Math.round(whole));
  return num(Number(cut) / scale, digits) + NB + '%';
}
/** A time that is not good: what is below a second is not nothing. @param {number} us */
export const span = (us) => (us > 0 && us < 1e6 ? num(us / 1e6, us < 1e5 ? 2 : 1) + NB + 's' : dur(Math.ceil(us / 1e6)));

// The skyline: the taller, the worse.
const RISE = /** @type {Record<string, number>} */ ({ up: 0.38, maintenance: 0.62, down: 1, unwatched: 1 });
const CLASS = /** @type {Record<string, string>} */ ({ up: 'g-activated', maintenance: 'g-maintenance', down: 'g-faulted', unwatched: 'g-unobserved' });

/** The parts of a lane as SVG. @param {Segment[]} parts @param {Window[]} maintained @param {number} from @param {number} to @param {number} W @param {number} H */
export function skyline(parts, maintained, from, to, W, H) {
  const k = W / (to - from);
  const box = (/** @type {string} */ kind, /** @type {number} */ a, /** @type {number} */ b) => {
    let x = (a - from) * k, w = (b - a) * k;
    const least = kind === 'up' ? 0 : 2; // nothing bad is too short to be seen
    if (w < least) { x = Math.max(0, Math.min(x, W - least)); w = least; }
    const h = Math.round(H * RISE[kind]), cls = kind === 'unwatched' && w < 4 ? 'g-thin' : CLASS[kind]; // too narrow to hatch
    return `<rect class="${cls}" x="${x.toFixed(1)}" y="${H - h}" width="${w.toFixed(1)}" height="${h}"/>`;
  };
  /** @type {string[]} */
  const good = [], bad = /** @type {string[]} */ ([]);
  for (const s of parts) (s.state === 'up' ? good : bad).push(box(s.state, s.from, s.to));
  const kept = maintained.filter((m) => m.to > from && m.from < to).map((m) => box('maintenance', Math.max(from, m.from), Math.min(to, m.to)));
  return good.join('') + kept.join('') + bad.join('');
}

/** @param {number} now @param {number} [days] before */
function midnight(now, days = 0) {
  const d = new Date(now * 1000);
  d.setHours(0, 0, 0, 0);
  d.setDate(d.getDate() - days);
  return d.getTime() / 1000;
}
/** @param {number} at */
const day = (at) => new Intl.DateTimeFormat(lang() === 'es' ? 'es-ES' : 'en-GB', { day: 'numeric', month: 'short' }).format(new Date(at * 1000));

/** How far back the lanes look: the begin of the longest. @param {number} now */
export const lanesFrom = (now) => midnight(now, 29);

/** How high a legend's mark is. @param {string} kind */
function mark(kind) {
  const H = 12, h = Math.round(H * RISE[kind]);
  return `<svg class="lg" width="10" height="12" aria-hidden="true"><rect class="${CLASS[kind]}" x="0" y="${H - h}" width="10" height="${h}"/></svg>`;
}
export const legend = () => [['up', 'activated'], ['maintenance', 'maintenance'], ['down', 'faulted'], ['unwatched', 'nobody_watched']].map(([kind, word]) => `<span>${mark(kind)}${t(word)}</span>`).join('');

/**
 * The three lanes as HTML.
 * @param {Segment[]} segments oldest first @param {Window[]} maintained @param {number} now @param {number} until what is known
 * @param {number} W width of a lane
 */
export function lanes(segments, maintained, now, until, W) {
  const end = midnight(now, -1), few = W < 400;
  const rows = /** @type {[string, number][]} */ ([['today', midnight(now)], ['d7', midnight(now, 6)], ['d30', midnight(now, 29)]]);
  return rows.map(([name, from]) => {
    const sum = tally(segments, from, until), watched = sum.up + sum.down, all = watched + sum.unwatched;
    const x = (/** @type {number} */ at) => (at - from) / (end - from) * W, H = 34;
    /** @type {[number, string][]} */
    const ticks = [];
    if (name === 'today') for (let h = 0; h <= 24; h += few ? 6 : 3) ticks.push([from + h * 3600, pad(h)]);
    else for (let n = name === 'd7' ? 0 : 1; n < (name === 'd7' ? 7 : 30); n += name === 'd7' ? (few ? 2 : 1) : few ? 9 : 4) ticks.push([midnight(now, (name === 'd7' ? 6 : 29) - n), day(midnight(now, (name === 'd7' ? 6 : 29) - n))]);
    const marks = ticks.map(([at, text]) => { const X = x(at); return `<path class="tk" d="M${X.toFixed(1)} ${H}v4"/><text x="${X.toFixed(1)}" y="${H + 15}" text-anchor="${X < 14 ? 'start' : X > W - 20 ? 'end' : 'middle'}">${text}</text>`; }).join('');
    const up = percent(sum.up, watched, 3), lo = percent(sum.up, all, 2), hi = percent(sum.up + sum.unwatched, all, 2);
    const label = `${t(name)}: ${up} ${t('up_watched')}, ${t('worst_best')} ${lo} – ${hi}, ${t('down')} ${span(sum.down)}, ${t('unwatched')} ${span(sum.unwatched)}`;
    return `<div class="lane" data-key="${name}"><h3>${t(name)}</h3><svg class="lanes" width="${W}" height="${H + 18}" viewBox="0 0 ${W} ${H + 18}" role="img" aria-label="${esc(label)}"><path class="base" d="M0 ${H - 0.5}h${W}"/>${skyline(sum.parts, maintained, from, end, W, H)}<path class="nowline" d="M${x(now).toFixed(1)} -2v${H + 2}"/>${marks}</svg>
      <dl class="lu"><div><dt>${t('up_watched')}</dt><dd class="big">${up}</dd></div><div><dt>${t('worst_best')}</dt><dd>${lo}<i class="to"> – </i><br>${hi}</dd></div><div><dt>${t('down')}</dt><dd>${span(sum.down)}</dd></div><div><dt>${t('unwatched')}</dt><dd>${span(sum.unwatched)}</dd></div></dl></div>`;
  }).join('');
}
