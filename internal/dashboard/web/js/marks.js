// Drawings of time as SVG text. One grammar from one check to a day: the taller, the worse;
// solid was seen, hollow is no answer, hatched nobody watched, dotted is missing.
// @ts-check
import { t } from './words.js';
import { esc, num, pct, pctUp } from './format.js';

const BAR = 5, WIDTH = 3, HEIGHT = 14; // of one check

/**
 * Checks, one bar each, by their letters: O OK, K KO, C no answer, U not judged, - missing.
 * @param {string} letters @param {number} [x0] @param {number} [H]
 */
export function bars(letters, x0 = 0, H = HEIGHT) {
  return [...letters].map((c, i) => {
    const x = x0 + i * BAR;
    switch (c) {
      case 'O': { const h = Math.round(H * 0.38); return `<rect class="e-o" x="${x}" y="${H - h}" width="${WIDTH}" height="${h}"/>`; }
      case 'K': return `<rect class="e-k" x="${x}" y="0" width="${WIDTH}" height="${H}"/>`;
      case 'C': return `<rect class="e-n" x="${x + 0.5}" y=".5" width="${WIDTH - 1}" height="${H - 1}"/>`;
      case 'U': return `<rect class="e-u" x="${x}" y="0" width="${WIDTH}" height="${H}"/>`;
      default: { const h = Math.round(H * 0.62); return `<rect class="e-m" x="${x + 0.5}" y="${H - h + 0.5}" width="${WIDTH - 1}" height="${h - 1}"/>`; }
    }
  }).join('');
}

/** @param {string} letters */
export const barsBox = (letters) => `<svg class="ev" width="${letters.length * BAR}" height="${HEIGHT + 4}" viewBox="0 0 ${letters.length * BAR} ${HEIGHT + 4}" aria-hidden="true">${bars(letters)}</svg>`;

/**
 * The checks of an incident: those before, those that opened it (underlined), how many followed,
 * and the last. unknown: what came since is not known.
 * @param {{before?: string, opening?: string, failed_checks: number, not_judged: number}} open @param {string} last the last outcomes @param {boolean} unknown
 */
export function evidence(open, last, unknown) {
  const before = open.before || '', opening = open.opening || '';
  let w = (before.length + opening.length) * BAR, body = bars(before + opening);
  if (opening) body += `<path class="e-mark" d="M${before.length * BAR - 1} ${HEIGHT + 2.5}h${opening.length * BAR}"/>`;
  if (unknown) {
    const rest = Math.max(34, 118 - w);
    body += `<rect class="e-u" x="${w}" y="0" width="${rest}" height="${HEIGHT}"/>`;
    w += rest;
  } else {
    const all = open.failed_checks + open.not_judged, rest = Math.max(0, all - opening.length), tail = last.slice(-8).slice(-rest || last.length), more = opening ? rest - tail.length : 0;
    if (more > 0) {
      const s = '+' + num(more), width = s.length * 6.2 + 6;
      body += `<text class="e-more" x="${w + width / 2 - 1}" y="11" text-anchor="middle">${s}</text>`;
      w += width;
    }
    if (rest > 0) { body += bars(tail, w); w += tail.length * BAR; }
  }
  return `<svg class="ev" width="${Math.ceil(w)}" height="${HEIGHT + 4}" viewBox="0 0 ${Math.ceil(w)} ${HEIGHT + 4}" aria-hidden="true">${body}</svg>`;
}

/**
 * The last 24 hours of one charge point. @param {any} day from and to @param {any} one of the charge point; undefined: not known
 * @param {number} W @param {number} H
 */
export function dayStrip(day, one, W, H) {
  const from = Date.parse(day.from) / 1000, to = Date.parse(day.to) / 1000, k = W / Math.max(1, to - from);
  /** @type {string[]} */
  const out = [];
  /** @param {number} a @param {number} b @param {string} cls @param {number} rise */
  const add = (a, b, cls, rise) => {
    let x = Math.max(0, (a - from) * k), w = (b - a) * k;
    if (cls !== 'g-up' && w < 2) { x = Math.min(x, W - 2); w = 2; } // nothing bad rounds to nothing
    const h = Math.round(H * rise);
    out.push(`<rect class="${cls === 'g-unobserved' && w < 4 ? 'g-thin' : cls}" x="${x.toFixed(1)}" y="${H - h}" width="${w.toFixed(1)}" height="${h}"/>`);
  };
  if (!one || one.unknown) add(from, to, 'g-unobserved', 1);
  else {
    let at = one.begin || from;
    for (const p of one.not_up) {
      if (p.from > at) add(at, p.from, 'g-up', 0.38);
      add(p.from, p.to, p.state === 'down' ? 'g-down' : 'g-unobserved', 1);
      at = p.to;
    }
    if (to > at) add(at, to, 'g-up', 0.38);
  }
  return `<svg class="strip" viewBox="0 0 ${W} ${H}" preserveAspectRatio="none" aria-hidden="true">${out.join('')}</svg>`;
}

