// The answers of the last five minutes: how long each took, and under it what was judged.
// @ts-check
import { t } from './words.js';
import { esc, num, NB } from './format.js';
import { clockMs, millis } from './incident.js';

/**
 * One check. verdict: ok; ko, the Engine says so; none, no proper answer; unjudged.
 * @typedef {{at: number, verdict: 'ok' | 'ko' | 'none' | 'unjudged', ms: number | null, cause: string, reply: string}} Check
 */

const SPAN = 300; // s
const H = 104, GAP = 10, LANE = 18; // px: the chart, and the verdicts under it

/** @param {number[]} sorted @param {number} share */
const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

/** What five minutes come to. @param {Check[]} checks */
export function figures(checks) {
  const took = checks.filter((c) => c.ms !== null).map((c) => /** @type {number} */ (c.ms)).sort((a, b) => a - b);
  return {
    median: took.length ? quantile(took, 0.5) : null, p99: took.length ? quantile(took, 0.99) : null, most: took.length ? took[took.length - 1] : 0,
    failed: checks.filter((c) => c.verdict === 'ko' || c.verdict === 'none').length, unjudged: checks.filter((c) => c.verdict === 'unjudged').length,
  };
}

/** The figures in words, as HTML. @param {Check[]} checks */
export function figuresText(checks) {
  const f = figures(checks), none = '–';
  return [t('lat_med', { ms: f.median === null ? none : millis(f.median) }), t('lat_p99', { ms: f.p99 === null ? none : millis(f.p99) }),
    `<b class="${f.failed ? 'badtext' : ''}">${t('failed_n', { n: num(f.failed) })}</b>`, f.unjudged ? t('not_judged', { n: num(f.unjudged) }) : ''].filter(Boolean).join(' · ');
}

/**
 * The chart as SVG.
 * @param {Check[]} checks oldest first @param {number} now @param {number} interval s between checks @param {number} W
 * @param {number} first the first failed check of the open incident; 0: none is open
 */
export function chart(checks, now, interval, W, first) {
  const from = now - SPAN, width = W - 40, x = (/** @type {number} */ at) => (at - from) / SPAN * width;
  const most = Math.max(4, figures(checks).most) * 1.12, step = steps(most), y = (/** @type {number} */ ms) => H - ms / most * H;
  let grid = '';
  for (let v = 0; v <= most; v += step) grid += `<path class="gl" d="M0 ${y(v).toFixed(1)}h${width}"/><text class="gt" x="${width + 6}" y="${(y(v) + 4).toFixed(1)}">${num(v)}${v + step > most ? NB + 'ms' : ''}</text>`;
  const shown = checks.filter((c) => c.at >= from - interval), top = H + GAP;
  let runs = '';
  for (let i = 0; i < shown.length;) {
    let j = i + 1;
    while (j < shown.length && shown[j].verdict === shown[i].verdict && shown[j].at - shown[j - 1].at < 2.5 * interval) j++;
    const a = Math.max(0, x(shown[i].at)), b = Math.min(width, Math.max(a, x(j < shown.length && shown[j].at - shown[j - 1].at < 2.5 * interval ? shown[j].at : shown[j - 1].at + interval))), w = Math.max(1, b - a);
    const box = (/** @type {string} */ cls, /** @type {number} */ dy, /** @type {number} */ h, line = 0) => `<rect class="${cls}" x="${(a + line).toFixed(1)}" y="${dy + line}" width="${Math.max(line ? 2.6 : 1, w - 2 * line).toFixed(1)}" height="${h - 2 * line}"/>`;
    runs += { ok: () => box('g-activated', top + LANE - 6, 6), ko: () => box('g-faulted', top, LANE), none: () => box('e-n', top, LANE, 0.7), unjudged: () => box('g-unobserved', 0, H + GAP + LANE) }[shown[i].verdict]();
    i = j;
  }
  const line = (/** @type {(c: Check) => boolean} */ of) => {
    let d = '', last = -Infinity;
    for (const c of shown) {
      if (!of(c) || c.ms === null) { last = -Infinity; continue; }
      d += (c.at - last < 2.5 * interval ? 'L' : 'M') + Math.max(0, x(c.at)).toFixed(1) + ' ' + y(c.ms).toFixed(1);
      last = c.at;
    }
    return d;
  };
  const flag = first >= from && first <= now ? flagOf(x(first), width, first) : '';
  const axis = [0, 60, 120, 180, 240, 300].filter((s) => W > 480 || s % 120 === 60 || s === 300).map((s) => `<text class="gt" x="${(s / SPAN * width).toFixed(1)}" y="${H + GAP + LANE + 14}" text-anchor="${s === 0 ? 'start' : s === 300 ? 'end' : 'middle'}">${s === 300 ? t('lane_now') : '−' + (5 - s / 60) + NB + 'min'}</text>`).join('');
  const label = `${t('lat')}: ${figuresText(checks).replace(/<[^>]+>/g, '').replace(/&lt;/g, '<')}`;
  return `<svg class="lat" width="${W}" height="${H + GAP + LANE + 34}" viewBox="0 -16 ${W} ${H + GAP + LANE + 34}" role="img" aria-label="${esc(label)}">${grid}${runs}<path class="lo" d="${line((c) => c.verdict === 'ok')}"/><path class="lk" d="${line((c) => c.verdict === 'ko')}"/>${flag}${axis}</svg>`;
}

/** @param {number} x @param {number} width @param {number} first */
const flagOf = (x, width, first) => `<g class="flag"><path d="M${x.toFixed(1)} -12V${H + GAP + LANE}"/><text x="${(x + (x > width - 150 ? -5 : 5)).toFixed(1)}" y="-4" text-anchor="${x > width - 150 ? 'end' : 'start'}">${t('first_failed')} ${clockMs(first)}</text></g>`;

// steps is a round distance of four or five lines.
/** @param {number} most */
function steps(most) {
  const ten = 10 ** Math.floor(Math.log10(most));
  return [0.2, 0.5, 1, 2, 5].map((n) => n * ten).find((n) => most / n <= 5.5) || ten;
}
