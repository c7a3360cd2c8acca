// The overview: renders as a whole at a snapshot or a filter, updates tiles at each delta,
// and ticks all durations by one timer.
import { t } from './words.js';
import { esc, num, dur, durShort, age, clock, NB } from './format.js';
import { $, $$, set, setHTML } from './dom.js';
import { STATES, KINDS, shape, kindShape, isKind, isConnected, isUnverified, tile, lasted, reasonText, stateText, missing, heartbeatBars, heartbeatText, lastSeenText, feedRow, feedStart, chain } from './draw.js';
import { empty, loading, bindCopy } from './empty.js';
import { Dots } from './dots.js';

const BIG = 12; // up to so many charge points get a big tile
const MANY = 400; // beyond so many, each is a dot, and only what is not well has a tile
const URGENT = 48; // tiles beside the dots

let root, context, store, ending = [];
let feedHolds = 0;
let query;

function readQuery() {
  const p = new URLSearchParams(location.search);
  return { states: new Set((p.get('state') || '').split(',').filter((s) => STATES.includes(s) || KINDS.includes(s))), q: p.get('q') || '' };
}
const setQuery = ({ states, q }) => context.setQuery({ ...(states && { state: [...states].join(',') }), ...(q !== undefined && { q }) });
const match = (cp) => (!query.states.size || [...query.states].some((s) => isKind(cp, s, store.now()))) && cp.cp_id.toLowerCase().includes(query.q.toLowerCase());

// timeContext is what the drawing functions need to know of time.
const timeContext = () => ({ now: store.now(), lost: store.lost, knownUntil: store.knownUntil(), match });

function counts() {
  const c = {}, now = store.now();
  for (const k of [...STATES, ...KINDS]) c[k] = 0;
  for (const cp of store.cps.values()) {
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
  sorted ??= [...store.cps.keys()].sort((a, b) => compare(a, b) || (a < b ? -1 : 1));
  return sorted.map((id) => store.cps.get(id));
}
const isBig = () => store.cps.size <= BIG;
const isMany = () => store.cps.size > MANY;

// ---- parts ----
function headline(m) {
  const c = counts();
  if (!store.central) return NB;
  if (m.lost) return t('h_lost', { at: clock(store.lostAt), n: num(c.faulted) });
  if (!store.cps.size) return t('h_empty');
  const oldest = (of, by) => [...store.cps.values()].filter(of).sort((a, b) => by(a) - by(b))[0];
  const name = (cp) => `<strong>${esc(cp.cp_id)}</strong>`, last = c.last_known_faulted;
  if (!c.faulted && last) {
    const cp = oldest((x) => x.last_known_fault, (x) => x.last_seen);
    return t(last === 1 ? 'h_last1' : 'h_last', { n: num(last), cp: name(cp), dur: `<span>${dur(m.now - cp.last_seen)}</span>` });
  }
  if (!c.faulted) return t('h_none', { n: num(connected().filter((cp) => !isUnverified(cp, m.now)).length), all: num(store.cps.size) });
  const cp = oldest((x) => x.state === 'faulted', (x) => x.since);
  const text = t(c.faulted === 1 ? 'h_fault1' : 'h_fault', { n: num(c.faulted), cp: name(cp), dur: `<span>${lasted(cp, m)}</span>` });
  return last ? text + ' ' + t('h_more', { n: num(last) }) : text;
}

function confidence(m) {
  if (m.lost) return t('b_lost', { s: dur(m.now - store.lostAt) });
  if (!store.cps.size) return t('b_none');
  const live = connected();
  const beating = live.filter((cp) => cp.last_heartbeat && !isUnverified(cp, m.now));
  if (!live.length) return t('b_nobody');
  if (!beating.length) return t('b_quiet');
  const within = beating.reduce((s, cp) => Math.max(s, m.now - cp.last_seen), 0);
  const v = { n: num(beating.length), all: num(store.cps.size), s: age(Math.ceil(within * 10) / 10) };
  return t(beating.length === store.cps.size ? 'b_ok' : 'b_part', v);
}
const connected = () => [...store.cps.values()].filter(isConnected);

const countCells = (c) => shownCounts(c).map((s) => `<button type="button" class="count s-${s}${c[s] ? '' : ' zero'}" data-state="${s}" aria-pressed="${query.states.has(s)}">${KINDS.includes(s) ? kindShape(s) : shape(s)}<b data-k="n-${s}">${num(c[s])}</b><span>${t(s + '_n', { n: c[s] })}</span></button>`).join('');
function summary(m) {
  const cells = countCells(counts());
  return `<section class="summary" aria-label="${t('board')}"><div class="cell now"><h1 id="headline">${headline(m)}</h1><div class="counts">${cells}</div></div>
    <div class="cell trust"><h2>${t('believe')} <span data-k="bel">${confidence(m)}</span></h2><div data-k="chain">${chain(connected().length, store.cps.size, m)}</div></div></section>`;
}

function feed(m) {
  const rows = store.changes.map((c) => feedRow(c, m.now)).join('') + (store.central ? feedStart(store.central, m.now) : '');
  const sub = m.lost ? t('feed_until', { t: clock(store.lostAt) }) : t('feed_sub');
  return `<section class="feed" id="feed" aria-label="${t('feed')}"><h2>${t('feed')} <small>${sub}</small><span class="held" hidden>${t('feed_hold')}</span></h2><ol role="log" aria-live="off" tabindex="0">${rows}</ol></section>`;
}

function board(m) {
  if (!store.central) return loading();
  if (!store.cps.size) return empty(store.central, m.now);
  const { tiled, shown, dotted } = arranged();
  const chips = [...query.states].map((s) => `<button type="button" class="chip" data-state="${s}" aria-label="${t('clear')} ${t(s)}">${t(s)}<span aria-hidden="true">×</span></button>`).join('');
  const some = shown < store.cps.size ? t('shown', { n: num(shown), all: num(store.cps.size) }) : '';
  return `<section class="boardp" id="board" aria-label="${t('board')}"><div class="bh"><h2>${t('cps', { n: num(store.cps.size) })} <small>${some}</small></h2>${chips}</div>
    <ul class="tiles ${isBig() ? 'big' : 'small'}">${tiled.map((cp) => tile(cp, m, isBig())).join('')}</ul>${dotted ? `<div class="dotted"><canvas class="dots" role="img" aria-label="${esc(t('dots', { n: num(store.cps.size) }))}"></canvas></div>` : ''}</section>`;
}
// arranged is which charge points have tiles, and how many the filter shows. Of many, those
// that a filter shows if they are few, else the first that are not well.
function arranged() {
  if (!isMany()) return { tiled: all(), shown: [...store.cps.values()].filter(match).length, dotted: false };
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
  dots = canvas && new Dots(canvas, all(), (cp) => { setQuery({ q: cp.cp_id }); });
  if (dots) dots.layout(m);
}
const layoutDots = () => { if (dots) dots.layout(timeContext()); };

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
    if (stale.has(id)) redraw(store.cps.get(id), m, false);
    tickTile(tiles.get(id), store.cps.get(id), m);
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
  document.body.classList.toggle('is-empty', !store.cps.size);
  root.innerHTML = summary(m) + `<main class="work"><div class="main">${board(m)}</div><div class="side">${feed(m)}</div></main>`;
  bind();
  placeDots(m);
  observeTiles();
  tick();
}
function bindStates() {
  for (const b of $$('[data-state]')) b.onclick = () => { const s = new Set(query.states); if (!s.delete(b.dataset.state)) s.add(b.dataset.state); setQuery({ states: s }); };
}
function bind() {
  bindStates();
  const list = $('.feed ol'), note = $('.feed .held');
  const hold = (d) => { feedHolds = Math.max(0, feedHolds + d); note.hidden = !feedHolds; if (!feedHolds) feedNow(); };
  feedHolds = 0;
  list.onpointerenter = () => hold(1); list.onpointerleave = () => hold(-1); list.onfocus = () => hold(1); list.onblur = () => hold(-1);
  bindCopy(root);
}

