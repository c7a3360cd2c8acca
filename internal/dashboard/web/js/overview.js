// The overview: the sentence and the counts, what needs attention, all charge points, and what
// happens. Each region is brought to what it must say; none is replaced while it holds the focus.
// @ts-check
import { t } from './words.js';
import { esc, num, dur, durShort, clock, NB } from './format.js';
import { $, $$, set, setHTML } from './dom.js';
import { patch, patchRows } from './patch.js';
import { ask, change, Problem } from './api.js';
import { inWords } from './problem.js';
import { KINDS, shape, isKind, isUnverified, isOld, missing, heartbeatBars, heartbeatText, stateText } from './draw.js';
import { empty, loading, bindCopy } from './empty.js';
import { STATES, attention, inOrder, isConnected, kafkaOf, openOf, sitesOf } from './model.js';
import { chain } from './marks.js';
import { confidence, countCells, counts, dayFigures, headline, kafkaText, rateFigures } from './band.js';
import { lastsText, seenText, tile, tileBody, tileClass, tileLabel, whyText } from './tiles.js';
import { queueRows } from './queue.js';
import { Feed } from './feed.js';
import { Dots } from './dots.js';

/** @typedef {import('./model.js').Moment} Moment */
/** @typedef {import('./model.js').ChargePoint} ChargePoint */

const BIG = 12; // up to so many charge points get a big tile
const MANY = 400; // beyond so many each is a mark on a canvas
const MOST_TILES = 2000; // also where tiles were asked for
const DAY_EVERY = 30_000; // ms between questions for the last 24 hours
const QUEUE_EVERY = 250; // ms between two orders of what needs attention

/** @type {import('./router.js').Context} */
let context;
/** @type {import('./store.js').Store} */
let store;
/** @type {HTMLElement} */
let root;
/** @type {(() => void)[]} */
let ending = [];
/** @type {{states: Set<string>, q: string, site: string, density: string}} */
let query;
/** @type {string[] | null} the ids in order; null: some came or went */
let sorted = null;
/** @type {any} the last 24 hours; null: not known */
let day = null;
let dayError = '';
/** @type {Dots | null} */
let dots = null;
/** @type {Feed} */
let feed;
let stop = ''; // the id of the tile at which Tab stops

function readQuery() {
  const p = new URLSearchParams(location.search), density = p.get('density') || '';
  return {
    states: new Set((p.get('state') || '').split(',').filter((s) => STATES.includes(s) || KINDS.includes(s))), q: p.get('q') || '', site: p.get('site') || '',
    density: ['tiles', 'dots'].includes(density) ? density : '',
  };
}

/** @param {ChargePoint} cp */
function match(cp) {
  if (query.site && cp.site !== query.site) return false;
  if (query.states.size && ![...query.states].some((s) => isKind(cp, s, store.now()))) return false;
  if (!query.q) return true;
  const text = query.q.toLowerCase(), open = openOf(cp);
  return cp.cp_id.toLowerCase().includes(text) || (cp.site || '').toLowerCase().includes(text) ||
    cp.state !== 'activated' && whyText(cp, plainMoment()).replace(/<[^>]+>/g, '').toLowerCase().includes(text) || !!open && open.cause.includes(text);
}
/** @returns {Moment} */
function plainMoment() {
  return { now: store.now(), lost: store.lost, knownUntil: store.knownUntil(), kafka: kafkaOf(store.reading, store.cps.values(), store.knownUntil()), match: () => true };
}
/** @returns {Moment} */
const moment = () => ({ ...plainMoment(), match });

function all() {
  sorted ||= inOrder(store.cps.keys());
  return sorted.flatMap((id) => store.cps.get(id) || []);
}
/** The charge points of the site that is looked at. */
const inScope = () => (query.site ? all().filter((cp) => cp.site === query.site) : all());

