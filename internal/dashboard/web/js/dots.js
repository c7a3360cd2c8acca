// Thousands of charge points: a mark for each on a canvas, and above it an element for the focus
// and one for each ring round what has changed.
// @ts-check
import { t } from './words.js';
import { esc, num } from './format.js';
import { isUnverified } from './draw.js';
import { $, el } from './dom.js';
import { layoutDots, cellAt, LABEL, GAP_X } from './dotlayout.js';
import { openOf } from './model.js';

/** @typedef {import('./model.js').Moment} Moment */
/** @typedef {import('./model.js').ChargePoint} ChargePoint */

const NOT_DRAWN = 255; // the look of what is still in the queue when all is drawn anew
const DIM = 16; // added to the look of what a filter leaves out
const LOOKS = ['activated', 'suspect', 'maintenance', 'expected', 'unverified', 'disconnected', 'last', 'faulted']; // the last is the most urgent
const FRAME_CELLS = 2000; // marks that one frame draws at most
const CHANGE_MS = 6, ALL_MS = 10; // ms of a frame for what has changed, or for all marks
const RINGS = 40; // at once; beyond that rings say nothing

/** @param {ChargePoint} cp @param {Moment} m */
function lookOf(cp, m) {
  const hollow = isUnverified(cp, m.now);
  let look = LOOKS.indexOf(cp.state);
  if (cp.last_known_fault || hollow && cp.state === 'faulted') look = LOOKS.indexOf('last');
  else if (hollow) look = LOOKS.indexOf('unverified');
  else if (cp.state === 'activated' && cp.events && cp.events.streak && !openOf(cp)) look = LOOKS.indexOf('suspect');
  return look + (m.match(cp) ? 0 : DIM);
}

export class Dots {
  /**
   * @param {HTMLElement} host an empty element
   * @param {{open: (cp: ChargePoint) => void, say: (sentence: string) => void, describe: (cp: ChargePoint) => string, find: (id: string) => ChargePoint | undefined, moment: () => Moment}} on
   */
  constructor(host, on) {
    this.host = host;
    this.on = on;
    host.replaceChildren(el(`<div class="dots"><canvas class="cv" tabindex="0" role="img" aria-describedby="dothelp"></canvas><i class="at" hidden></i><div class="card" hidden></div></div>`), el(`<p id="dothelp" class="sr">${t('dots_help')}</p>`));
    this.canvas = /** @type {HTMLCanvasElement} */ ($('.cv', host));
    this.pane = /** @type {HTMLElement} */ ($('.dots', host));
    this.mark = /** @type {HTMLElement} */ ($('.at', host)); // at what is focused or pointed at
    this.card = /** @type {HTMLElement} */ ($('.card', host));
    this.shown = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d'));
    this.g = this.shown; // what is drawn on: the canvas, or, while all is drawn anew, one that is not shown yet
    /** @type {import('./dotlayout.js').Layout} */
    this.places = { pitch: 9, rows: 6, height: 0, boxes: [], cells: [] };
    /** @type {Map<string, number>} */
    this.index = new Map();
    this.looks = new Uint8Array(0);
    this.width = 0;
    this.ratio = 1;
    /** @type {Record<string, string>} */
    this.colour = {};
    /** @type {ImageBitmap[]} */
    this.sprites = [];
    this.focus = -1;
    /** @type {number[]} */
    this.queue = [];
    this.frame = 0;
    this.rings = 0;
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
    this.canvas.addEventListener('pointermove', (e) => this.pick(this.at(e), false));
    this.canvas.addEventListener('pointerleave', () => this.pick(-1, false));
    this.canvas.addEventListener('blur', () => this.pick(-1, false));
    this.canvas.addEventListener('click', (e) => this.open(this.at(e)));
    this.canvas.addEventListener('keydown', (e) => this.key(e));
  }

  /** @param {MouseEvent} e */
  at(e) {
    const r = this.canvas.getBoundingClientRect();
    return cellAt(this.places, e.clientX - r.left, e.clientY - r.top);
  }

  /** Fits the marks into the pane, and draws all. @param {import('./dotlayout.js').Site[]} sites @param {number} width @param {number} height */
  layout(sites, width, height) {
    this.places = layoutDots(sites, Math.max(60, width), height);
    this.index = new Map(this.places.cells.map((c, i) => [c.id, i]));
    this.looks = new Uint8Array(this.places.cells.length);
    this.width = width;
    this.ratio = Math.min(2, devicePixelRatio || 1);
    this.repaint();
  }