function feedNow() {
  const m = timeContext(), list = $('.feed ol');
  list.innerHTML = store.changes.map((c) => feedRow(c, m.now)).join('') + feedStart(store.central, m.now);
}

// ---- frames ----
function delta(d) {
  const moved = new Set(d.changes.map((c) => c.cp_id)), newHeartbeats = [];
  let came = false;
  for (const cp of d.cps) {
    const was = d.before.get(cp.cp_id);
    if (was && was.last_heartbeat !== cp.last_heartbeat) newHeartbeats.push(cp.cp_id);
    if (was && (was.unverified !== cp.unverified || !was.last_known_fault !== !cp.last_known_fault)) moved.add(cp.cp_id);
    if (!was) { sorted = null; came = true; }
  }
  for (const c of d.changes) if (c.to === 'faulted') context.announce(`${c.cp_id}: ${t('faulted')}`);
  if (came || waiting) { renderSoon(); return; }
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
  $('[data-k="chain"]').innerHTML = chain(connected().length, store.cps.size, m);
  $('#headline').innerHTML = headline(m);
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
let ticks = 0;
function tick() {
  if (document.hidden) return;
  const m = timeContext();
  set($('.chain [data-k="page"]'), m.lost ? dur(m.now - store.lostAt) : num(Math.min(99, store.stream.secondsSinceFrame()), 1) + NB + 's');
  if (!isMany() || ++ticks % 5 === 0) { // of many, each looks at thousands
    setHTML($('[data-k="bel"]'), confidence(m));
    setHTML($('#headline'), headline(m));
    if (dots && ticks % 25 === 0) dots.all(m);
  }
  if (store.central) set($('[data-k="listen"]'), t('e_1b', { d: dur(m.now - store.central.started) }));
  for (const id of visible) tickTile(tiles.get(id), store.cps.get(id), m);
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

function clearFilter(e) {
  if (e.key === 'Escape' && (query.states.size || query.q)) setQuery({ states: new Set(), q: '' });
}

export function mount(into, given) {
  root = into;
  update(given, false);
  store = context.store;
  sorted = null;
  const timer = setInterval(tick, 200);
  const onMatch = matchMedia('(prefers-color-scheme: dark)');
  addEventListener('resize', layoutDots);
  addEventListener('themechange', layoutDots);
  addEventListener('keydown', clearFilter);
  onMatch.addEventListener('change', layoutDots);
  ending = [store.subscribe(changed), () => clearInterval(timer), () => removeEventListener('resize', layoutDots), () => removeEventListener('themechange', layoutDots),
    () => removeEventListener('keydown', clearFilter), () => onMatch.removeEventListener('change', layoutDots), () => tileObserver.disconnect(), () => clearTimeout(waiting), () => clearTimeout(boardWaits)];
  render();
}
export function unmount() {
  for (const end of ending) end();
  waiting = boardWaits = 0;
  dots = null;
}
export function update(given, draw = true) {
  context = given;
  query = readQuery();
  if (draw) render();
}
function changed(e) {
  if (e.type === 'delta') { delta(e); return; }
  sorted = null;
  render();
}
