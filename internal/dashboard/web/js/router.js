// Which page is shown: the place is in the address. A place is a path without the folder that
// a proxy may put before it, with its query: /cp/CP_001, /incidents?cause=timeout.
//
// A page is a module with
//   mount(root, context)  draws into root, an empty element
//   unmount()             ends what mount began; the router empties root
//   update(context)       optional: only the query changed; without it the page is mounted anew
//   title(context)        optional: stands before EV_Central in the title
// It is mounted anew when the language changes.
// @ts-check
import { t, lang } from './words.js';

/**
 * @typedef {Object} Context
 * @property {Record<string, string>} params the parts of the path: {id} of /cp/ID
 * @property {URLSearchParams} query
 * @property {{say: typeof t, lang: typeof lang}} language
 * @property {import('./store.js').Store} store
 * @property {(place: string, replace?: boolean) => void} navigate
 * @property {(values: Record<string, string>, replace?: boolean) => void} setQuery changes parameters; an empty value takes one out
 * @property {(place: string) => string} href the address of a place, for links
 * @property {{name: string, role: string} | null} me who is signed in
 * @property {() => boolean} keys whether keys without Ctrl or Alt do something
 * @property {(sentence: string) => void} announce says it to a screen reader, once
 *
 * @typedef {Object} Page
 * @property {(root: HTMLElement, context: Context) => void} mount
 * @property {() => void} unmount
 * @property {(context: Context) => void} [update]
 * @property {(context: Context) => string} [title]
 *
 * @typedef {{name: string, path: RegExp, load: () => Promise<Page>}} Route
 */

// base is the folder of the page on this host: / unless a proxy has put it elsewhere.
export const base = new URL('../', import.meta.url).pathname;

// KEPT are parameters of the query that go along from place to place.
const KEPT = ['lang', 'theme'];

/** The address of a place. @param {string} place */
export function href(place) {
  const [path, query] = place.split('?');
  const q = new URLSearchParams(query), now = new URLSearchParams(location.search);
  for (const k of KEPT) if (now.has(k) && !q.has(k)) q.set(k, now.get(k) || '');
  const s = q.toString();
  return base + path.replace(/^\//, '') + (s ? '?' + s : '');
}

export class Router {
  /**
   * @param {HTMLElement} root
   * @param {Route[]} routes the first is also shown for a path that is none
   * @param {Omit<Context, 'params' | 'query' | 'navigate' | 'setQuery' | 'href'>} shared
   * @param {(name: string) => void} changed is called when another page, or its query, is shown
   */
  constructor(root, routes, shared, changed) {
    this.root = root;
    this.routes = routes;
    this.shared = shared;
    this.changed = changed;
    /** @type {Page | null} */
    this.page = null;
    this.path = ''; // of the page that is shown, or asked for
    this.name = ''; // of its route
    addEventListener('popstate', () => this.show());
    document.addEventListener('click', (e) => this.click(e));
  }

  /** The place of the address bar, without base. */
  static place() { return '/' + location.pathname.slice(base.length); }

  /** Goes to a place. @param {string} place @param {boolean} [replace] no new entry of the history */
  navigate(place, replace = false) {
    history[replace ? 'replaceState' : 'pushState'](null, '', href(place));
    this.show();
  }

  /**
   * Changes parameters of the query; empty values are taken out.
   * @param {Record<string, string>} values @param {boolean} [replace]
   */
  setQuery(values, replace = true) {
    const q = new URLSearchParams(location.search);
    for (const [k, v] of Object.entries(values)) if (v) q.set(k, v); else q.delete(k);
    this.navigate(Router.place() + '?' + q, replace);
  }

  /** @returns {Context} */
  context() {
    const path = Router.place(), route = this.routes.find((r) => r.path.test(path)) || this.routes[0];
    const groups = (route.path.exec(path) || {}).groups || {};
    /** @type {Record<string, string>} */
    const params = {};
    for (const [k, v] of Object.entries(groups)) params[k] = decode(v);
    return { ...this.shared, me: this.shared.me, params, query: new URLSearchParams(location.search), navigate: (p, r) => this.navigate(p, r), setQuery: (v, r) => this.setQuery(v, r), href };
  }

  // show mounts the page of the address, unless it is the one that is shown.
  async show() {
    const path = Router.place(), route = this.routes.find((r) => r.path.test(path)) || this.routes[0];
    if (path === this.path && this.page) {
      if (this.page.update) { this.page.update(this.context()); this.changed(route.name); } else this.mount(this.page);
      return;
    }
    this.path = path;
    this.name = route.name;
    const page = await route.load();
    if (this.path !== path) return; // another was asked for meanwhile
    this.mount(page);
    scrollTo(0, 0);
  }

  /** @param {Page} page */
  mount(page) {
    if (this.page) this.page.unmount();
    this.root.replaceChildren();
    this.page = page;
    page.mount(this.root, this.context());
    this.changed(this.name);
  }

  /** Mounts the page anew: its words, or who is signed in, changed. */
  again() { if (this.page) this.mount(this.page); }

  /** @param {MouseEvent} e */
  click(e) {
    const a = e.target instanceof Element && e.target.closest('a[href]');
    if (!(a instanceof HTMLAnchorElement) || e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    if (a.target || a.hasAttribute('download') || a.origin !== location.origin || !a.pathname.startsWith(base)) return;
    if (a.hash && a.pathname === location.pathname && a.search === location.search) return; // a jump within the page
    const place = '/' + a.pathname.slice(base.length);
    if (!this.routes.some((r) => r.path.test(place))) return;
    e.preventDefault();
    this.navigate(place + a.search);
  }
}

/** @param {string} part of a path */
function decode(part) {
  try { return decodeURIComponent(part); } catch (_) { return part; }
}