function isDots() {
  const n = query.site ? inScope().length : store.cps.size;
  return query.density === 'dots' || n > MOST_TILES || query.density !== 'tiles' && n > MANY;
}
const isBig = () => (query.site ? inScope().length : store.cps.size) <= BIG;

// ---- the band ----
/** @type {import('./model.js').Row[]} */
let rows = [];
/** Brings the band to the present. */
function drawBand() {
  const m = moment(), c = counts(store.cps.values(), m.now);
  let heard = 0;
  for (const cp of store.cps.values()) if (isConnected(cp)) heard++;
  setHTML($('#headline', root), headline(store, m, c, rows, context.href));
  const cells = $('.counts', root);
  if (cells) patch(cells, countCells(c, query.states));
  setHTML($('[data-k="bel"]', root), confidence(store, m));
  const line = $('[data-k="untold"]', root), text = untold();
  setHTML(line, text);
  if (line) line.hidden = !text;
  setHTML($('[data-k="up24"]', root), dayFigures(store, m, day, dayError));
  setHTML($('[data-k="rate"]', root), rateFigures(store, m));
  const place = $('[data-k="chain"]', root);
  if (place) patch(place, chain(heard, store.cps.size, m.lost, m.kafka.state, kafkaText(m)));
}

/** What people were not told, because a receiver of alerts fails; '' if none does. */
function untold() {
  const failing = ((store.alerts || {}).receivers || []).filter((/** @type {any} */ r) => r.failing_since);
  return failing.map((/** @type {any} */ r) => t('untold', { host: esc(r.host), at: clock(r.failing_since), n: num(r.waiting), why: esc(r.last_error) })).join('<br>');
}

// ---- what needs attention ----
/** @type {Set<string>} */
const opened = new Set(); // keys of the sites that show their charge points
let queueHeld = false; // pointed at or focused: its order stays
let queueTimer = 0;
function queueSoon() { queueTimer ||= setTimeout(() => { queueTimer = 0; drawQueue(); drawBand(); }, QUEUE_EVERY); }
function drawQueue() {
  const m = moment(), before = rows;
  rows = attention(store.cps.values(), m);
  const list = $('.ql-list', root), none = $('.queue .none', root);
  if (!list || !none) return;
  let shown = rows.filter((r) => r.cps.some(match));
  if (queueHeld) { // those that were there keep their places
    const place = new Map(before.map((r, i) => [r.key, i]));
    shown = shown.map((r, i) => ({ r, i: place.get(r.key) ?? before.length + i })).sort((a, b) => a.i - b.i).map((x) => x.r);
    rows = shown.length === rows.length ? shown : rows;
  }
  set($('[data-k="qn"]', root), rows.length ? num(rows.reduce((n, r) => n + r.cps.length, 0)) : '');
  const keep = document.activeElement && list.contains(document.activeElement) ? document.activeElement.closest('[data-key]') : null;
  patchRows(list, queueRows(shown, m, opened, context.href, !!store.central && !!store.central.accounts && (!context.me || context.me.role === 'operator')));
  if (keep && !keep.isConnected) $('.qm', list)?.focus(); // the row that held the focus is over
  list.hidden = !shown.length;
  none.hidden = !!shown.length;
  set(none, t(!store.cps.size ? 'queue_wait' : rows.length ? 'queue_filtered' : 'queue_empty'));
}

/** @param {MouseEvent} e */
function queueClick(e) {
  const target = e.target instanceof Element ? e.target.closest('button') : null;
  if (target && target.dataset.open) {
    if (!opened.delete(target.dataset.open)) opened.add(target.dataset.open);
    drawQueue();
  } else if (target && target.dataset.take) take(target.dataset.take);
}
/** @param {string} id */
async function take(id) {
  if (!context.me) { context.navigate('/signin'); return; }
  try {
    await change('PUT', `cps/${encodeURIComponent(id)}/owner`, { owner: context.me && context.me.name, note: '' });
  } catch (e) {
    if (!(e instanceof Problem)) throw e;
    context.announce(e.status ? inWords(e) : t('lost'));
  }
}

