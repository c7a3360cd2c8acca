// What the page knows: the charge points, as the stream of Central tells them. Pages read it
// and are told of each change; nothing here draws.
// @ts-check
import { Stream } from './stream.js';

const MAX_CHANGES = 60; // of the past, for the feed

/**
 * @typedef {{type: 'snapshot'} | {type: 'delta', cps: ChargePoint[], changes: Change[], before: Map<string, ChargePoint>} | {type: 'link'}} StoreEvent
 *   before: what the charge points of a delta were; one that is new is not in it.
 * @typedef {Record<string, any> & {cp_id: string, state: string}} ChargePoint as in the API
 * @typedef {Record<string, any> & {cp_id: string, to: string}} Change a change of state, as in the stream
 */

export class Store {
  /** @param {string} url of the stream */
  constructor(url) {
    /** @type {Map<string, ChargePoint>} */
    this.cps = new Map();
    /** @type {Change[]} newest first */
    this.changes = [];
    /** @type {Record<string, any> | null} the last snapshot without its lists; null: none yet */
    this.central = null;
    this.lostAt = 0; // Central's clock when the link was lost
    /** @type {Set<(e: StoreEvent) => void>} */
    this.subscribers = new Set();
    this.stream = new Stream(url, {
      snapshot: (d) => this.snapshot(d), delta: (d) => this.delta(d),
      state: () => { if (this.lost) this.lostAt = this.now() - this.stream.secondsSinceFrame(); this.tell({ type: 'link' }); },
    });
  }

  /** Whether the link to Central is lost. */
  get lost() { return this.stream.lost; }

  /** Central's clock, Unix seconds. */
  now() { return this.stream.now(); }

  /** Until when the charge points are known: now, or when the link was lost. */
  knownUntil() { return this.lost ? this.lostAt : this.now(); }

  /**
   * Calls fn at each change until the function that it returns is called.
   * @param {(e: StoreEvent) => void} fn
   */
  subscribe(fn) {
    this.subscribers.add(fn);
    return () => { this.subscribers.delete(fn); };
  }

  /** @param {StoreEvent} e */
  tell(e) { for (const fn of [...this.subscribers]) fn(e); }

  /** @param {any} d */
  snapshot(d) {
    const { cps, changes, now, ...central } = d;
    this.cps = new Map(cps.map((/** @type {ChargePoint} */ cp) => [cp.cp_id, cp]));
    this.changes = changes.slice().reverse().slice(0, MAX_CHANGES);
    this.central = central;
    this.tell({ type: 'snapshot' });
  }

  /** @param {any} d */
  delta(d) {
    const before = new Map();
    for (const cp of d.cps) {
      const was = this.cps.get(cp.cp_id);
      if (was) before.set(cp.cp_id, was);
      this.cps.set(cp.cp_id, cp);
    }
    this.changes = [...d.changes.slice().reverse(), ...this.changes].slice(0, MAX_CHANGES);
    this.tell({ type: 'delta', cps: d.cps, changes: d.changes, before });
  }
}
