// The feed of the overview: what happens, the newest first, held while somebody reads it.
// @ts-check
import { t } from './words.js';
import { num, clock } from './format.js';
import { $, $$, set } from './dom.js';
import { patchRows } from './patch.js';
import { Folder } from './feedfold.js';
import { feedLine, feedStart, itemOfChange } from './feedrows.js';

/** @typedef {import('./model.js').Moment} Moment */
/** @typedef {import('./feedfold.js').Item} Item */

const MAX_WAITING = 2000; // items that wait one by one while it is held; more are counted

export class Feed {
  /**
   * @param {HTMLElement} region with the list and its head
   * @param {import('./store.js').Store} store @param {(place: string) => string} href @param {() => Moment} moment
   */
  constructor(region, store, href, moment) {
    this.region = region;
    this.store = store;
    this.href = href;
    this.moment = moment;
    this.holds = 0; // pointed at, focused
    this.folder = new Folder();
    /** @type {{items: Item[], more: number}} */
    this.waiting = { items: [], more: 0 }; // what came while it was held
    this.drawn = 0; // the number of the newest line that was drawn
    this.frame = 0;
    const list = $('ol', region);
    if (list) {
      for (const type of ['pointerenter', 'focusin']) list.addEventListener(type, () => this.hold(1));
      for (const type of ['pointerleave', 'focusout']) list.addEventListener(type, () => this.hold(-1));
    }
  }

  /** Takes what the store has of the past. */
  fill() {
    this.folder = new Folder();
    this.waiting = { items: [], more: 0 };
    this.folder.fill([...this.store.changes.map((c) => this.told(c)), ...this.store.feed]);
    this.drawn = this.folder.last;
  }

  /** Takes what came with a frame. @param {Extract<import('./store.js').StoreEvent, {type: 'delta'}>} e */
  add(e) { this.take([...e.changes.map((c) => this.told(c)), ...e.feed], e.more); }

  /** @param {import('./store.js').Change} c */
  told(c) {
    const cp = this.store.cps.get(c.cp_id);
    return itemOfChange(c, !!cp && !!cp.events);
  }

  /** @param {Item[]} items @param {number} more that were not sent one by one */
  take(items, more) {
    if (!items.length && !more) return;
    if (this.holds) {
      const room = MAX_WAITING - this.waiting.items.length;
      this.waiting.items.push(...items.slice(0, room));
      this.waiting.more += more + Math.max(0, items.length - room);
      return;
    }
    const now = this.store.now();
    this.folder.add(items, now);
    this.folder.addUnlisted(more, now);
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  /** @param {number} d */
  hold(d) {
    this.holds = Math.max(0, this.holds + d);
    const note = $('.held', this.region);
    if (note) note.hidden = !this.holds;
    if (this.holds) return;
    const { items, more } = this.waiting;
    this.waiting = { items: [], more: 0 };
    this.take(items, more);
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const list = $('ol', this.region), m = this.moment(), { central } = this.store;
    if (!list) return;
    patchRows(list, [...this.folder.lines.map((l) => feedLine(l, m.now, this.href)), ...(central ? [feedStart(central, m.now)] : [])]);
    for (const li of $$('li', list)) li.classList.toggle('arrived', Number(li.dataset.key) > this.drawn);
    this.drawn = this.folder.last;
    this.tick(m);
  }

  /** Brings its head to the present. @param {Moment} m */
  tick(m) {
    const { store } = this, oks = store.rate[store.rate.length - 1];
    set($('[data-k="feedsub"]', this.region), !store.cps.size ? '' : m.lost ? t('feed_until', { t: clock(store.lostAt) }) : m.kafka.state === 'lost' ? t('feed_tcp') : m.kafka.state === 'ok' && oks ? t('feed_ok', { n: num(oks) }) : t('feed_sub'));
  }
}
