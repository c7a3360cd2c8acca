// The page: renders as a whole at a snapshot, a filter or a change of language, updates
// tiles at each delta, and ticks all durations by one timer.
import { t, lang } from './words.js';
import { esc, num, dur, durShort, age, clock, zone, NB } from './format.js';
import { STATES, KINDS, shape, kindShape, isKind, isConnected, isUnverified, tile, lasted, reasonText, stateText, missing, heartbeatBars, heartbeatText, lastSeenText, feedRow, feedStart, chain } from './draw.js';
import { empty, loading, bindCopy } from './empty.js';
import { Dots } from './dots.js';
import { Stream } from './stream.js';

const root = document.getElementById('app');
const $ = (s, e = document) => e.querySelector(s), $$ = (s, e = document) => [...e.querySelectorAll(s)];
const BIG = 12; // up to so many charge points get a big tile
const FEED = 60;
const MANY = 400; // beyond so many, each is a dot, and only what is not well has a tile
const URGENT = 48; // tiles beside the dots

const cps = new Map();
let central = null; // the last snapshot, without the lists
let changes = []; // newest first
let lostAt = 0; // Central's clock when the link was lost
let feedHolds = 0;
let query = readQuery();

function readQuery() {
  const p = new URLSearchParams(location.search);
  return { states: new Set((p.get('state') || '').split(',').filter((s) => STATES.includes(s) || KINDS.includes(s))), q: p.get('q') || '' };
}
function setQuery(next) {
  query = { ...query, ...next };
  const p = new URLSearchParams(location.search);
  const put = (k, v) => (v ? p.set(k, v) : p.delete(k));
  put('state', [...query.states].join(','));
  put('q', query.q);
  const s = p.toString();
  history.replaceState(null, '', s ? '?' + s : location.pathname);
}
const savePreference = (o) => { try { localStorage.setItem('ev', JSON.stringify({ ...JSON.parse(localStorage.getItem('ev') || '{}'), ...o })); } catch (_) { /* private mode */ } };
const match = (cp) => (!query.states.size || [...query.states].some((s) => isKind(cp, s, stream.now()))) && cp.cp_id.toLowerCase().includes(query.q.toLowerCase());

// timeContext is what the drawing functions need to know of time.
const timeContext = () => ({ now: stream.now(), lost: stream.lost, knownUntil: stream.lost ? lostAt : stream.now(), match });

let announced = '';
const announce = (s) => { if (s !== announced) { announced = s; $('#announcer').textContent = s; } };

function counts() {
  const c = {}, now = stream.now();
  for (const k of [...STATES, ...KINDS]) c[k] = 0;
  for (const cp of cps.values()) {
    if (cp.state in c) c[cp.state]++;
    for (const k of KINDS) if (k !== cp.state && isKind(cp, k, now)) c[k]++;
  }
  return c;
}
// shownCounts are the states, and those kinds that are not empty or filtered by.
const shownCounts = (c) => [...STATES, ...KINDS.filter((k) => c[k] || query.states.has(k))];
// CP_2 stands before CP_10.
const { compare } = new Intl.Collator('en', { numeric: true });
let sorted = null; // the ids in order; null: some came or went
function all() {
  sorted ??= [...cps.keys()].sort((a, b) => compare(a, b) || (a < b ? -1 : 1));
  return sorted.map((id) => cps.get(id));
}
const isBig = () => cps.size <= BIG;
const isMany = () => cps.size > MANY;

// ---- parts ----
function header(m) {
  return `<header class="top"><a class="brand" href="./"><svg aria-hidden="true"><use href="#i-mark"/></svg>EV_Central</a>
    <label class="find"><svg aria-hidden="true"><use href="#i-search"/></svg><input type="search" placeholder="${t('search')}" aria-label="${t('search')}" value="${esc(query.q)}"></label>
    <div class="tools"><span class="lang" role="group" aria-label="${t('language')}"><button type="button" data-lang="en" aria-pressed="${lang() === 'en'}">EN</button><button type="button" data-lang="es" aria-pressed="${lang() === 'es'}">ES</button></span>
    <button type="button" class="theme" aria-label="${t('theme')}" title="${t('theme')}"><svg aria-hidden="true"><use href="#i-theme"/></svg></button>
    <span class="clock"><b data-k="clock">${clock(m.now)}</b> ${esc(zone())}</span>
    <span class="pill ${m.lost ? 'lost' : ''}"><i></i>${m.lost ? t('lost') : t('live')}<b data-k="page"></b></span></div></header>`;
}

