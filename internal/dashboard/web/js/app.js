// The page's frame: the header that stays, the link to Central, and the router. What is
// between is a page of its own (router.js says what a page is).
// @ts-check
import { t, lang } from './words.js';
import { num, dur, clock, zone, NB } from './format.js';
import { Store } from './store.js';
import { Router, base, href } from './router.js';
import { el, $, $$, set } from './dom.js';
import { readSession, mustSignIn } from './session.js';
import { kafkaOf } from './model.js';
import { helpDialog } from './help.js';

const store = new Store(base + 'api/v1/events', toSignIn);

/** @type {import('./router.js').Route[]} */
const routes = [
  { name: 'board', path: /^\/$/, load: () => import('./overview.js') },
  { name: 'cp', path: /^\/cp\/(?<id>[^/]+)$/, load: () => import('./cp.js') },
  { name: 'incidents', path: /^\/incidents$/, load: () => import('./incidents.js') },
  { name: 'uptime', path: /^\/uptime$/, load: () => import('./uptime.js') },
  { name: 'audit', path: /^\/audit$/, load: () => import('./audit.js') },
  { name: 'signin', path: /^\/signin$/, load: () => import('./signin.js') },
  { name: 'table', path: /^\/table$/, load: () => import('./table.js') },
];

// The entries of the navigation, as far as their pages exist.
const NAV = [{ name: 'board', place: '/' }, { name: 'incidents', place: '/incidents' }, { name: 'uptime', place: '/uptime' }, { name: 'table', place: '/table' }, { name: 'audit', place: '/audit' }];

// ---- header: made once; a change of language or of the link changes its texts ----
const header = el(`<header class="top">
  <a class="brand" data-place="/"><svg aria-hidden="true"><use href="#i-mark"/></svg>EV_Central</a>
  <nav class="nav" aria-label="EV_Central">${NAV.map((n) => `<a data-place="${n.place}" data-name="${n.name}" data-t="nav_${n.name}"></a>`).join('')}</nav>
  <label class="find"><svg aria-hidden="true"><use href="#i-search"/></svg><input type="search" data-t-label="search"><kbd aria-hidden="true">/</kbd></label>
  <div class="tools"><span class="lang" role="group" data-t-label="language"><button type="button" data-lang="en">EN</button><button type="button" data-lang="es">ES</button></span>
  <button type="button" class="theme" data-t-label="theme"><svg aria-hidden="true"><use href="#i-theme"/></svg></button>
  <a class="me" data-place="/signin" data-name="signin" hidden></a>
  <span class="clock"><b></b> <span></span></span>
  <span class="pill"><i></i><span data-k="link"></span><b data-k="page"></b></span></div></header>`);
const banner = el('<section class="banner" hidden><div class="bt"><strong></strong> <span></span></div><div class="bs"></div><div class="bn"><span></span><button type="button" class="try" data-t="now"></button></div></section>');
const notice = el('<p class="standing" data-t-label="notice" role="note" hidden></p>'); // of whoever runs this Central
const main = el('<div class="page"></div>');
const tryButton = $('.try', banner);
const find = /** @type {HTMLInputElement} */ ($('.find input', header));
document.getElementById('app')?.replaceChildren(header, notice, banner, main);
const help = helpDialog((on) => savePreference({ keys: on ? '' : 'off' }), () => preference('keys') !== 'off');

let announced = '';
/** @param {string} s */
function announce(s) {
  if (s === announced) return;
  announced = s;
  set($('#announcer'), s);
}

/** Whether keys without Ctrl or Alt do something. */
const keys = () => preference('keys') !== 'off';
const shared = { keys, language: { say: t, lang }, store, announce, me: /** @type {import('./router.js').Context['me']} */ (null) };
const router = new Router(main, routes, shared, shown);

/** @param {string} name of the page that is shown */
function shown(name) {
  for (const a of $$('[data-place]', header)) {
    a.setAttribute('href', href(a.dataset.place || '/'));
    if (a.dataset.name === name) a.setAttribute('aria-current', 'page'); else a.removeAttribute('aria-current');
  }
  const q = new URLSearchParams(location.search).get('q') || '';
  if (document.activeElement !== find) find.value = q;
  title();
}

