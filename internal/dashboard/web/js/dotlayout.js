// Where each charge point's mark stands: sites in the order of their names, in rows of a fixed
// height, so that places are learnt. No DOM; a test runs it in Node.
// @ts-check

/** @typedef {{name: string, cps: import('./store.js').ChargePoint[]}} Site */
/** @typedef {{name: string, x: number, y: number, w: number, columns: number, first: number, count: number}} Box */
/** @typedef {{pitch: number, rows: number, height: number, boxes: Box[], cells: {id: string, x: number, y: number, box: number}[]}} Layout */

export const LABEL = 13, GAP_X = 12;
const GAP_Y = 9, NARROWEST = 40;

/**
 * The largest pitch of 13 to 8 px at which everything fits; below that the pane scrolls.
 * @param {Site[]} sites @param {number} width @param {number} height @returns {Layout}
 */
export function layoutDots(sites, width, height) {
  let best = fit(sites, width, 8, 6);
  search: for (const pitch of [13, 12, 11, 10, 9, 8]) {
    for (const rows of [6, 5, 7]) {
      const f = fit(sites, width, pitch, rows);
      if (f.height <= height) { best = f; break search; }
    }
  }
  /** @type {Layout['cells']} */
  const cells = [];
  const { pitch, rows } = best;
  best.boxes.forEach((b, box) => {
    b.first = cells.length;
    const { part } = /** @type {any} */ (b);
    part.forEach((/** @type {any} */ cp, /** @type {number} */ i) => cells.push({ id: cp.cp_id, x: b.x + Math.floor(i / rows) * pitch, y: b.y + LABEL + (i % rows) * pitch, box }));
  });
  return { ...best, cells };
}

/** @param {Site[]} sites @param {number} width @param {number} pitch @param {number} rows */
function fit(sites, width, pitch, rows) {
  const most = Math.max(1, Math.floor(width / pitch)) * rows, high = LABEL + rows * pitch + GAP_Y;
  let x = 0, y = 0;
  /** @type {Box[]} */
  const boxes = [];
  for (const s of sites) {
    for (let from = 0; from < s.cps.length; from += most) { // a site wider than the pane goes on in further boxes
      const part = s.cps.slice(from, from + most), columns = Math.ceil(part.length / rows), w = Math.max(columns * pitch, NARROWEST, s.name.length * 6);
      if (x && x + w > width) { x = 0; y += high; }
      const name = s.name || part[0].cp_id;
      boxes.push(/** @type {any} */ ({ name, x, y, w, columns, first: 0, count: part.length, part }));
      x += w + GAP_X;
    }
  }
  return { pitch, rows, height: y + high, boxes };
}

/** The number of the cell at a point; -1: none. @param {Layout} l @param {number} x @param {number} y */
export function cellAt(l, x, y) {
  for (const b of l.boxes) {
    if (y < b.y + LABEL || y >= b.y + LABEL + l.rows * l.pitch || x < b.x || x >= b.x + b.columns * l.pitch) continue;
    const i = Math.floor((x - b.x) / l.pitch) * l.rows + Math.floor((y - b.y - LABEL) / l.pitch);
    return i < b.count ? b.first + i : -1;
  }
  return -1;
}