// ---- the board ----
/** @param {{name: string, cps: ChargePoint[]}} s */
function siteHead(s) {
  /** @type {Record<string, number>} */
  const c = { faulted: 0, disconnected: 0, maintenance: 0 };
  let activated = 0;
  for (const cp of s.cps) if (cp.state in c) c[cp.state]++; else if (cp.state === 'activated') activated++;
  const bad = Object.entries(c).filter(([, n]) => n).map(([k, n]) => `<span class="sc s-${k}">${shape(k)}${num(n)} ${t(k + '_n', { n })}</span>`).join('');
  const name = s.name ? `<a href="${esc(context.href('/?' + new URLSearchParams({ site: s.name })))}">${esc(s.name)}</a>` : `<span>${t('site_none')}</span>`;
  return `${name} <span class="sn">${num(s.cps.length)}</span>${bad || (activated === s.cps.length ? `<span class="sc ok">${t('site_ok')}</span>` : '')}`;
}

/** @param {Moment} m */
function boardHead(m) {
  const some = query.states.size || query.q || query.site;
  const shown = some ? all().filter(m.match).length : 0;
  const sites = new Set();
  for (const cp of store.cps.values()) if (cp.site) sites.add(cp.site);
  const chips = [...[...query.states].map((s) => ['state:' + s, t(s)]), query.site && ['site', query.site], query.q && ['q', `“${query.q}”`]].filter(Boolean).map((x) => {
    const [k, v] = /** @type {[string, string]} */ (x);
    return `<button type="button" class="chip" data-key="${esc(k)}" data-chip="${esc(k)}" aria-label="${t('clear')} ${esc(v)}">${esc(v)}<span aria-hidden="true">×</span></button>`;
  }).join('');
  const small = [sites.size ? t('sites_n', { n: num(sites.size) }) : '', some ? t('shown', { n: num(shown), all: num(store.cps.size) }) : ''].filter(Boolean).join(' · ');
  const seg = [['', 'd_auto'], ['tiles', 'd_tiles'], ['dots', 'd_dots']].map(([k, w]) => `<button type="button" data-density="${k}" aria-pressed="${query.density === k}">${t(w)}</button>`).join('');
  return `<h2 data-key="h" tabindex="-1">${t('cps', { n: num(store.cps.size) })} <small>${small}</small></h2>${chips}<span class="seg" data-key="seg" role="group" aria-label="${t('density')}">${seg}</span>`;
}

/** Brings the whole board to the present: charge points came or went, or the filters changed. */
function drawBoard() {
  const m = moment(), place = $('.main', root);
  if (!place) return;
  const kind = !store.central ? 'loading' : !store.cps.size ? 'empty' : 'board';
  if (place.dataset.kind !== kind || kind !== 'board') {
    place.dataset.kind = kind;
    endDots();
    tiles.clear();
    place.innerHTML = kind === 'loading' ? loading() : kind === 'empty' ? empty(store.central, m.now) : `<section class="boardp" id="board" aria-label="${t('board')}"><div class="bh"></div><div class="sites"></div><div class="dothost" hidden></div></section>`;
    bindCopy(place);
  }
  document.body.classList.toggle('is-empty', kind !== 'board');
  if (kind !== 'board') return;
  const head = $('.bh', place), sites = $('.sites', place), host = $('.dothost', place);
  if (!head || !sites || !host) return;
  patch(head, boardHead(m));
  if (isDots()) drawDots(host, sites); else drawTiles(sites, host, m);
}