function title() {
  let alarms = 0;
  for (const cp of store.cps.values()) if (cp.state === 'faulted' || cp.last_known_fault) alarms++;
  const own = router.page && router.page.title ? router.page.title(router.context()) : '';
  setTitle(alarms, own);
}
/** @param {number} n @param {string} own */
function setTitle(n, own) { document.title = (store.lost ? '⚠ ' : n ? `(${n}) ` : '') + (own ? own + ' · ' : '') + 'EV_Central'; }

function translate() {
  for (const e of $$('[data-t]')) set(e, t(e.dataset.t || ''));
  for (const e of $$('[data-t-label]')) {
    const text = t(e.dataset.tLabel || '');
    e.setAttribute('aria-label', text);
    if (e instanceof HTMLInputElement) e.placeholder = text; else if (e.matches('button')) e.title = text;
  }
  for (const b of $$('[data-lang]', header)) b.setAttribute('aria-pressed', String(b.dataset.lang === lang()));
}

// ---- preferences ----
/** @param {string} k @returns {string} */
function preference(k) {
  try { return JSON.parse(localStorage.getItem('ev') || '{}')[k] || ''; } catch (_) { return ''; }
}
/** @param {Record<string, string>} o */
function savePreference(o) {
  try { localStorage.setItem('ev', JSON.stringify({ ...JSON.parse(localStorage.getItem('ev') || '{}'), ...o })); } catch (_) { /* private mode */ }
  const q = new URLSearchParams(location.search);
  for (const [k, v] of Object.entries(o)) if (q.has(k)) q.set(k, v); // the address would win at the next load
  history.replaceState(null, '', location.pathname + (String(q) ? '?' + q : ''));
}
for (const b of $$('[data-lang]', header)) b.onclick = () => {
  const to = b.dataset.lang || 'en';
  if (to === lang()) return;
  document.documentElement.lang = to;
  savePreference({ lang: to });
  translate();
  signedIn();
  link();
  router.again();
};
const themeButton = $('.theme', header);
if (themeButton) themeButton.onclick = () => {
  const de = document.documentElement, dark = de.dataset.theme ? de.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  de.dataset.theme = dark ? 'light' : 'dark';
  savePreference({ theme: de.dataset.theme });
  dispatchEvent(new Event('themechange'));
};
find.oninput = () => {
  if (router.name === 'board') router.setQuery({ q: find.value });
};
find.onkeydown = (e) => {
  if (e.key === 'Enter' && router.name !== 'board') router.navigate('/?' + new URLSearchParams({ q: find.value }));
};

// ---- the link, and the events ----
/** @type {import('./model.js').Kafka} */
let kafka = kafkaOf(null, [], 0);
let signedOut = false; // Central wants a login before it says anything
let seconds = 0; // the second in which kafka was last looked at

function link() {
  kafka = kafkaOf(store.reading, store.cps.values(), store.knownUntil());
  const part = !store.lost && kafka.state === 'lost';
  document.body.classList.toggle('is-lost', store.lost);
  document.body.classList.toggle('is-part', part);
  const pill = $('.pill', header);
  if (pill) { pill.hidden = signedOut; pill.classList.toggle('lost', store.lost); pill.classList.toggle('part', part); }
  set($('[data-k="link"]', header), t(store.lost ? 'lost' : part ? 'partial' : 'live'));
  banner.hidden = signedOut || !store.lost && !part;
  banner.setAttribute('aria-label', t(store.lost ? 'lost' : 'partial'));
  set($('.bt span', banner), store.lost ? t('lost_1', { t: clock(store.lostAt) }) : t('kafka_1'));
  set($('.bs', banner), t(store.lost ? 'lost_2' : 'kafka_2'));
  if (tryButton) tryButton.hidden = !store.lost;
  tick();
  title();
}
if (tryButton) tryButton.onclick = () => store.stream.connect();
// Who is signed in is asked for with each snapshot: Central may have been restarted.
async function session() {
  const me = store.central && store.central.accounts ? await readSession() : null;
  if (String(me && me.name + me.role) === String(shared.me && shared.me.name + shared.me.role)) return;
  shared.me = me;
  signedIn();
  router.again();
}
store.subscribe((e) => {
  if (e.type === 'snapshot') { signedOut = false; signedIn(); session(); showNotice(); }
  if (e.type === 'delta' && !e.changes.length) return;
  if (e.type !== 'link') { title(); return; }
  link();
  if (store.lost) announce(t('lost_t', { d: dur(store.now() - store.lostAt) }) + ' ' + t('lost_1', { t: clock(store.lostAt) }));
});

