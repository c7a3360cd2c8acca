// Thousands of charge points: a dot for each on one canvas, in the order of their ids, as
// the page would stand still with a tile for each. The shapes differ without colour.
import { isUnverified } from './draw.js';

const DIM = 8; // added to the look of what a filter leaves out
const LOOKS = { activated: 0, faulted: 1, disconnected: 2, expected: 3, unverified: 4, last: 5 };

function lookOf(cp, m) {
  const hollow = isUnverified(cp, m.now);
  let look = LOOKS[cp.state];
  if (cp.last_known_fault || hollow && cp.state === 'faulted') look = LOOKS.last;
  else if (hollow) look = LOOKS.unverified;
  return look + (m.match(cp) ? 0 : DIM);
}

export class Dots {
  // pick(cp) is called with the charge point that was clicked.
  constructor(canvas, order, pick) {
    this.canvas = canvas;
    this.order = order;
    this.index = new Map(order.map((cp, i) => [cp.cp_id, i]));
    this.looks = new Uint8Array(order.length).fill(255);
    const at = (e) => {
      const r = canvas.getBoundingClientRect();
      const column = Math.floor((e.clientX - r.left) / this.cell);
      return column < this.columns ? this.order[Math.floor((e.clientY - r.top) / this.cell) * this.columns + column] : undefined;
    };
    canvas.onpointermove = (e) => { const cp = at(e); canvas.title = cp ? cp.cp_id : ''; };
    canvas.onclick = (e) => { const cp = at(e); if (cp) pick(cp); };
  }

  // layout fits the dots into the width, and draws all.
  layout(m) {
    const { canvas, order } = this;
    this.width = canvas.parentNode.clientWidth;
    this.cell = order.length > 20000 ? 6 : 11;
    this.columns = Math.max(1, Math.floor(this.width / this.cell));
    const height = Math.ceil(order.length / this.columns) * this.cell;
    const ratio = Math.min(2, devicePixelRatio || 1);
    canvas.width = this.columns * this.cell * ratio;
    canvas.height = height * ratio;
    canvas.style.width = this.columns * this.cell + 'px';
    canvas.style.height = height + 'px';
    this.context = canvas.getContext('2d');
    this.context.scale(ratio, ratio);
    this.sprites = sprites(this.cell, ratio, canvas.parentNode);
    this.looks.fill(255);
    this.all(m);
  }

  // all draws the dots that changed; time alone changes some.
  all(m) { for (let i = 0; i < this.order.length; i++) this.draw(i, this.order[i], m); }

  update(cp, m) {
    const i = this.index.get(cp.cp_id);
    if (i === undefined) return;
    this.order[i] = cp;
    this.draw(i, cp, m);
  }

  draw(i, cp, m) {
    const look = lookOf(cp, m);
    if (this.looks[i] === look) return;
    this.looks[i] = look;
    const { cell } = this, x = (i % this.columns) * cell, y = Math.floor(i / this.columns) * cell;
    this.context.clearRect(x, y, cell, cell);
    this.context.globalAlpha = look >= DIM ? 0.22 : 1;
    this.context.drawImage(this.sprites[look % DIM], x, y, cell, cell);
  }
}

// sprites are the looks, drawn once in the colours of the theme.
function sprites(cell, ratio, parent) {
  const probe = document.createElement('i');
  probe.hidden = true;
  parent.append(probe);
  const colour = (state) => { probe.className = 'shape s-' + state; return getComputedStyle(probe).color; };
  const all = [];
  const sprite = (name, state, draw) => {
    const c = document.createElement('canvas');
    c.width = c.height = cell * ratio;
    const g = c.getContext('2d');
    g.scale(ratio, ratio);
    g.fillStyle = g.strokeStyle = colour(state);
    g.lineWidth = cell / 8;
    draw(g);
    all[LOOKS[name]] = c;
  };
  const circle = (g, r) => { g.beginPath(); g.arc(cell / 2, cell / 2, r, 0, 7); };
  sprite('activated', 'activated', (g) => { circle(g, cell * 0.36); g.fill(); });
  sprite('faulted', 'faulted', (g) => g.fillRect(0.5, 0.5, cell - 1, cell - 1));
  sprite('disconnected', 'disconnected', (g) => { g.setLineDash([cell / 4, cell / 8]); circle(g, cell * 0.34); g.stroke(); });
  sprite('expected', 'expected', (g) => { circle(g, cell * 0.14); g.fill(); });
  sprite('unverified', 'activated', (g) => { circle(g, cell * 0.34); g.stroke(); });
  sprite('last', 'faulted', (g) => g.strokeRect(1, 1, cell - 2, cell - 2));
  probe.remove();
  return all;
}
