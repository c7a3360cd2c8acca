// The texts of all pages but the overview; words.js joins them with its own.
// @ts-check

/** @type {Record<string, [string, string]>} */
export const PAGES = {
  decimal: ['.', ','], not_known: ['not known', 'no se sabe'], not_recorded: ['not recorded', 'sin registro'], ago: ['{s} ago', 'hace {s}'],
  nav_signin: ['Sign in', 'Entrar'], crumb: ['You are here', 'Está aquí'],
  maintenance: ['In maintenance', 'En mantenimiento'],

  // What went wrong, and what an unwatched stretch is due to.
  cause_said_ko: ['Engine answers <code>KO</code>', 'El Engine responde <code>KO</code>'],
  cause_protocol: ['Engine answers neither OK nor KO', 'El Engine no responde ni OK ni KO'],
  cause_refused: ['Connection refused', 'Conexión rechazada'], cause_timeout: ['No answer in time', 'Sin respuesta a tiempo'],
  cause_reset: ['Connection reset', 'Conexión cortada'], cause_closed: ['Connection closed without an answer', 'Conexión cerrada sin respuesta'],
  cause_unreachable: ['Host unreachable', 'Equipo inalcanzable'], cause_dns: ['Its name has no address', 'Su nombre no tiene dirección'],
  cause_tls: ['Its certificate is not accepted', 'Su certificado no se acepta'], cause_other: ['Connection failed', 'Falló la conexión'],
  cause_not_recorded: ['Cause not recorded', 'Causa sin registro'], cause_disputed: ['Two Monitors disagree', 'Dos Monitores no coinciden'],
  cause_clock: ['The clock was set', 'Se cambió la hora'], cause_gap: ['Records are missing', 'Faltan registros'],
  cause_no_check: ['No check', 'Sin comprobación'], cause_offline: ['Without Central', 'Sin Central'],

  // An incident, wherever it is shown.
  goes_on: ['goes on', 'continúa'], end_unseen: ['nobody saw the end', 'nadie vio el final'],
  told_after: ['after {s}', 'a los {s}'], told_not_yet: ['not told yet', 'aún sin avisar'], told_never: ['never told', 'no se avisó'],
  not_judged: ['{n} not judged', '{n} sin juzgar'], failed_n: ['{n} failed', '{n} fallo|{n} fallos'],
  m_first: ['First failed check', 'Primer fallo'], m_detected: ['Detected', 'Detectada'], m_told: ['Central told', 'Central avisada'], m_answered: ['Answered in', 'Contestó en'],
  m_recovered: ['Recovered', 'Recuperado'], m_failed: ['Failed checks', 'Fallos'],
  th_from: ['From first failed check', 'Desde el primer fallo'], th_dur: ['Lasted', 'Duró'], th_cp: ['Charge point', 'Punto de carga'], th_site: ['Site', 'Emplazamiento'],
  th_cause: ['Cause', 'Causa'], th_failed: ['Checks', 'Comprobaciones'], th_told: ['Central told', 'Central avisada'],
  site_together: ['{n} charge points within {s}', '{n} puntos de carga en {s}'], site_one: ['at once', 'a la vez'],
  open_row: ['Open', 'Abrir'], details: ['Details of {a}', 'Detalles de {a}'],

  // Incidents.
  inc_h: ['{n} incident|{n} incidents', '{n} incidencia|{n} incidencias'], inc_open: ['{n} goes on|{n} go on', '{n} continúa|{n} continúan'], inc_none_open: ['none goes on', 'ninguna continúa'],
  inc_more: ['Show older ones', 'Mostrar anteriores'], inc_least: ['at least {a}', 'al menos {a}'],
  inc_none: ['No incident fits.', 'Ninguna incidencia encaja.'], inc_none2: ['Nothing is hidden but by the filters above.', 'Nada se oculta salvo por los filtros de arriba.'],
  inc_cap: ['The rest is in the CSV file, or choose less above.', 'El resto está en el archivo CSV, o elija menos arriba.'],
  csv: ['Download CSV', 'Descargar CSV'],
  f_period: ['Time', 'Tiempo'], f_1d: ['24 hours', '24 horas'], f_7d: ['7 days', '7 días'], f_30d: ['30 days', '30 días'], f_year: ['400 days', '400 días'],
  f_site: ['Site', 'Emplazamiento'], f_cause: ['Cause', 'Causa'], f_state: ['State', 'Estado'], f_all: ['all', 'todas'], f_any: ['any', 'cualquiera'],
  f_open: ['going on', 'continúan'], f_over: ['over', 'terminadas'], f_filters: ['Filters', 'Filtros'],

  // The table of all.
  tb_since: ['Since', 'Desde'], tb_why: ['Why', 'Por qué'], tb_heard: ['Heard', 'Oído'], tb_owner: ['Taken by', 'Lo lleva'], tb_text: ['Find', 'Buscar'],
  tb_pages: ['Pages of the table', 'Páginas de la tabla'], tb_before: ['Previous', 'Anterior'], tb_after: ['Next', 'Siguiente'], tb_range: ['{a}\u2013{b} of {n}', '{a}\u2013{b} de {n}'],
  tb_none: ['No charge point fits.', 'Ningún punto de carga encaja.'],

  // Reading.
  reading: ['Asking Central', 'Preguntando a Central'], away: ['Central can\u2019t be reached.', 'No se llega a Central.'],
  no_history: ['This Central keeps no history, so the past is not known here.', 'Este Central no guarda historia, así que aquí no se sabe el pasado.'],
  no_history2: ['It starts with <code>--kafka-brokers</code>; states above are live without it.', 'Empieza con <code>--kafka-brokers</code>; los estados siguen en directo sin ella.'],
  refused: ['Central does not answer this: {a}', 'Central no responde a esto: {a}'], again: ['Try again', 'Probar otra vez'],
  lost_rows: ['The topic had lost {n} records when it was read: what they said is not known.', 'El topic había perdido {n} registros al leerlo: no se sabe qué decían.'],
};