/** @param {HTMLElement} host @param {HTMLElement} sites */
function drawDots(host, sites) {
  sites.replaceChildren();
  observer.disconnect();
  tiles.clear();
  visible.clear();
  host.hidden = false;
  dots ||= new Dots(host, {
    open: (cp) => context.navigate('/cp/' + encodeURIComponent(cp.cp_id)), say: context.announce, moment,
    describe: (cp) => { const m = moment(); return [t(cp.state), cp.state === 'activated' ? '' : lastsText(cp, m), whyText(cp, m)].filter(Boolean).join(', '); },
    find: (id) => store.cps.get(id),
  });
  placeDots();
}
function placeDots() {
  const pane = $('.main', root);
  if (!dots || !pane) return;
  const top = dots.host.getBoundingClientRect().top - pane.getBoundingClientRect().top + pane.scrollTop;
  dots.layout(sitesOf(inScope()), dots.host.clientWidth, Math.max(300, pane.clientHeight - top - 16));
}
function endDots() { if (dots) dots.end(); dots = null; }
const repaintDots = () => { if (dots) dots.repaint(); };

// Heartbeats come for all charge points, but only tiles in view are redrawn for them and tick.
// A change of state is drawn everywhere, at once.
/** @type {Map<string, HTMLElement>} by id: the links that are the tiles */
const tiles = new Map();
const visible = new Set(), stale = new Set();
const observer = new IntersectionObserver((entries) => {
  const m = moment();
  for (const e of entries) {
    const id = /** @type {HTMLElement} */ (e.target).dataset.key || '', cp = store.cps.get(id);
    if (!e.isIntersecting) { visible.delete(id); continue; }
    visible.add(id);
    if (!cp) continue;
    if (stale.has(id)) redraw(cp, m, false);
    tickTile(cp, m);
  }
}, { rootMargin: '200px' });

/** @param {HTMLElement} sites @param {HTMLElement} host @param {Moment} m */
function drawTiles(sites, host, m) {
  endDots();
  host.hidden = true;
  const big = isBig(), scope = inScope();
  if (!stop || !store.cps.has(stop)) stop = scope.length ? scope[0].cp_id : '';
  const groups = sitesOf(scope), single = groups.length === 1 && !groups[0].name;
  patch(sites, groups.map((s) => `<section class="site" data-key="site ${esc(s.name)}">${single ? '' : `<h3>${siteHead(s)}</h3>`}<ul class="tiles ${big ? 'big' : 'small'}">${s.cps.map((cp) => tile(cp, m, big, day, context.href('/cp/' + encodeURIComponent(cp.cp_id)), cp.cp_id === stop)).join('')}</ul></section>`).join(''));
  tiles.clear();
  stale.clear();
  observer.disconnect();
  visible.clear();
  for (const a of $$('a.tile', sites)) {
    tiles.set(a.dataset.id || '', a);
    if (a.parentElement) observer.observe(a.parentElement);
  }
}

/** Brings one tile to the present where it stands. @param {ChargePoint} cp @param {Moment} m @param {boolean} moved its state changed */
function redraw(cp, m, moved) {
  const a = tiles.get(cp.cp_id);
  if (!a) return;
  const big = isBig();
  a.className = tileClass(cp, m, big) + (moved ? ' arrived' : '');
  a.setAttribute('aria-label', tileLabel(cp, m));
  a.innerHTML = tileBody(cp, m, big, day);
  stale.delete(cp.cp_id);
}
/** Writes the texts of a tile that time changes. @param {ChargePoint} cp @param {Moment} m */
function tickTile(cp, m) {
  const a = tiles.get(cp.cp_id);
  if (!a) return;
  const big = isBig();
  /** @param {string} name */
  const k = (name) => $(`[data-k="${name}"]`, a);
  if (cp.since) set(k('dur'), lastsText(cp, m, big ? dur : durShort));
  const hollow = isUnverified(cp, m.now);
  if (a.classList.contains('unverified') !== hollow) { a.classList.toggle('unverified', hollow); a.classList.toggle('old', isOld(cp, m.now)); }
  if (!big) { set(k('word'), stateText(cp, m)); return; }
  set(k('seen'), seenText(cp, m));
  if (m.lost || cp.events && cp.events.checks) return;
  setHTML(k('why'), whyText(cp, m));
  set(k('beats'), heartbeatText(cp, m.now));
  setHTML(k('bars'), heartbeatBars(cp, missing(cp, m.now), 26));
}
// A disc is animated when a heartbeat or a check came, and at no other time.
const calm = matchMedia('(prefers-reduced-motion: reduce)');
/** @param {string} id */
function animate(id) {
  const s = document.hidden || calm.matches ? null : $('.beat', tiles.get(id));
  if (s && s.animate) s.animate([{ opacity: 1 }, { opacity: 0.55 }, { opacity: 1 }], { duration: 900, easing: 'ease-out' });
}

