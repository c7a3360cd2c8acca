// What the page knows: the charge points, as the stream of Central tells them. Pages read it
// and are told of each change; nothing here draws.
// @ts-check
import { Stream } from './stream.js';

const MAX_CHANGES = 60; // of the past, for the feed
const SECONDS = 60; // of the rate of events

/**
 * @typedef {{type: 'snapshot'} | {type: 'delta', cps: ChargePoint[], changes: Change[], feed: FeedItem[], more: number, before: Map<string, ChargePoint>} | {type: 'link'}} StoreEvent
 *   before: what the charge points of a delta were; one that is new is not in it. more: feed items that are not listed.
 * @typedef {Record<string, any> & {kind: string, cp_id: string, at: number}} FeedItem what an event tells people at once
 * @typedef {Record<string, any> & {cp_id: string, state: string}} ChargePoint as in the API
 * @typedef {Record<string, any> & {cp_id: string, to: string}} Change a change of state, as in the stream
 */

export class Store {
  /** @param {string} url of the stream @param {() => void} failed called after each attempt that failed */
  constructor(url, failed) {
    /** @type {Map<string, ChargePoint>} */
    this.cps = new Map();
    /** @type {Change[]} newest first */
    this.changes = [];
    /** @type {Record<string, any> | null} the last snapshot without its lists; null: none yet */
    this.central = null;
    /** @type {FeedItem[]} of the last snapshot, oldest first */
    this.feed = [];
    /** @type {any} how Central reads the events; null: it keeps no history */
    this.reading = null;
    /** @type {any} how telling people goes on; null: nobody is told */
    this.alerts = null;
    /** @type {number[]} events in each of the last 60 whole seconds, the newest last */
    this.rate = new Array(SECONDS).fill(0);
    this.rateAt = 0; // the second of the newest
    this.lostAt = 0; // Central's clock when the link was lost
    /** @type {Set<(e: StoreEvent) => void>} */
    this.subscribers = new Set();
    this.stream = new Stream(url, {
      snapshot: (d) => this.snapshot(d), delta: (d) => this.delta(d), beat: (d) => this.read(d),
      state: () => { if (this.lost) this.lostAt = this.now() - this.stream.secondsSinceFrame(); this.tell({ type: 'link' }); },
      failed,
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
    const { cps, changes, feed, more, now, reading, alerts, ...central } = d;
    this.alerts = alerts || null;
    this.read(d);
    this.feed = feed;
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
    if (d.alerts) this.alerts = d.alerts;
    this.read(d);
    this.changes = [...d.changes.slice().reverse(), ...this.changes].slice(0, MAX_CHANGES);
    this.tell({ type: 'delta', cps: d.cps, changes: d.changes, feed: d.feed, more: d.more, before });
  }

  /** Takes how the events are read, of any frame. @param {any} d */
  read(d) {
    this.reading = d.reading;
    const rate = d.reading ? d.reading.rate : [], second = Math.floor(d.now);
    if (rate.length > 1) this.rate = rate.slice(-SECONDS);
    else if (rate.length && second > this.rateAt) this.rate = [...this.rate, ...new Array(Math.min(SECONDS, second - this.rateAt)).fill(rate[0])].slice(-SECONDS);
    this.rateAt = second;
  }
}
