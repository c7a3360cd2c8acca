// Folds what happens into lines that can be read: five new ones a second at most, and a flood of
// one kind is one line that counts. No DOM; a test runs it in Node.
// @ts-check

/**
 * @typedef {{kind: string, at: number, cp_id: string} & Record<string, any>} Item something that happened
 * @typedef {{id: number, item: Item, more: number, cps: Set<string>}} Line more: items of its kind that are folded into it, beside the item itself; 0: a line of its own
 */

const A_SECOND = 5; // lines
const OF_A_KIND = 2; // lines of one kind in a second, before the rest is counted
const STILL = 3; // s after which a line that counted is closed
const MAX = 60; // lines
const MAX_CPS = 100_000; // distinct charge points that a line counts

// By urgency: in a flood these come first.
const FIRST = ['incident_opened', 'faulted', 'incident_closed', 'disconnected', 'recovered', 'report_answered', 'monitor_stalled'];
/** @param {string} kind */
const weight = (kind) => { const i = FIRST.indexOf(kind); return i < 0 ? FIRST.length : i; };

export class Folder {
  constructor() {
    /** @type {Line[]} newest first */
    this.lines = [];
    this.last = 0; // the number of the newest line
    this.second = 0;
    this.used = 0; // lines of this second
    /** @type {Map<string, number>} by kind, of this second */
    this.kinds = new Map();
    /** @type {Map<string, {line: Line, at: number}>} by kind: the line that counts */
    this.counting = new Map();
  }

  /** Takes what happened, oldest first. @param {Item[]} items @param {number} now */
  add(items, now) {
    const second = Math.floor(now);
    if (second !== this.second) { this.second = second; this.used = 0; this.kinds.clear(); }
    const sorted = items.map((item, i) => ({ item, i })).sort((a, b) => weight(a.item.kind) - weight(b.item.kind) || a.i - b.i);
    /** @type {Line[]} */
    const fresh = [];
    for (const { item } of sorted) {
      const open = this.counting.get(item.kind), n = this.kinds.get(item.kind) || 0;
      if (open && now - open.at <= STILL) { this.count(open.line, item); open.at = now; continue; }
      if (n < OF_A_KIND && this.used < A_SECOND) {
        this.kinds.set(item.kind, n + 1);
        this.used++;
        fresh.push({ id: ++this.last, item, more: 0, cps: new Set() });
        continue;
      }
      const line = { id: ++this.last, item, more: 0, cps: new Set() };
      this.count(line, item);
      this.counting.set(item.kind, { line, at: now });
      fresh.push(line);
    }
    fresh.sort((a, b) => b.item.at - a.item.at || b.id - a.id);
    this.lines = [...fresh, ...this.lines].slice(0, MAX);
    for (const [kind, { at }] of this.counting) if (now - at > STILL) this.counting.delete(kind);
  }

  /** @param {Line} line @param {Item} item */
  count(line, item) {
    line.more++;
    line.item = item.at >= line.item.at ? item : line.item;
    if (line.cps.size < MAX_CPS) line.cps.add(item.cp_id);
  }

  /** Counts items that were not sent one by one. @param {number} n @param {number} now */
  addUnlisted(n, now) {
    if (!n) return;
    const open = this.counting.get('unlisted');
    if (open && now - open.at <= STILL) { open.line.more += n; open.line.item.at = now; open.at = now; return; }
    const line = { id: ++this.last, item: { kind: 'unlisted', at: now, cp_id: '' }, more: n, cps: new Set() };
    this.counting.set('unlisted', { line, at: now });
    this.lines = [line, ...this.lines].slice(0, MAX);
  }

  /** Takes a list of the past, oldest first: each second by itself. @param {Item[]} items */
  fill(items) {
    for (const item of [...items].sort((a, b) => a.at - b.at)) this.add([item], item.at);
  }
}