// showNotice shows what whoever runs this Central says about all its numbers.
function showNotice() {
  const text = (store.central && store.central.notice) || '';
  notice.hidden = !text;
  set(notice, text);
}

// toSignIn leads to the page of signing in, if the link is lost for want of that: at the first attempt
// that fails, or at a later one, since Central may have been away before.
async function toSignIn() {
  const must = await mustSignIn();
  if (!store.lost) return; // it was asked before somebody signed in
  signedOut = must;
  if (signedOut && router.name !== 'signin') router.navigate('/signin?to=' + encodeURIComponent(location.pathname + location.search), true);
  link();
}

// signedIn shows who is, and the way to sign in where there are accounts.
function signedIn() {
  const a = $('.me', header);
  if (!a) return;
  a.hidden = !store.central || !store.central.accounts;
  set(a, shared.me ? shared.me.name : t('nav_signin'));
  const log = $('.nav [data-name="audit"]', header);
  if (log) log.hidden = !shared.me;
}

// tick writes the texts of the frame that changed.
function tick() {
  if (document.hidden) return;
  const now = store.now();
  set($('.clock b', header), clock(now));
  set($('.clock span', header), zone());
  set($('[data-k="page"]', header), store.lost ? dur(now - store.lostAt) : num(Math.min(99, store.stream.secondsSinceFrame()), 1) + NB + 's');
  if (Math.floor(now) !== seconds) { seconds = Math.floor(now); events(); }
  if (!store.lost && kafka.state === 'lost') {
    set($('.bt strong', banner), t('kafka_t', { d: dur(now - kafka.since) }));
    set($('.bn span', banner), t('kafka_3', { n: num(kafka.records) }));
  }
  if (!store.lost) return;
  set($('.bt strong', banner), t('lost_t', { d: dur(now - store.lostAt) }));
  const { stream } = store, s = Math.max(0, Math.ceil((stream.retryAt - performance.now()) / 1000));
  set($('.bn span', banner), stream.retryAt ? t('lost_3', { s: s + NB + 's', n: stream.attempt }) : t('lost_try', { n: stream.attempt }));
}

// events notices that the events are lost, or read again.
function events() {
  const was = kafka.state;
  kafka = kafkaOf(store.reading, store.cps.values(), store.knownUntil());
  if (kafka.state === was) return;
  link();
  if (kafka.state === 'lost' && !store.lost) announce(t('kafka_t', { d: dur(store.now() - kafka.since) }) + ' ' + t('kafka_1'));
}

// ---- keys ----
addEventListener('keydown', (e) => {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
  const typing = e.target instanceof HTMLElement && e.target.matches('input, textarea, select');
  if (e.key === 'Escape' && e.target === find) { e.preventDefault(); find.blur(); }
  if (typing || !keys()) return;
  if (e.key === '/') { e.preventDefault(); find.focus(); find.select(); }
  if (e.key === '?') { e.preventDefault(); help.showModal(); }
});

// A hidden tab holds no stream. Its title is asked for now and then.
async function hiddenTitle() {
  if (!store.stream.paused) return;
  try {
    const s = await (await fetch(base + 'api/v1/status')).json();
    if (store.stream.paused) setTitle(s.charge_points.faulted + s.last_known_faulted, '');
  } catch (_) { /* Central is away: the page finds out when it is looked at */ }
}

translate();
signedIn();
link();
router.show();
setInterval(tick, 200);
setInterval(hiddenTitle, 15000);