/** Moves the focus among the tiles: to the nearest one in the direction of an arrow. @param {KeyboardEvent} e */
function tileKey(e) {
  /** @type {Record<string, [number, number]>} */
  const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  const d = ways[e.key], a = e.target instanceof Element ? e.target.closest('a.tile') : null;
  if (!d || !a) return;
  e.preventDefault();
  const from = a.getBoundingClientRect(), cx = from.x + from.width / 2, cy = from.y + from.height / 2;
  let best = null, least = Infinity;
  for (const x of tiles.values()) {
    if (x === a) continue;
    const p = x.getBoundingClientRect();
    if (!p.width) continue; // hidden by a filter
    const dx = p.x + p.width / 2 - cx, dy = p.y + p.height / 2 - cy, along = dx * d[0] + dy * d[1], far = along + 3 * (Math.abs(dx * d[1]) + Math.abs(dy * d[0]));
    if (along >= 8 && far < least) { least = far; best = x; }
  }
  if (!best) return;
  a.setAttribute('tabindex', '-1');
  best.tabIndex = 0;
  stop = best.dataset.id || '';
  best.focus();
}

// ---- what comes from Central ----
/** @param {import('./store.js').StoreEvent} e */
function changed(e) {
  if (e.type === 'delta') { delta(e); return; }
  sorted = null;
  if (e.type === 'snapshot') {
    feed.fill();
    if (!day) askDay();
  }
  drawAll();
}
function drawAll() {
  drawQueue();
  drawBand();
  if (store.cps.size > MANY) boardSoon(); else drawBoard(); // for thousands it is a task of its own
  feed.draw();
  tick();
}
let boardTimer = 0, boardTook = 0;
// When charge points register one after the other, four fifths of the time are left for the rest.
function boardSoon() {
  boardTimer ||= setTimeout(() => {
    boardTimer = 0;
    const began = performance.now();
    drawBoard();
    boardTook = performance.now() - began;
  }, 4 * boardTook);
}

/** @param {Extract<import('./store.js').StoreEvent, {type: 'delta'}>} e */
function delta(e) {
  const m = moment(), moved = new Set(e.changes.map((c) => c.cp_id)), beats = [];
  let structure = false, news = e.feed.length > 0;
  for (const cp of e.cps) {
    const was = e.before.get(cp.cp_id);
    if (!was || was.site !== cp.site) { structure = true; continue; }
    if (was.state !== cp.state || was.unverified !== cp.unverified || !was.last_known_fault !== !cp.last_known_fault) moved.add(cp.cp_id);
    if (was.last_heartbeat !== cp.last_heartbeat || (was.events && was.events.checked) !== (cp.events && cp.events.checked)) beats.push(cp.cp_id);
    if (openOf(was) !== openOf(cp) && (openOf(was) || openOf(cp))) news = true;
    if (String(was.owner && was.owner.name) !== String(cp.owner && cp.owner.name)) news = true;
  }
  if (structure) sorted = null;
  for (const c of e.changes) if (c.to === 'faulted') context.announce(`${c.cp_id}: ${t('faulted')}`);
  if (structure) boardSoon();
  if (dots) dots.update(e.cps.map((cp) => cp.cp_id));
  for (const cp of e.cps) {
    if (visible.has(cp.cp_id) || moved.has(cp.cp_id)) redraw(cp, m, moved.has(cp.cp_id));
    else if (tiles.has(cp.cp_id)) stale.add(cp.cp_id);
  }
  for (const id of beats) if (visible.has(id)) animate(id);
  if (moved.size) headSites(moved);
  if (moved.size && store.cps.size <= MANY) { drawQueue(); drawBand(); } else if (moved.size || news || structure) queueSoon();
  feed.add(e);
}
/** Brings the heads of the sites of charge points to the present. @param {Set<string>} ids */
function headSites(ids) {
  const names = new Set();
  for (const id of ids) { const cp = store.cps.get(id); if (cp && tiles.has(id)) names.add(cp.site || ''); }
  if (!names.size) return;
  for (const s of sitesOf(inScope())) {
    const head = names.has(s.name) && $(`[data-key="site ${CSS.escape(s.name)}"] h3`, root);
    if (head) patch(head, siteHead(s));
  }
}