// The banner of a lost link has four parts: what and since when, what still works, what
// is not known, what happens next.
function banner(m) {
  if (!m.lost) return '';
  return `<section class="banner" aria-label="${t('lost')}"><div class="bt"><strong data-k="lostT">${t('lost_t', { d: dur(m.now - lostAt) })}</strong> <span>${t('lost_1', { t: clock(lostAt) })}</span></div>
    <div class="bs">${t('lost_2')}</div><div class="bn"><span data-k="retry"></span><button type="button" class="try">${t('now')}</button></div></section>`;
}

function headline(m) {
  const c = counts();
  if (!central) return NB;
  if (m.lost) return t('h_lost', { at: clock(lostAt), n: num(c.faulted) });
  if (!cps.size) return t('h_empty');
  const oldest = (of, by) => [...cps.values()].filter(of).sort((a, b) => by(a) - by(b))[0];
  const name = (cp) => `<strong>${esc(cp.cp_id)}</strong>`, last = c.last_known_faulted;
  if (!c.faulted && last) {
    const cp = oldest((x) => x.last_known_fault, (x) => x.last_seen);
    return t(last === 1 ? 'h_last1' : 'h_last', { n: num(last), cp: name(cp), dur: `<span>${dur(m.now - cp.last_seen)}</span>` });
  }
  if (!c.faulted) return t('h_none', { n: num(connected().filter((cp) => !isUnverified(cp, m.now)).length), all: num(cps.size) });
  const cp = oldest((x) => x.state === 'faulted', (x) => x.since);
  const text = t(c.faulted === 1 ? 'h_fault1' : 'h_fault', { n: num(c.faulted), cp: name(cp), dur: `<span>${lasted(cp, m)}</span>` });
  return last ? text + ' ' + t('h_more', { n: num(last) }) : text;
}

function confidence(m) {
  if (m.lost) return t('b_lost', { s: dur(m.now - lostAt) });
  if (!cps.size) return t('b_none');
  const live = connected();
  const beating = live.filter((cp) => cp.last_heartbeat && !isUnverified(cp, m.now));
  if (!live.length) return t('b_nobody');
  if (!beating.length) return t('b_quiet');
  const within = beating.reduce((s, cp) => Math.max(s, m.now - cp.last_seen), 0);
  const v = { n: num(beating.length), all: num(cps.size), s: age(Math.ceil(within * 10) / 10) };
  return t(beating.length === cps.size ? 'b_ok' : 'b_part', v);
}
const connected = () => [...cps.values()].filter(isConnected);

const countCells = (c) => shownCounts(c).map((s) => `<button type="button" class="count s-${s}${c[s] ? '' : ' zero'}" data-state="${s}" aria-pressed="${query.states.has(s)}">${KINDS.includes(s) ? kindShape(s) : shape(s)}<b data-k="n-${s}">${num(c[s])}</b><span>${t(s + '_n', { n: c[s] })}</span></button>`).join('');
function summary(m) {
  const cells = countCells(counts());
  return `<section class="summary" aria-label="${t('board')}"><div class="cell now"><h1 id="headline">${headline(m)}</h1><div class="counts">${cells}</div></div>
    <div class="cell trust"><h2>${t('believe')} <span data-k="bel">${confidence(m)}</span></h2><div data-k="chain">${chain(connected().length, cps.size, m)}</div></div></section>`;
}

function feed(m) {
  const rows = changes.map((c) => feedRow(c, m.now)).join('') + (central ? feedStart(central, m.now) : '');
  const sub = m.lost ? t('feed_until', { t: clock(lostAt) }) : t('feed_sub');
  return `<section class="feed" id="feed" aria-label="${t('feed')}"><h2>${t('feed')} <small>${sub}</small><span class="held" hidden>${t('feed_hold')}</span></h2><ol role="log" aria-live="off" tabindex="0">${rows}</ol></section>`;
}