/** A range, not a bar: its ends carry their own values. @param {any} sums of the ledger */
export function boundsBar(sums) {
  const lo = Number(sums.at_worst), hi = Number(sums.at_best), up = Number(sums.percent), x = hi > lo ? ((up - lo) / (hi - lo)) * 100 : 50;
  const all = sums.up_us + sums.down_us + sums.unwatched_us;
  return `<p class="range"><span>${pct(sums.at_worst)}</span><svg viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true"><rect class="g-unobserved" x="0" y="3" width="100" height="8"/><path class="rg" d="M.5 0v14M99.5 0v14"/><path class="rv" d="M${Math.min(97, Math.max(3, x)).toFixed(1)} 0v14"/></svg><span>${pct(sums.at_best)}</span></p>
    <p class="range sub"><span>${t('worst')}</span><span class="mid">${t('unobs', { p: pctUp(all ? sums.unwatched_us / all : 0) })}</span><span>${t('best')}</span></p>`;
}

/**
 * Events by the second; gone: the last seconds of which nothing is known. A backlog that was read
 * at once would flatten all else: its bar is broken, and as high as the picture.
 * @param {number[]} rate @param {number} gone
 */
export function rateBars(rate, gone) {
  const some = rate.filter((v) => v > 0).sort((a, b) => a - b), limit = 5 * (some[Math.floor(some.length / 2)] || 1);
  const max = Math.max(...rate.filter((v) => v <= limit), 1) * 1.15, W = 150, H = 26, n = rate.length;
  const drawn = rate.map((v, i) => {
    if (i >= n - gone || !v) return '';
    if (v > limit) return `<path class="broken" d="M${i * 2.5} ${H}V7h1.7V${H}zM${i * 2.5} 4V0h1.7V4z"/>`;
    return `<rect x="${i * 2.5}" y="${(H - (v / max) * H).toFixed(1)}" width="1.7" height="${((v / max) * H).toFixed(1)}"/>`;
  }).join('');
  return `<svg class="ratebars" viewBox="0 0 ${W} ${H}" preserveAspectRatio="none" aria-hidden="true">${drawn}${gone > 0 ? `<rect class="g-unobserved" x="${(n - gone) * 2.5}" y="0" width="${gone * 2.5}" height="${H}"/>` : ''}</svg>`;
}

/**
 * The way of a fact to this page. A broken link is drawn broken, one that is not there dotted.
 * @param {number} heard @param {number} all @param {boolean} lost @param {string} kafka its state @param {string} events what stands at the leg of the events
 */
export function chain(heard, all, lost, kafka, events) {
  /** @param {number} x @param {number} y */
  const cut = (x, y) => `<g class="cut"><path d="M${x - 4} ${y - 4}l8 8m0-8-8 8"/></g>`;
  const label = [`${t('n_mon')} ${num(heard)}/${num(all)}`, 'TCP', 'Kafka ' + (kafka === 'ok' ? 'OK' : kafka === 'lost' ? '✕' : '–'), 'Central', `${t('n_page')} ${lost ? '✕' : 'OK'}`].join(', ');
  return `<svg class="chain" viewBox="0 0 340 58" role="img" aria-label="${esc(label)}">
    <path class="ln${heard ? '' : ' off'}" d="M72 24C86 24 86 14 100 14h64c14 0 14 10 28 10"/><path class="ln${kafka === 'ok' ? '' : ' off'}" d="M72 34C86 34 86 44 100 44h64c14 0 14-10 28-10"/><path class="ln${lost ? ' off' : ''}" d="M244 29h20"/>
    <text class="nd" x="0" y="26">${t('n_mon')}</text><text class="nv${all >= 10000 ? ' fit' : ''}" x="0" y="42">${num(heard)}/${num(all)}</text>
    <text class="lb" x="132" y="10" text-anchor="middle">${t('l_tcp')}</text><text class="lb" x="132" y="57" text-anchor="middle">${events}</text>
    <text class="nd" x="218" y="33" text-anchor="middle">Central</text>
    <text class="nd" x="270" y="26">${t('n_page')}</text><text class="nv" x="270" y="42" data-k="page" data-own></text>
    ${kafka === 'lost' ? cut(132, 44) : ''}${lost ? cut(254, 29) : ''}</svg>`;
}