  /**
   * Draws all anew: the places, the theme, the language or the filters changed. Thousands take
   * several frames; meanwhile the old picture stays.
   */
  repaint() {
    if (!this.places.cells.length) return;
    this.describe();
    this.looks.fill(NOT_DRAWN);
    this.queue = [];
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.begin());
  }

  begin() {
    this.colours();
    const paper = document.createElement('canvas');
    this.size(paper);
    this.g = /** @type {CanvasRenderingContext2D} */ (paper.getContext('2d'));
    this.g.scale(this.ratio, this.ratio);
    this.queue = [...this.places.cells.keys()];
    this.work();
  }

  /** @param {HTMLCanvasElement} canvas */
  size(canvas) {
    canvas.width = this.width * this.ratio;
    canvas.height = this.places.height * this.ratio;
  }

  // show puts the new picture in the place of the old one.
  show() {
    this.size(this.canvas);
    this.canvas.style.width = this.width + 'px';
    this.canvas.style.height = this.places.height + 'px';
    this.shown.drawImage(this.g.canvas, 0, 0);
    this.g = this.shown;
    this.g.scale(this.ratio, this.ratio);
    this.point();
  }

  // describe says on the canvas what a screen reader gets at once; the table says the rest.
  describe() { this.canvas.setAttribute('aria-label', t('dots', { n: num(this.places.cells.length) })); }

  /** Draws what changed, the most urgent first, within the time of some frames. @param {Iterable<string>} ids */
  update(ids) {
    const m = this.on.moment();
    for (const id of ids) {
      const i = this.index.get(id);
      if (i === undefined || this.looks[i] === NOT_DRAWN) continue; // the latter is in the queue
      const cp = this.on.find(id);
      if (cp && this.looks[i] !== lookOf(cp, m)) this.queue.push(i);
    }
    if (!this.queue.length || this.frame) return;
    this.frame = requestAnimationFrame(() => this.work());
  }

  work() {
    this.frame = 0;
    const began = performance.now(), m = this.on.moment(), many = this.queue.length > RINGS, boxes = new Set();
    const anew = this.g !== this.shown, time = anew ? ALL_MS : CHANGE_MS;
    if (!anew && this.queue.length > FRAME_CELLS) this.queue = this.urgentFirst(m);
    let n = 0;
    while (n < this.queue.length && n < FRAME_CELLS && (n & 63 || performance.now() - began < time)) {
      const i = this.queue[n++], was = this.looks[i];
      this.draw(i, m, anew);
      boxes.add(this.places.cells[i].box);
      if (!many && was !== NOT_DRAWN && state(was) !== state(this.looks[i])) this.ring(i); // one failed check alone makes no ring: it accuses nobody
    }
    this.queue = this.queue.slice(n);
    for (const b of boxes) this.label(b);
    if (this.queue.length) this.frame = requestAnimationFrame(() => this.work());
    else if (anew) this.show();
  }

  /** The queue, the most urgent first. @param {Moment} m */
  urgentFirst(m) {
    /** @type {number[][]} */
    const byUrgency = LOOKS.map(() => []);
    for (const i of this.queue) {
      const cp = this.on.find(this.places.cells[i].id);
      byUrgency[cp ? lookOf(cp, m) % DIM : 0].push(i);
    }
    return byUrgency.reverse().flat();
  }

  /** @param {number} i @param {Moment} m @param {boolean} clean whether the canvas is empty there */
  draw(i, m, clean) {
    const c = this.places.cells[i], p = this.places.pitch, cp = this.on.find(c.id);
    if (!clean) this.g.clearRect(c.x, c.y, p, p);
    if (!cp) return;
    const look = lookOf(cp, m);
    this.looks[i] = look;
    this.g.globalAlpha = look >= DIM ? 0.16 : 1;
    this.g.drawImage(this.sprites[look % DIM], c.x, c.y, p, p);
    this.g.globalAlpha = 1;
  }

  /** The name of a site, bold with its count when it has trouble. @param {number} n */
  label(n) {
    const b = this.places.boxes[n], g = this.g;
    let bad = 0, away = 0;
    for (let i = b.first; i < b.first + b.count; i++) {
      const look = this.looks[i] % DIM;
      if (look === LOOKS.indexOf('faulted') || look === LOOKS.indexOf('last')) bad++; else if (look === LOOKS.indexOf('disconnected')) away++;
    }
    const hot = bad > 0 || away > 2;
    g.clearRect(b.x, b.y, b.w + GAP_X - 2, LABEL - 1);
    g.font = `${hot ? 650 : 450} 10.5px "Atkinson Next", system-ui, sans-serif`;
    g.fillStyle = hot ? this.colour.ink : this.colour['ink-3'];
    g.fillText(b.name, b.x, b.y + 9.5);
    if (!hot) return;
    const w = g.measureText(b.name).width;
    g.fillStyle = bad ? this.colour['flt-ink'] : this.colour['dis-ink'];
    g.fillText(String(bad || away), b.x + w + 4, b.y + 9.5);
  }

  // ---- focus and rings ----
  /** @param {number} i @param {boolean} speak */
  pick(i, speak) {
    if (i === this.focus) return;
    this.focus = i;
    this.point();
    const cell = this.places.cells[i], cp = cell && this.on.find(cell.id);
    this.card.hidden = !cp;
    if (!cp) return;
    this.card.innerHTML = `<b>${esc(cp.cp_id)}</b> ${this.on.describe(cp)}`;
    this.card.style.left = Math.max(0, Math.min(cell.x + this.places.pitch + 8, this.width - 260)) + 'px';
    this.card.style.top = Math.min(cell.y + this.places.pitch + 6, this.places.height - 30) + 'px';
    if (speak) this.on.say(`${cp.cp_id}, ${this.on.describe(cp).replace(/<[^>]+>/g, '')}`);
  }

  // point puts the frame of the focus where it belongs.
  point() {
    const c = this.places.cells[this.focus], p = this.places.pitch;
    this.mark.hidden = !c;
    if (c) this.mark.style.cssText = `left:${c.x - 3.5}px;top:${c.y - 3.5}px;width:${p + 6}px;height:${p + 6}px`;
  }

  /** A ring that spreads: animated without the page's scripts. @param {number} i */
  ring(i) {
    if (this.calm.matches || this.rings >= RINGS) return;
    const ring = el('<i class="ring"></i>'), c = this.places.cells[i], half = this.places.pitch / 2;
    ring.style.left = c.x + half + 'px';
    ring.style.top = c.y + half + 'px';
    this.rings++;
    ring.onanimationend = () => { this.rings--; ring.remove(); };
    this.pane.append(ring);
  }

  /** @param {number} i */
  open(i) {
    const cell = this.places.cells[i], cp = cell && this.on.find(cell.id);
    if (cp) this.on.open(cp);
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    const last = this.places.cells.length - 1, at = Math.max(0, this.focus), rows = this.places.rows;
    /** @type {Record<string, number>} */
    const step = { ArrowRight: at + rows, ArrowLeft: at - rows, ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 80 * rows, PageUp: at - 80 * rows, Home: 0, End: last };
    if (e.key === 'Enter') { this.open(this.focus); return; }
    if (!(e.key in step)) return;
    e.preventDefault();
    this.pick(this.focus < 0 ? 0 : Math.max(0, Math.min(last, step[e.key])), true);
  }

  end() {
    cancelAnimationFrame(this.frame);
    this.host.replaceChildren();
  }

  // ---- sprites: the looks, drawn once in the colours of the theme ----
  colours() {
    const probe = el('<i class="sr"></i>');
    this.host.append(probe);
    probe.style.setProperty('forced-color-adjust', 'none'); // else all are one colour
    /** @param {string} name */
    const css = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
    for (const n of ['ink', 'ink-3', 'flt-ink', 'dis-ink', 'act-solid', 'flt-solid', 'flt-on', 'dis-solid', 'mnt-solid']) this.colour[n] = css(n);
    probe.remove();
    this.sprites = LOOKS.map((look) => this.sprite(look));
  }

  /** @param {string} look */
  sprite(look) {
    const p = this.places.pitch, m = p / 2, s = p - 1, side = Math.ceil(p * this.ratio), c = new OffscreenCanvas(side, side);
    const g = /** @type {OffscreenCanvasRenderingContext2D} */ (c.getContext('2d')), col = this.colour;
    g.scale(this.ratio, this.ratio);
    /** @param {number} x @param {number} r @param {number} [from] @param {number} [to] */
    const arc = (x, r, from = 0, to = 7) => { g.beginPath(); g.arc(x, m, r, from, to); };
    switch (look) {
      case 'activated': g.fillStyle = col['act-solid']; g.globalAlpha = 0.82; arc(m, p * 0.25); g.fill(); break;
      case 'suspect': g.fillStyle = col['act-solid']; arc(p * 0.32, p * 0.25); g.fill(); g.fillStyle = col['flt-solid']; g.fillRect(p - 3, 1, 1.6, p - 2); break;
      case 'unverified': g.strokeStyle = col['act-solid']; g.lineWidth = 1.2; arc(m, p * 0.28); g.stroke(); break;
      case 'expected': g.fillStyle = col['ink-3']; arc(m, p * 0.12); g.fill(); break;
      case 'maintenance': g.fillStyle = col['mnt-solid']; g.beginPath(); g.moveTo(m - 0.5, -0.2); g.lineTo(p - 0.8, m - 0.5); g.lineTo(m - 0.5, p - 0.8); g.lineTo(-0.2, m - 0.5); g.fill(); break;
      case 'disconnected': g.strokeStyle = col['dis-solid']; g.lineWidth = Math.max(1.2, p / 7); arc(m - 0.5, p * 0.34, -0.5, 2.2); g.stroke(); arc(m - 0.5, p * 0.34, 2.7, 5.3); g.stroke(); break;
      case 'last': g.strokeStyle = col['flt-solid']; g.lineWidth = 1.6; g.strokeRect(1, 1, s - 2, s - 2); break;
      case 'faulted': {
        g.fillStyle = col['flt-solid'];
        g.fillRect(0, 0, s, s);
        g.strokeStyle = col['flt-on'];
        g.lineWidth = Math.max(1.1, p / 8);
        const a = p * 0.27, b = s - a;
        g.beginPath(); g.moveTo(a, a); g.lineTo(b, b); g.moveTo(b, a); g.lineTo(a, b); g.stroke();
      }
    }
    return c.transferToImageBitmap();
  }
}

/** What a look says of the state: dimmed or suspected it is the same. @param {number} look */
const state = (look) => (look % DIM === 1 ? 0 : look % DIM);