function board(m) {
  if (!central) return loading();
  if (!cps.size) return empty(central, m.now);
  const { tiled, shown, dotted } = arranged();
  const chips = [...query.states].map((s) => `<button type="button" class="chip" data-state="${s}" aria-label="${t('clear')} ${t(s)}">${t(s)}<span aria-hidden="true">×</span></button>`).join('');
  const some = shown < cps.size ? t('shown', { n: num(shown), all: num(cps.size) }) : '';
  return `<section class="boardp" id="board" aria-label="${t('board')}"><div class="bh"><h2>${t('cps', { n: num(cps.size) })} <small>${some}</small></h2>${chips}</div>
    <ul class="tiles ${isBig() ? 'big' : 'small'}">${tiled.map((cp) => tile(cp, m, isBig())).join('')}</ul>${dotted ? `<div class="dotted"><canvas class="dots" role="img" aria-label="${esc(t('dots', { n: num(cps.size) }))}"></canvas></div>` : ''}</section>`;
}
// arranged is which charge points have tiles, and how many the filter shows. Of many, those
// that a filter shows if they are few, else the first that are not well.
function arranged() {
  if (!isMany()) return { tiled: all(), shown: [...cps.values()].filter(match).length, dotted: false };
  const fit = all().filter(match);
  if (fit.length <= MANY) return { tiled: fit, shown: fit.length, dotted: !fit.length };
  const tiled = [];
  for (const is of [(cp) => cp.state === 'faulted', (cp) => cp.last_known_fault, (cp) => cp.state === 'disconnected' && !cp.last_known_fault]) {
    for (let i = 0; i < fit.length && tiled.length < URGENT; i++) if (is(fit[i])) tiled.push(fit[i]);
  }
  return { tiled, shown: fit.length, dotted: true };
}

// ---- dots ----
let dots = null;
function placeDots(m) {
  const canvas = $('.dots');
  dots = canvas && new Dots(canvas, all(), (cp) => { setQuery({ q: cp.cp_id }); render(); });
  if (dots) dots.layout(m);
}
const layoutDots = () => { if (dots) dots.layout(timeContext()); };
addEventListener('resize', layoutDots);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', layoutDots);

// boardSoon draws the board of many anew, twice a second at most, when a state has changed.
let boardWaits = 0;
function boardSoon() {
  boardWaits ||= setTimeout(() => {
    boardWaits = 0;
    if (waiting || !isMany()) return; // all is drawn anew
    const m = timeContext(), old = $('.boardp .tiles'), box = document.createElement('div');
    box.innerHTML = board(m);
    if (!!dots !== !!$('.dots', box)) { render(); return; }
    old.replaceWith($('.tiles', box));
    observeTiles();
  }, 500);
}

// ---- tiles in view ----
// Heartbeats come for all charge points, but only tiles in view are redrawn for them and
// tick. A change of state is drawn everywhere, at once.
const tiles = new Map(), stale = new Set(); // by id: all, and those to redraw
let visible = new Set();
const tileObserver = new IntersectionObserver((entries) => {
  const m = timeContext();
  for (const e of entries) {
    const id = e.target.dataset.id;
    if (!e.isIntersecting) { visible.delete(id); continue; }
    visible.add(id);
    if (stale.has(id)) redraw(cps.get(id), m, false);
    tickTile(tiles.get(id), cps.get(id), m);
  }
}, { rootMargin: '200px' });

// observeTiles starts with the tiles of a new board.
function observeTiles() {
  tileObserver.disconnect();
  tiles.clear();
  stale.clear();
  visible = new Set();
  for (const a of $$('.tile')) {
    tiles.set(a.dataset.id, a);
    a.parentNode.dataset.id = a.dataset.id;
    tileObserver.observe(a.parentNode);
  }
}

