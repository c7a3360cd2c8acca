// Charge points and ports as people enter them: one by one, or all by a file, the same as
// --ports has.
// @ts-check
import { t } from './words.js';
import { esc } from './format.js';
import { $ } from './dom.js';
import { ask, address, change } from './api.js';
import { openForm, mayWrite, whyNot, localTime, fromLocal } from './forms.js';

/** @typedef {import('./router.js').Context} Context */

const TEXTS = ['name', 'site', 'bay', 'position', 'power_kw', 'hours'];

/** What can be done about all of them, as HTML. @param {Context} context */
export function portsSection(context) {
  if (!context.store.central || !context.store.central.accounts) return '';
  const may = mayWrite(context.me) && !context.store.lost, button = (/** @type {string} */ what, /** @type {string} */ word) => `<button type="button" class="button" data-do="${what}"${may ? '' : ' disabled'}>${t(word)}</button>`;
  return `<section class="ports"><h2>${t('po_title')}</h2><p class="note">${t('po_what')}</p><p class="buttons left">${button('addport', 'po_add')}<a class="button" download="ports.csv" href="${esc(address('ports.csv'))}">${t('csv')}</a>${button('putports', 'po_file')}${button('maintainsite', 'po_site')}${whyNot(context)}</p></section>`;
}

/** The port that a charge point is, or a new one. @param {string} cp */
async function portOf(cp) {
  const { ports } = await ask('ports');
  return ports.find((/** @type {any} */ p) => p.lines.some((/** @type {any} */ l) => l.cp_id === cp)) || { port: cp, lines: [{ cp_id: cp }], public: true };
}

/** @param {HTMLElement} opener @param {any} port @param {boolean} fresh @param {() => void} done */
function openPort(opener, port, fresh, done) {
  openForm({
    title: fresh ? t('po_add') : t('po_change', { a: port.port }), text: t('po_form'), submit: t('po_save'), opener, done,
    fields: [
      ...(fresh ? [{ name: 'cp_id', label: t('th_cp'), required: true }] : [{ name: 'port', label: t('po_port'), value: port.port, required: true }]),
      ...TEXTS.map((name) => ({ name, label: t(name === 'site' ? 'th_site' : 'po_' + name), value: port[name] || '' })),
      { name: 'public', label: t('po_public'), value: port.public === false ? 'no' : 'yes', options: /** @type {[string, string][]} */ ([['yes', t('up_yes')], ['no', t('up_no')]]) },
    ],
    send: (v) => {
      /** @type {Record<string, any>} */
      const body = { ...port, lines: fresh ? [{ cp_id: v.cp_id }] : port.lines, public: v.public === 'yes', port: v.port || v.cp_id };
      for (const k of TEXTS) if (v[k]) body[k] = v[k]; else delete body[k];
      return change('PUT', `ports/${encodeURIComponent(fresh ? v.cp_id : port.port)}`, body);
    },
  });
}

/** @param {HTMLElement} b @param {Context} context @param {string} cp of the page of one; "" in the table */
export async function portClick(b, context, cp) {
  const now = context.store.now(), done = () => {};
  switch (b.dataset.do) {
    case 'addport':
      openPort(b, { public: true }, true, done);
      break;
    case 'changeport':
      openPort(b, await portOf(cp), false, done);
      break;
    case 'removeport': {
      const port = await portOf(cp);
      openForm({ title: t('po_remove_t', { a: port.port }), text: t('po_remove_x'), submit: t('po_remove'), opener: b, fields: [], done, send: () => change('DELETE', `ports/${encodeURIComponent(port.port)}`) });
      break;
    }
    case 'putports':
      openForm({
        title: t('po_file'), text: t('po_file_x'), submit: t('po_file'), opener: b, done,
        fields: [{ name: 'file', label: t('po_csv'), type: 'file', required: true }],
        send: async () => {
          const field = /** @type {HTMLInputElement | null} */ ($('.dialog input[type="file"]')), file = field && field.files && field.files[0];
          return change('POST', 'ports', file ? await file.text() : '');
        },
      });
      break;
    case 'maintainsite':
      openForm({
        title: t('po_site'), text: t('mt_x'), submit: t('mt_begin'), opener: b, done,
        fields: [{ name: 'site', label: t('th_site'), required: true }, { name: 'from', label: t('ex_begin'), type: 'datetime-local', value: localTime(now), required: true }, { name: 'to', label: t('ex_end'), type: 'datetime-local', value: localTime(now + 7200), required: true }, { name: 'reason', label: t('ex_reason'), required: true }],
        send: (v) => change('POST', 'maintenance', { site: v.site, ...(Date.parse(v.from) > now * 1000 ? { from: fromLocal(v.from) } : {}), to: fromLocal(v.to), reason: v.reason }),
      });
  }
}

/** The way to change what was entered about one, as HTML. @param {Context} context */
export function portButtons(context) {
  if (!context.store.central || !context.store.central.accounts) return '';
  const may = mayWrite(context.me) && !context.store.lost, button = (/** @type {string} */ what, /** @type {string} */ word) => `<button type="button" class="button" data-do="${what}"${may ? '' : ' disabled'}>${t(word)}</button>`;
  return `<p class="buttons left more">${button('changeport', 'po_edit')}${button('removeport', 'po_remove')}</p>`;
}
