// What people do about one charge point: take its incident, keep it in maintenance.
// @ts-check
import { t } from './words.js';
import { esc, when } from './format.js';
import { ask, change } from './api.js';
import { openForm, mayWrite, whyNot, localTime, fromLocal } from './forms.js';

/** Who has it, and the way to take it, as HTML. @param {any} cp @param {import('./router.js').Context} context */
export function ownerText(cp, context) {
  const inTrouble = cp && (cp.state === 'faulted' || cp.state === 'disconnected' || cp.reported_state === 'faulted' || cp.last_known_fault);
  if (!cp || !inTrouble && !cp.owner) return '';
  const { store } = context, may = mayWrite(context.me) && !store.lost, now = store.now();
  const o = cp.owner, says = o ? [t('taken', { who: `<b>${esc(o.name)}</b>` }), o.note ? esc(o.note) : '', o.until ? t('until', { t: when(o.until, now) }) : ''].filter(Boolean).join(', ') : t('untaken');
  if (!store.central || !store.central.accounts) return `<span class="owner"><span class="own">${says}</span></span>`;
  const button = (/** @type {string} */ what, /** @type {string} */ word) => `<button type="button" class="button take" data-do="${what}"${may ? '' : ' disabled'}>${t(word)}</button>`;
  return `<span class="owner"><span class="own">${says}</span>${o ? button('letgo', 'let_go') : button('take', 'take')}${may ? '' : whyNot(context)}</span>`;
}

/** The way into maintenance, and out of it, as HTML. @param {any} cp @param {import('./router.js').Context} context */
export function maintenanceText(cp, context) {
  const { store } = context;
  if (!cp || !store.central || !store.central.accounts) return '';
  const may = mayWrite(context.me) && !store.lost;
  const m = cp.maintenance, says = m ? `<p>${esc(m.reason)}, ${t('until', { t: when(m.to, store.now()) })}</p>` : `<p class="note">${t('mt_none')}</p>`;
  return `<section><h2>${t('mt_title')}</h2>${says}<p class="buttons left"><button type="button" class="button" data-do="${m ? 'unmaintain' : 'maintain'}"${may ? '' : ' disabled'}>${t(m ? 'mt_end' : 'mt_begin')}</button>${whyNot(context)}</p></section>`;
}

/** @param {HTMLElement} b @param {any} cp @param {import('./router.js').Context} context @param {() => void} done */
export async function actionClick(b, cp, context, done) {
  const now = context.store.now(), id = cp && cp.cp_id, path = `cps/${encodeURIComponent(id)}/owner`;
  switch (b.dataset.do) {
    case 'take':
      openForm({
        title: t('take_t', { a: id }), text: t('take_x'), submit: t('take'), opener: b, done,
        fields: [{ name: 'note', label: t('ex_note'), type: 'textarea' }, { name: 'until', label: t('take_until'), type: 'datetime-local' }],
        send: (v) => change('PUT', path, { note: v.note, ...(v.until ? { until: fromLocal(v.until) } : {}) }),
      });
      break;
    case 'letgo':
      openForm({ title: t('let_go_t', { a: id }), text: t('let_go_x'), submit: t('let_go'), opener: b, done, fields: [], send: () => change('DELETE', path) });
      break;
    case 'maintain':
      openForm({
        title: t('mt_t', { a: id }), text: t('mt_x'), submit: t('mt_begin'), opener: b, done,
        fields: [{ name: 'from', label: t('ex_begin'), type: 'datetime-local', value: localTime(now), required: true }, { name: 'to', label: t('ex_end'), type: 'datetime-local', value: localTime(now + 7200), required: true }, { name: 'reason', label: t('ex_reason'), required: true }],
        send: (v) => change('POST', 'maintenance', { cp_id: id, ...(Date.parse(v.from) > now * 1000 ? { from: fromLocal(v.from) } : {}), to: fromLocal(v.to), reason: v.reason }),
      });
      break;
    case 'unmaintain': {
      const { maintenance } = await ask('maintenance', { limit: '1000' });
      const w = maintenance.find((/** @type {any} */ x) => (x.cp_id === id || !x.cp_id && x.site === cp.site) && !x.ended && Date.parse(x.from) <= now * 1000 && Date.parse(x.to) > now * 1000);
      if (w) openForm({ title: t('mt_end_t', { a: w.cp_id || w.site }), text: t('mt_end_x'), submit: t('mt_end'), opener: b, done, fields: [], send: () => change('DELETE', `maintenance/${w.number}`) });
    }
  }
}
