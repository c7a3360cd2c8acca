// The texts of the page. One entry, two languages: [English, Spanish]. {x} is filled in; "a|b" is
// one|other, chosen by {n}. Engine, Monitor, Central, OK, KO and
// CONNECTION_ERROR are names: never translated.
import { PAGES } from './words-pages.js';
import { PROBLEMS } from './words-problems.js';

export const WORDS = {
  ...PAGES,
  ...PROBLEMS,
  skip: ['Skip to what needs attention', 'Ir a lo que pide atención'],
  search: ['Find id, site or cause', 'Buscar id, emplazamiento o causa'],
  theme: ['Light or dark', 'Claro u oscuro'],
  language: ['Language', 'Idioma'],
  bay: ['bay {n}', 'plaza {n}'],
  notice: ['Notice', 'Aviso de quien lleva esta Central'],
  board: ['Board', 'Panel'],
  nav_board: ['Board', 'Panel'], nav_incidents: ['Incidents', 'Incidencias'], nav_uptime: ['Uptime', 'Disponibilidad'], nav_table: ['Table', 'Tabla'], nav_audit: ['Audit', 'Auditoría'],

  activated: ['Activated', 'Activado'], faulted: ['Faulted', 'Averiado'], disconnected: ['Disconnected', 'Desconectado'],
  expected: ['Expected', 'Esperado'], unverified: ['Unverified', 'Sin verificar'], last_known_faulted: ['Last known faulted', 'Último estado: averiado'],
  expected_n: ['expected', 'esperado|esperados'], unverified_n: ['unverified', 'sin verificar'], last_known_faulted_n: ['last known faulted', 'último: averiado'],
  activated_n: ['activated', 'activado|activados'], faulted_n: ['faulted', 'averiado|averiados'], disconnected_n: ['disconnected', 'desconectado|desconectados'],

  h_fault: ['<b>{n} faulted.</b> The oldest, {cp}, for {dur}.', '<b>{n} averiados.</b> El primero, {cp}, hace {dur}.'],
  h_fault1: ['<b>1 faulted:</b> {cp}, for {dur}.', '<b>1 averiado:</b> {cp}, desde hace {dur}.'],
  h_none: ['Nothing is faulted. {n} of {all} watched.', 'Nada averiado. {n} de {all} vigilados.'],
  h_last1: ['<b>1 last known faulted:</b> {cp}, not heard for {dur}.', '<b>1 averiado según lo último:</b> {cp}, sin oír desde hace {dur}.'],
  h_last: ['<b>{n} last known faulted.</b> {cp}, not heard for {dur}.', '<b>{n} averiados según lo último.</b> {cp}, sin oír desde hace {dur}.'],
  h_more: ['{n} more last known faulted.', 'Otro, averiado según lo último.|Otros {n}, averiados según lo último.'],
  h_lost: ['At {at}, <b>{n} faulted.</b> Not known since.', 'A las {at}, <b>{n} averiado.</b> Desde entonces no se sabe.|A las {at}, <b>{n} averiados.</b> Desde entonces no se sabe.'],
  h_empty: ['No charge point has registered yet.', 'Aún no se ha registrado ningún punto de carga.'],

  untold: ['<b>Alerts do not reach {host}</b> since {at}; {n} wait. {why}', '<b>Las alertas no llegan a {host}</b> desde las {at}; {n} esperan. {why}'],
  believe: ['Can it be believed?', '¿Se puede creer?'],
  b_ok: ['<b>Yes.</b> {n} of {all} heard within {s}.', '<b>Sí.</b> {n} de {all} oídos hace menos de {s}.'],
  b_part: ['<b>In part.</b> {n} of {all} heard within {s}.', '<b>En parte.</b> {n} de {all} oídos hace menos de {s}.'],
  b_quiet: ['<b>In part.</b> No Monitor sends heartbeats.', '<b>En parte.</b> Ningún Monitor envía latidos.'],
  b_nobody: ['<b>No.</b> No Monitor is heard.', '<b>No.</b> No se oye a ningún Monitor.'],
  b_none: ['Nothing has been seen yet.', 'Aún no se ha visto nada.'],
  b_lost: ['<b>No.</b> Nothing here is younger than {s}.', '<b>No.</b> Nada de esto tiene menos de {s}.'],
  n_mon: ['Monitors', 'Monitores'], n_page: ['This page', 'Esta página'],
  live: ['Live', 'En directo'], lost: ['Lost', 'Perdido'],

  cps: ['{n} charge point|{n} charge points', '{n} punto de carga|{n} puntos de carga'],
  dots: ['{n} charge points, a dot for each; find one by its id', '{n} puntos de carga, uno por punto; busque uno por su id'],
  shown: ['{n} of {all} shown', '{n} de {all} a la vista'], clear: ['Clear', 'Quitar'],
  for: ['for {d}', 'desde hace {d}'],
  seen: ['seen {s} ago', 'visto hace {s}'], heard: ['heard {d} ago', 'oído hace {d}'],
  beats: ['heartbeats', 'latidos'], beats_every: ['heartbeats, every {s}', 'latidos, cada {s}'],
  beats_miss: ['{n} heartbeat missing|{n} heartbeats missing', 'falta {n} latido|faltan {n} latidos'],
  beats_quiet: ['no heartbeat for {d}', 'sin latidos desde hace {d}'],
  beats_last: ['last heartbeat {t}', 'último latido {t}'],
  beats_none: ['sends no heartbeats', 'no envía latidos'],
  beats_wait: ['no heartbeat yet', 'aún sin latidos'],
  speakers: ['{n} Monitors speak for it', '{n} Monitores hablan por él'],

  c_ko: ['Engine answers <code>KO</code>', 'El Engine responde <code>KO</code>'],
  c_noanswer: ['No answer from the Engine', 'El Engine no responde'],
  c_reported: ['Its Monitor reports a failure', 'Su Monitor avisa de una avería'],
  c_ok: ['Engine answers <code>OK</code>', 'El Engine responde <code>OK</code>'],
  c_monitoring: ['Watched, no verdict yet', 'Vigilado, aún sin veredicto'],
  c_registered: ['Registered; nothing told since', 'Registrado; nada más desde entonces'],
  c_recovered: ['Recovery reported', 'Recuperación avisada'],
  c_no_message: ['Nothing received for {d}: not verified', 'Nada recibido desde hace {d}: sin verificar'],
  c_no_outcome: ['Its Monitor has no result to report', 'Su Monitor no tiene resultado que dar'],
  c_last: ['Faulted since {t}. {r}', 'Averiado desde {t}. {r}'],
  r_never_heard: ['Expected, never heard', 'Esperado, nunca oído'],
  r_said_goodbye: ['Monitor signed off', 'El Monitor se despidió'],
  r_connection_lost: ['Monitor left without a word', 'El Monitor se fue sin avisar'],
  r_silent: ['Monitor silent: heartbeats missed', 'Monitor mudo: faltan latidos'],
  r_central_restarted: ['Not heard since Central restarted', 'Sin oír desde que Central arrancó'],
  r_not_listed: ['No longer in Central\u2019s registry', 'Ya no está en el registro de Central'],

  feed: ['As it happens', 'En directo'], feed_sub: ['heartbeats OK are not listed', 'los latidos OK no se listan'],
  feed_until: ['until {t}', 'hasta las {t}'], feed_hold: ['held while you read', 'en pausa mientras lee'],
  f_registered: ['Registered from {a}', 'Registrado desde {a}'],
  f_engine_recovered: ['Recovered after {d}', 'Recuperado tras {d}'],
  f_heartbeat_ok: ['OK again after {d}', 'OK de nuevo tras {d}'],
  f_heartbeat_monitoring: ['Heard again after {d}', 'Oído de nuevo tras {d}'],
  f_engine_failure: ['Monitor reports a failure', 'El Monitor avisa de una avería'],
  f_heartbeat_ko: ['Heartbeat: KO', 'Latido: KO'],
  f_heartbeat_connection_error: ['Heartbeat: CONNECTION_ERROR', 'Latido: CONNECTION_ERROR'],
  f_listen: ['Listening on {a}', 'Escuchando en {a}'],

  lost_t: ['This page lost Central {d} ago.', 'Esta página perdió Central hace {d}.'],
  lost_1: ['What you see is from {t}. It may have changed.', 'Lo que ve es de las {t}. Puede haber cambiado.'],
  lost_2: ['Monitors go on checking; nothing they see is lost.', 'Los Monitores siguen comprobando; nada de lo que ven se pierde.'],
  lost_3: ['Trying again in {s} (attempt {n})', 'Nuevo intento en {s} (intento {n})'],
  lost_try: ['Trying now (attempt {n})', 'Probando (intento {n})'], now: ['Try now', 'Probar ya'],

  e_title: ['Central is listening. Start a Monitor.', 'Central está escuchando. Arranque un Monitor.'],
  e_sub: ['Run this where the charge point is. It registers, and a tile appears here within a second.', 'Ejecútelo donde está el punto de carga. Se registra, y en un segundo aparece aquí su ficha.'],
  e_sub_local: ['Run this on this machine. Where the charge point is, write this machine\u2019s address instead of {a}. It registers, and a tile appears here within a second.', 'Ejecútelo en esta máquina. Donde está el punto de carga, escriba la dirección de esta máquina en lugar de {a}. Se registra, y en un segundo aparece aquí su ficha.'],
  e_none: ['No Engine at hand? This simulates one:', '¿Sin un Engine a mano? Esto simula uno:'],
  e_tour: ['Or see everything at once, on this machine only:', 'O véalo todo a la vez, solo en esta máquina:'],
  copy: ['Copy', 'Copiar'], copied: ['Copied', 'Copiado'],
  e_1: ['Central listens on {a}', 'Central escucha en {a}'], e_1b: ['for {d}', 'desde hace {d}'],
  e_2: ['A Monitor registers', 'Un Monitor se registra'], e_2b: ['none has yet', 'ninguno todavía'],
  e_3: ['Its heartbeats say how the Engine is', 'Sus latidos dicen cómo está el Engine'], e_3b: ['every {s}', 'cada {s}'],
  e_help: ['Nothing arrives? On the Monitor\u2019s machine, {cmd} tries Central, Engine and Kafka apart and says which one fails.', '¿No llega nada? En la máquina del Monitor, {cmd} prueba Central, Engine y Kafka por separado y dice cuál falla.'],
  e_ghost: ['waiting', 'esperando'],
  loading: ['Asking Central', 'Preguntando a Central'],

  // The overview: the band.
  maintenance_n: ['in maintenance', 'en mantenimiento'],
  h_site_faulted: ['{s}: {n} of {all} faulted at once.', '{s}: {n} de {all} averiados a la vez.'],
  h_site_disconnected: ['{s}: {n} of {all} silent.', '{s}: {n} de {all}, mudos.'],
  h_site_all_faulted: ['{s}: all {n} faulted at once.', '{s}: los {n}, averiados a la vez.'],
  h_site_all_disconnected: ['{s}: all {n} silent.', '{s}: los {n}, mudos.'],
  last24: ['Last 24 h', 'Últimas 24 h'], up_watched: ['up while watched', 'del tiempo observado'], unobs: ['{p} unwatched', '{p} sin observar'],
  worst: ['at worst', 'peor'], best: ['at best', 'mejor'], day_none: ['no history: <code>--kafka-brokers</code>', 'sin historia: <code>--kafka-brokers</code>'], day_wait: ['being counted', 'se está contando'], day_empty: ['nothing was watched', 'no se observó nada'],
  events_s: ['Events a second', 'Eventos por segundo'],
  b_kafka: ['<b>In part.</b> States yes, single checks no.', '<b>En parte.</b> Estados sí, comprobaciones no.'],
  l_tcp: ['reports', 'avisos'], l_behind: ['Kafka · {s} behind', 'Kafka · {s} de retraso'], l_off: ['Kafka silent {s}', 'Kafka mudo {s}'], l_none: ['no Kafka here', 'aquí sin Kafka'], l_waiting: ['Kafka: no event yet', 'Kafka: aún sin eventos'],
  partial: ['In part', 'En parte'],
  kafka_t: ['Central lost Kafka {d} ago.', 'Central perdió Kafka hace {d}.'],
  kafka_1: ['States, reports and heartbeats are live.', 'Los estados, avisos y latidos siguen en directo.'],
  kafka_2: ['Not known meanwhile: single checks, latencies, and when a new incident began (≥ marks a lower bound).', 'No se sabe entretanto: cada comprobación, las latencias y cuándo empezó una incidencia nueva (≥ indica un mínimo).'],
  kafka_3: ['Nothing is lost: reading goes on after record {n}', 'Nada se pierde: se seguirá tras el registro {n}'],

  // What needs attention.
  queue: ['Needs attention', 'Pide atención'], queue_sort: ['faulted first, oldest first', 'averiados primero, el más antiguo antes'],
  queue_empty: ['Nothing needs you.', 'Nada le reclama.'], queue_wait: ['What breaks will be listed here, oldest first.', 'Lo que se averíe aparecerá aquí, lo más antiguo primero.'],
  queue_filtered: ['Nothing that the filter shows needs you.', 'Nada de lo filtrado le reclama.'],
  queue_more: ['+{n}: filter by state, site or text', '+{n}: filtre por estado, emplazamiento o texto'],
  since: ['since {t}', 'desde {t}'], latest: ['{t} at the latest', '{t} a más tardar'],
  q_engine_says: ['Engine answers', 'El Engine responde'],
  q_unknown: ['Not well, says its Monitor; cause not known', 'Va mal, dice su Monitor; causa sin saber'],
  q_site_faulted: ['{n} of {all} failed within {s}', '{n} de {all} fallaron en {s}'], q_site_disconnected: ['{n} of {all} went silent within {s}', '{n} de {all} enmudecieron en {s}'],
  q_look: ['Look at the site\u2019s line first', 'Mire antes la línea del emplazamiento'], q_open: ['Show the {n}', 'Mostrar los {n}'], q_close: ['Hide them', 'Ocultarlos'],
  q_maybe: ['The Engine may be well: nobody can see it', 'El Engine puede estar bien: nadie lo ve'],
  q_failed: ['<b>{n} of {all}</b> <span class="xw">failed</span>', '<b>{n} de {all}</b> <span class="xw">fallan</span>'], q_unjudged: ['{u} not judged', '{u} sin juzgar'], q_gone: ['not known since {t}', 'sin saber desde las {t}'], q_no_events: ['single checks are not known here', 'las comprobaciones no se conocen aquí'],
  q_told: ['Central told {t}, answered in {ms}', 'Central avisada {t}, contestó en {ms}'], q_told_tcp: ['Central told {t}', 'Central avisada {t}'], q_told_wait: ['Central not told yet', 'Central aún sin avisar'],
  q_agree: ['Kafka agrees', 'Kafka coincide'],
  q_clash_report: ['Report says faulted, Kafka says OK, last {t}', 'El aviso dice averiado; Kafka, OK, el último {t}'],
  q_clash_events: ['Kafka says faulted since {t}, no report says so', 'Kafka dice averiado desde {t}; ningún aviso lo dice'],
  q_lastword: ['last word {t}', 'última palabra {t}'], q_owner: ['{who} {t}', '{who} {t}'], q_take: ['Take it', 'Lo llevo yo'], q_until: ['until {t}', 'hasta {t}'],

  // The charge points.
  sites_n: ['{n} site|{n} sites', '{n} emplazamiento|{n} emplazamientos'], site_ok: ['all activated', 'todos activados'], site_none: ['without a site', 'sin emplazamiento'],
  density: ['Density', 'Densidad'], d_auto: ['Auto', 'Auto'], d_tiles: ['Tiles', 'Fichas'], d_dots: ['Dots', 'Puntos'],
  tl_streak: ['{n} failed, no incident yet', '{n} fallos, aún sin incidencia'], tl_answers: ['answers in {ms}', 'contesta en {ms}'], tl_minute: ['last checks', 'últimas comprobaciones'], tl_day: ['last 24 h', 'últimas 24 h'], tl_up: ['{p} up', '{p} en servicio'],
  dots_help: ['One mark per charge point, always in the same place. Arrow keys move, Enter opens.', 'Una marca por punto de carga, siempre en el mismo sitio. Flechas para moverse, Intro para abrir.'],

  // As it happens.
  feed_ok: ['{n} OK in the last second, not listed', '{n} OK en el último segundo, sin listar'], feed_tcp: ['reports only, while Kafka is away', 'solo avisos, mientras Kafka no esté'],
  fe_check_failed: ['{what} ({n} in a row)', '{what} ({n} seguidos)'], fe_check_failed1: ['{what}', '{what}'], fe_ok_again: ['OK again ({n} failed before)', 'OK de nuevo (antes, {n} fallos)'],
  fe_incident_opened: ['Incident opened, dated {t}', 'Incidencia abierta, con fecha {t}'], fe_incident_closed: ['Recovered after {d}', 'Recuperado tras {d}'],
  fe_report_answered: ['Reported; answered in {ms}', 'Avisado; contestado en {ms}'], fe_monitor_stalled: ['Monitor was stopped for {d}: not judged', 'El Monitor estuvo parado {d}: no se juzga'],
  fo_check_failed: ['{n} single checks failed', '{n} comprobaciones fallaron'], fo_ok_again: ['{n} OK again', '{n} OK de nuevo'], fo_incident_opened: ['{n} incidents opened', '{n} incidencias abiertas'], fo_incident_closed: ['{n} incidents closed', '{n} incidencias cerradas'],
  fo_report_answered: ['{n} reports answered', '{n} avisos contestados'], fo_monitor_stalled: ['{n} Monitors were stopped', '{n} Monitores estuvieron parados'],
  fo_faulted: ['{n} reported as faulted', '{n} avisados como averiados'], fo_disconnected: ['{n} disconnected', '{n} desconectados'], fo_recovered: ['{n} well again, say their Monitors', '{n} bien de nuevo, dicen sus Monitores'], fo_registered: ['{n} registered', '{n} registrados'],
  fo_unlisted: ['{n} more happened than can be shown', 'Ocurrieron {n} cosas más de las que caben'], fo_of: ['of {n} charge points', 'de {n} puntos de carga'],

  // Keys.
  help: ['Keys', 'Teclas'], help_close: ['Close', 'Cerrar'], k_search: ['search', 'buscar'], k_esc: ['clear the filters, leave a field', 'quitar los filtros, salir de un campo'],
  k_arrows: ['move among the charge points', 'moverse entre los puntos de carga'], k_jk: ['next and previous of what needs attention', 'siguiente y anterior de lo que pide atención'], k_enter: ['open', 'abrir'], k_help: ['this list', 'esta lista'],
  k_off: ['Keys without Ctrl or Alt (/ ? j k) are on', 'Las teclas sin Ctrl ni Alt (/ ? j k) están activas'],
};

export const lang = () => (document.documentElement.lang === 'es' ? 'es' : 'en');

// t is the text for a key. Values are put in as they are: the caller escapes what came
// from the network.
export function t(key, v = {}) {
  const entry = WORDS[key];
  if (!entry) return key;
  let s = entry[lang() === 'es' ? 1 : 0];
  if (s.includes('|')) {
    const [one, other] = s.split('|');
    s = +String(v.n).replace(/\D/g, '') === 1 ? one : other;
  }
  return s.replace(/\{(\w+)\}/g, (_, k) => (v[k] === undefined ? '' : v[k]));
}