// ---- rendering ----
// A board of thousands takes a while to render. When charge points register one after
// the other, four fifths of the time are left for the rest of the page.
let rendered = 0, took = 0, waiting = 0;
function renderSoon() {
  if (waiting) return;
  waiting = setTimeout(render, Math.max(0, rendered + 4 * took - performance.now()));
}
function render() {
  const began = performance.now();
  clearTimeout(waiting);
  waiting = 0;
  paint();
  rendered = performance.now();
  took = rendered - began;
}
function paint() {
  const m = timeContext();
  document.body.className = [m.lost ? 'is-lost' : '', cps.size ? '' : 'is-empty'].join(' ');
  const focus = document.activeElement && document.activeElement.matches('.find input') ? document.activeElement.selectionStart : -1;
  root.innerHTML = header(m) + banner(m) + summary(m) + `<main class="work"><div class="main">${board(m)}</div><div class="side">${feed(m)}</div></main>`;
  $('#skip').textContent = t('skip');
  title();
  bind();
  placeDots(m);
  observeTiles();
  if (focus >= 0) { const f = $('.find input'); f.focus(); f.setSelectionRange(focus, focus); }
  tick();
}
function title() {
  const c = counts();
  setTitle(c.faulted + c.last_known_faulted);
}
const setTitle = (n) => { document.title = (stream.lost ? '⚠ ' : n ? `(${n}) ` : '') + 'EV_Central'; };
function bindStates() {
  for (const b of $$('[data-state]')) b.onclick = () => { const s = new Set(query.states); if (!s.delete(b.dataset.state)) s.add(b.dataset.state); setQuery({ states: s }); render(); };
}
function bind() {
  bindStates();
  for (const b of $$('[data-lang]')) b.onclick = () => { document.documentElement.lang = b.dataset.lang; savePreference({ lang: b.dataset.lang }); render(); };
  $('.theme').onclick = () => {
    const de = document.documentElement, dark = de.dataset.theme ? de.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    de.dataset.theme = dark ? 'light' : 'dark';
    savePreference({ theme: de.dataset.theme });
    layoutDots();
  };
  $('.find input').oninput = (e) => { setQuery({ q: e.target.value }); render(); };
  const again = $('.try');
  if (again) again.onclick = () => stream.connect();
  const list = $('.feed ol'), note = $('.feed .held');
  const hold = (d) => { feedHolds = Math.max(0, feedHolds + d); note.hidden = !feedHolds; if (!feedHolds) feedNow(); };
  feedHolds = 0;
  list.onpointerenter = () => hold(1); list.onpointerleave = () => hold(-1); list.onfocus = () => hold(1); list.onblur = () => hold(-1);
  bindCopy(root);
}

function feedNow() {
  const m = timeContext(), list = $('.feed ol');
  list.innerHTML = changes.map((c) => feedRow(c, m.now)).join('') + feedStart(central, m.now);
}

// ---- frames ----
function snapshot(d) {
  cps.clear();
  sorted = null;
  for (const cp of d.cps) cps.set(cp.cp_id, cp);
  changes = d.changes.slice().reverse().slice(0, FEED);
  central = { started: d.started, listen: d.listen, tls: d.tls, heartbeat: d.heartbeat };
  render();
}
function delta(d) {
  const before = cps.size;
  const moved = new Set(d.changes.map((c) => c.cp_id)), newHeartbeats = [];
  for (const cp of d.cps) {
    const was = cps.get(cp.cp_id);
    if (was && was.last_heartbeat !== cp.last_heartbeat) newHeartbeats.push(cp.cp_id);
    if (was && (was.unverified !== cp.unverified || !was.last_known_fault !== !cp.last_known_fault)) moved.add(cp.cp_id);
    if (!was) sorted = null;
    cps.set(cp.cp_id, cp);
  }
  changes = [...d.changes.slice().reverse(), ...changes].slice(0, FEED);
  for (const c of d.changes) if (c.to === 'faulted') announce(`${c.cp_id}: ${t('faulted')}`);
  if (cps.size !== before || waiting) { renderSoon(); return; }
  const m = timeContext();
  for (const cp of d.cps) {
    if (dots) dots.update(cp, m);
    if (visible.has(cp.cp_id) || moved.has(cp.cp_id)) redraw(cp, m, moved.has(cp.cp_id));
    else if (tiles.has(cp.cp_id)) stale.add(cp.cp_id);
  }
  for (const id of newHeartbeats) if (visible.has(id)) animateHeartbeat(id);
  if (!moved.size) return;
  if (isMany()) boardSoon();
  const c = counts(), cells = $$('.count');
  if (shownCounts(c).join() !== cells.map((e) => e.dataset.state).join()) {
    $('.counts').innerHTML = countCells(c);
    bindStates();
  } else for (const { dataset: { state: s } } of cells) {
    const e = $(`[data-k="n-${s}"]`), cell = e.closest('.count');
    set(e, num(c[s]));
    cell.classList.toggle('zero', !c[s]);
    set($('span', cell), t(s + '_n', { n: c[s] }));
  }
  $('[data-k="chain"]').innerHTML = chain(connected().length, cps.size, m);
  $('#headline').innerHTML = headline(m);
  title();
  if (!feedHolds) { feedNow(); for (const li of $$('.feed li').slice(0, d.changes.length)) li.classList.add('arrived'); }
}

