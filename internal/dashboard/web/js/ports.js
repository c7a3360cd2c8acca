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
// What partners need who read it by OCPI: lists of words are those of OCPI 2.2.1.
const MAP = ['address', 'city', 'postal_code', 'country', 'time_zone', 'latitude', 'longitude', 'evse_id', 'connector_standard', 'connector_format', 'power_type', 'max_voltage', 'max_amperage'];
/** @type {Record<string, string[]>} */
const CHOICES = {
  connector_standard: ['IEC_62196_T2', 'IEC_62196_T2_COMBO', 'CHADEMO', 'IEC_62196_T1', 'IEC_62196_T1_COMBO', 'IEC_62196_T3A', 'IEC_62196_T3C', 'CHAOJI', 'GBT_AC', 'GBT_DC', 'TESLA_R', 'TESLA_S',
    ...[...'ABCDEFGHIJKLMNO'].map((type) => 'DOMESTIC_' + type), 'IEC_60309_2_single_16', 'IEC_60309_2_three_16', 'IEC_60309_2_three_32', 'IEC_60309_2_three_64',
    'NEMA_5_20', 'NEMA_6_30', 'NEMA_6_50', 'NEMA_10_30', 'NEMA_10_50', 'NEMA_14_30', 'NEMA_14_50', 'PANTOGRAPH_BOTTOM_UP', 'PANTOGRAPH_TOP_DOWN'],
  connector_format: ['SOCKET', 'CABLE'], power_type: ['AC_1_PHASE', 'AC_2_PHASE', 'AC_2_PHASE_SPLIT', 'AC_3_PHASE', 'DC'],
};
/** An example where the form of a value can't be guessed. @type {Record<string, string>} */
const EXAMPLES = { country: 'ESP', time_zone: 'Europe/Madrid', latitude: '38.26990', longitude: '-0.69850', evse_id: 'ES*ABC*E0001', max_voltage: '400', max_amperage: '32', hours: 'Mo-Fr 08:00-20:00' };

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

/** The values to choose from; undefined where it is written. @param {string} name @returns {[string, string][] | undefined} */
const choices = (name) => CHOICES[name] && ['', ...CHOICES[name]].map((v) => [v, v || t('po_unsaid')]);

/** @param {HTMLElement} opener @param {any} port @param {boolean} fresh @param {() => void} done */
function openPort(opener, port, fresh, done) {
  const lacks = port.ocpi_lacks || [];
  openForm({
    title: fresh ? t('po_add') : t('po_change', { a: port.port }), text: t('po_form'), submit: t('po_save'), opener, done,
    fields: [
      ...(fresh ? [{ name: 'cp_id', label: t('th_cp'), required: true }] : [{ name: 'port', label: t('po_port'), value: port.port, required: true }]),
      ...TEXTS.map((name) => ({ name, label: t(name === 'site' ? 'th_site' : 'po_' + name), value: port[name] || '', placeholder: EXAMPLES[name] })),
      { name: 'public', label: t('po_public'), value: port.public === false ? 'no' : 'yes', options: /** @type {[string, string][]} */ ([['yes', t('up_yes')], ['no', t('up_no')]]) },
      ...MAP.map((name) => ({ name, label: t('po_' + name), value: port[name] || '', placeholder: EXAMPLES[name], folded: true, options: choices(name) })),
    ],
    folded: { title: t('po_map'), text: lacks.length ? t('po_lacks', { a: esc(lacks.map((/** @type {string} */ name) => t('po_' + name)).join(', ')) }) : t('po_map_x') },
    send: (v) => {
      /** @type {Record<string, any>} */
      const body = { ...port, lines: fresh ? [{ cp_id: v.cp_id }] : port.lines, public: v.public === 'yes', port: v.port || v.cp_id };
      delete body.ocpi_lacks;
      for (const k of [...TEXTS, ...MAP]) if (v[k]) body[k] = v[k]; else delete body[k];
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