// ---- the last 24 hours ----
async function askDay() {
  if (document.hidden || store.lost || !store.reading) return;
  try {
    day = await ask('day');
    dayError = '';
  } catch (e) {
    if (!(e instanceof Problem)) throw e;
    dayError = inWords(e);
    return;
  }
  if (!root.isConnected) return;
  drawBand();
  const m = moment();
  for (const id of tiles.keys()) { const cp = store.cps.get(id); if (cp && visible.has(id)) redraw(cp, m, false); else stale.add(id); }
}

// ---- one timer; writes only texts that changed ----
let ticks = 0;
function tick() {
  if (document.hidden) return;
  const m = moment();
  ticks++;
  set($('.chain [data-k="page"]', root), m.lost ? dur(m.now - store.lostAt) : num(Math.min(99, store.stream.secondsSinceFrame()), 1) + NB + 's');
  if (ticks % 5 === 0) { // what looks at all of them
    drawQueue();
    drawBand();
    feed.tick(m);
    if (dots && ticks % 25 === 0) dots.update(store.cps.keys());
  }
  if (store.central) set($('[data-k="listen"]', root), t('e_1b', { d: dur(m.now - store.central.started) }));
  for (const id of visible) { const cp = store.cps.get(id); if (cp) tickTile(cp, m); }
}

// ---- filters and keys ----
/** @param {MouseEvent} e */
function click(e) {
  const b = e.target instanceof Element ? e.target.closest('button') : null;
  if (!b) return;
  if (b.dataset.state) toggleState(b.dataset.state);
  else if (b.dataset.density !== undefined) context.setQuery({ density: b.dataset.density });
  else if (b.dataset.chip) {
    const chip = b.dataset.chip;
    if (chip.startsWith('state:')) toggleState(chip.slice(6)); else context.setQuery({ [chip]: '' });
    $('.bh h2', root)?.focus(); // the chip is gone
  }
}
/** @param {string} s */
function toggleState(s) {
  const states = new Set(query.states);
  if (!states.delete(s)) states.add(s);
  context.setQuery({ state: [...states].join(',') });
}
/** @param {KeyboardEvent} e */
function key(e) {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === 'Escape' && (query.states.size || query.q || query.site)) context.setQuery({ state: '', q: '', site: '' });
  if (e.key !== 'j' && e.key !== 'k' || !context.keys() || !document.activeElement || !document.activeElement.closest('.queue')) return;
  const list = $$('.qm', root), i = list.indexOf(/** @type {HTMLElement} */ (document.activeElement.closest('.q')?.querySelector('.qm')));
  list[Math.max(0, Math.min(list.length - 1, i + (e.key === 'j' ? 1 : -1)))]?.focus();
}