// redraw replaces one tile where it stands.
function redraw(cp, m, moved) {
  const old = tiles.get(cp.cp_id);
  if (!old) return;
  const box = document.createElement('ul');
  box.innerHTML = tile(cp, m, isBig());
  const now = box.firstElementChild.firstElementChild;
  if (moved) now.classList.add('arrived');
  old.replaceWith(now);
  tiles.set(cp.cp_id, now);
  stale.delete(cp.cp_id);
}
// A disc is animated when a heartbeat came, and at no other time.
function animateHeartbeat(id) {
  const s = document.hidden || matchMedia('(prefers-reduced-motion: reduce)').matches ? null : $('.beat', tiles.get(id));
  if (s && s.animate) s.animate([{ opacity: 1 }, { opacity: 0.55 }, { opacity: 1 }], { duration: 900, easing: 'ease-out' });
}

// ---- one timer; writes only texts that changed ----
const set = (e, v) => { if (e && e.textContent !== v) e.textContent = v; };
function setHTML(e, v) { if (e && e.dataset.v !== v) { e.dataset.v = v; e.innerHTML = v; } }

let ticks = 0;
function tick() {
  if (document.hidden) return;
  const m = timeContext();
  set($('[data-k="clock"]'), clock(m.now));
  for (const e of $$('[data-k="page"]')) set(e, m.lost ? dur(m.now - lostAt) : num(Math.min(99, stream.secondsSinceFrame()), 1) + NB + 's');
  if (!isMany() || ++ticks % 5 === 0) { // of many, each looks at thousands
    setHTML($('[data-k="bel"]'), confidence(m));
    setHTML($('#headline'), headline(m));
    if (dots && ticks % 25 === 0) dots.all(m);
  }
  if (m.lost) {
    set($('[data-k="lostT"]'), t('lost_t', { d: dur(m.now - lostAt) }));
    const s = Math.max(0, Math.ceil((stream.retryAt - performance.now()) / 1000));
    set($('[data-k="retry"]'), stream.retryAt ? t('lost_3', { s: s + NB + 's', n: stream.attempt }) : t('lost_try', { n: stream.attempt }));
  }
  if (central) set($('[data-k="listen"]'), t('e_1b', { d: dur(m.now - central.started) }));
  for (const id of visible) tickTile(tiles.get(id), cps.get(id), m);
}
function tickTile(a, cp, m) {
  const big = isBig(), k = (name) => $(`[data-k="${name}"]`, a);
  if (cp.since) set(k('dur'), lasted(cp, m, big ? dur : durShort));
  const hollow = isUnverified(cp, m.now);
  if (a.classList.contains('unverified') !== hollow) a.classList.toggle('unverified', hollow);
  if (!big) { set(k('word'), stateText(cp, m)); return; }
  set(k('seen'), lastSeenText(cp, m.now));
  if (m.lost) return; // what came since is not known
  setHTML(k('why'), reasonText(cp, m.now));
  set(k('beats'), heartbeatText(cp, m.now));
  setHTML(k('bars'), heartbeatBars(cp, missing(cp, m.now), 26));
}

addEventListener('keydown', (e) => {
  if (e.key !== 'Escape' || (!query.states.size && !query.q)) return;
  setQuery({ states: new Set(), q: '' });
  render();
});
addEventListener('popstate', () => { query = readQuery(); render(); });

const stream = new Stream('api/v1/events', {
  snapshot, delta,
  state: () => {
    if (stream.lost) lostAt = stream.now() - stream.secondsSinceFrame();
    render();
    if (stream.lost) announce(t('lost_t', { d: dur(stream.secondsSinceFrame()) }) + ' ' + t('lost_1', { t: clock(lostAt) }));
  },
});
render();
setInterval(tick, 200);

// A hidden tab holds no stream. Its title is asked for now and then.
setInterval(async () => {
  if (!stream.paused) return;
  try {
    const s = await (await fetch('api/v1/status')).json();
    if (stream.paused) setTitle(s.charge_points.faulted + s.last_known_faulted);
  } catch (_) { /* Central is away: the page finds out when it is looked at */ }
}, 15000);
