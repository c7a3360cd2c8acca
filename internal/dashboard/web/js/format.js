// Numbers, times, durations. SI symbols (s, min, h, d) are the same in English and
// Spanish; only the decimal sign differs.
import { lang } from './words.js';

export const NB = '\u00a0'; // between number and unit

export const pad = (n, w = 2) => String(n).padStart(w, '0');

// esc escapes text for HTML. Every value from the network goes through it.
export const esc = (s) => String(s).replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }[c]));

const formats = new Map();
export function num(x, digits = 0) {
  const key = lang() + digits;
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(lang() === 'es' ? 'es-ES' : 'en-GB', /** @type {any} */ ({ minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: 'always' })));
  return formats.get(key).format(x);
}

// 38 s · 14 min 08 s · 2 h 44 min · 3 d 04 h: two units, the second one padded so that
// its width stays.
export function dur(s) {
  s = Math.max(0, Math.floor(s));
  const m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
  if (s < 60) return s + NB + 's';
  if (m < 60) return m + NB + 'min ' + pad(s % 60) + NB + 's';
  if (h < 48) return h + NB + 'h ' + pad(m % 60) + NB + 'min';
  return d + NB + 'd ' + pad(h % 24) + NB + 'h';
}

// Short, for a small tile: no seconds from 10 to 60 min.
export const durShort = (s) => (s < 600 || s >= 3600 ? dur(s) : Math.floor(s / 60) + NB + 'min');

// One unit, for a lower bound.
export function durBound(s) {
  s = Math.max(0, s);
  if (s < 60) return Math.floor(s) + NB + 's';
  if (s < 3600) return Math.floor(s / 60) + NB + 'min';
  return s < 172800 ? Math.floor(s / 3600) + NB + 'h' : Math.floor(s / 86400) + NB + 'd';
}

export const age = (s) => (s < 10 ? num(Math.max(0, s), 1) + NB + 's' : dur(s));

// every rounds an interval: 5 s, 30 s, 2 min.
export const every = (s) => (s < 9.95 ? num(s, Math.abs(s - Math.round(s)) < 0.06 ? 0 : 1) + NB + 's' : dur(Math.round(s)));

export function clock(at) {
  const d = new Date(at * 1000);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

const zoneFormat = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' });
export function zone() {
  const part = zoneFormat.formatToParts(new Date()).find((p) => p.type === 'timeZoneName');
  return part ? part.value : '';
}

// when is the time of day; with the date if it is another day.
export function when(at, now) {
  const a = new Date(at * 1000), b = new Date(now * 1000);
  if (a.toDateString() === b.toDateString()) return clock(at);
  const day = new Intl.DateTimeFormat(lang() === 'es' ? 'es-ES' : 'en-GB', { day: 'numeric', month: 'short' }).format(a);
  return `${day} ${pad(a.getHours())}:${pad(a.getMinutes())}`;
}

export const host = (addr) => addr.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');

// ms is a latency: 1.9 ms, 12 ms.
export const ms = (x) => num(x, x < 10 ? 1 : 0) + NB + 'ms';

// hm is a time of day to the minute.
export const hm = (at) => clock(at).slice(0, 5);

// pct shows a percentage of the ledger, which is a decimal text: cut to two digits, so that
// 99.999 is never shown as 100.
export function pct(text) {
  const [whole, part = ''] = String(text).split('.');
  return num(Number(whole)) + (lang() === 'es' ? ',' : '.') + (part + '00').slice(0, 2) + NB + '%';
}

// pctUp shows a share that is bad: it is rounded up.
export const pctUp = (x) => num(Math.max(0, Math.ceil(x * 10000 - 1e-9)) / 100, 2) + NB + '%';

// peer is text from a charger, as HTML: bounded, control characters made visible.
export function peer(s, max = 48) {
  const seen = [...String(s)].map((c) => { const n = c.codePointAt(0) || 0; return n < 32 || (n > 126 && n < 160) ? '\\x' + pad(n.toString(16)) : c; });
  return esc(seen.length > max ? seen.slice(0, max - 1).join('') + '…' : seen.join(''));
}