const frameHTML = () => `<section class="summary" aria-label="${t('board')}"><div class="cell now"><h1 id="headline">${NB}</h1><div class="counts"></div></div>
  <div class="cell up24"><h2>${t('last24')}</h2><div data-k="up24"></div></div>
  <div class="cell rate"><h2>${t('events_s')}</h2><div data-k="rate"></div></div>
  <div class="cell trust"><h2>${t('believe')} <span data-k="bel"></span></h2><div data-k="chain"></div></div></section>
  <main class="work"><div class="side"><section class="queue" id="queue" tabindex="-1" aria-label="${t('queue')}"><h2>${t('queue')} <span class="n" data-k="qn"></span><small>${t('queue_sort')}</small></h2><p class="untold" data-k="untold" hidden></p><ol class="ql-list" hidden></ol><p class="none"></p></section>
  <section class="feed" id="feed" role="log" aria-live="off" aria-label="${t('feed')}"><h2>${t('feed')} <small data-k="feedsub"></small><span class="held" hidden>${t('feed_hold')}</span></h2><ol tabindex="0"></ol></section></div><div class="main"></div></main>
  <nav class="tabs" aria-label="${t('board')}"><a href="#queue">${shape('faulted')}${t('queue')}</a><a href="#board"><svg class="shape" aria-hidden="true"><use href="#i-mark"/></svg>${t('board')}</a><a href="#feed"><svg class="shape" viewBox="0 0 14 14" aria-hidden="true"><path class="fa" d="M1 4h12M1 8h12M1 12h7"/></svg>${t('feed')}</a></nav>`;

/** @param {HTMLElement} into @param {import('./router.js').Context} given */
export function mount(into, given) {
  root = into;
  context = given;
  store = given.store;
  query = readQuery();
  sorted = null;
  queueHeld = false;
  root.innerHTML = frameHTML();
  ending = [store.subscribe(changed)];
  /** @param {EventTarget} target @param {string} type @param {(e: any) => void} fn */
  const on = (target, type, fn) => { target.addEventListener(type, fn); ending.push(() => target.removeEventListener(type, fn)); };
  on(root, 'click', click);
  on(root, 'keydown', tileKey);
  on(window, 'keydown', key);
  on(window, 'resize', placeDots);
  on(window, 'themechange', repaintDots);
  on(matchMedia('(prefers-color-scheme: dark)'), 'change', repaintDots);
  const queue = $('.ql-list', root);
  if (queue) {
    on(queue, 'click', queueClick);
    on(queue, 'pointerenter', () => { queueHeld = true; });
    on(queue, 'pointerleave', () => { queueHeld = queue.contains(document.activeElement); });
    on(queue, 'focusin', () => { queueHeld = true; });
    on(queue, 'focusout', () => { queueHeld = queue.matches(':hover'); });
  }
  feed = new Feed(/** @type {HTMLElement} */ ($('.feed', root)), store, context.href, moment);
  const timer = setInterval(tick, 200), days = setInterval(askDay, DAY_EVERY);
  ending.push(() => clearInterval(timer), () => clearInterval(days), () => clearTimeout(queueTimer), () => clearTimeout(boardTimer), () => observer.disconnect(), endDots);
  if (document.fonts && document.fonts.ready) document.fonts.ready.then(repaintDots);
  feed.fill();
  drawAll();
  if (store.central) askDay();
}

export function unmount() {
  for (const end of ending) end();
  queueTimer = boardTimer = 0;
  tiles.clear();
  visible.clear();
  stale.clear();
}

/** @param {import('./router.js').Context} given */
export function update(given) {
  const before = query;
  context = given;
  query = readQuery();
  if (before.site !== query.site || before.density !== query.density) { drawQueue(); drawBoard(); drawBand(); return; }
  // The filters alone: what they leave out is dimmed where it stands.
  const m = moment();
  for (const [id, a] of tiles) { const cp = store.cps.get(id); if (cp) a.classList.toggle('dim', !m.match(cp)); }
  repaintDots();
  const head = $('.bh', root);
  if (head && store.cps.size) patch(head, boardHead(m));
  drawQueue();
  drawBand();
}
