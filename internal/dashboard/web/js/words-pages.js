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
  inc_cap: ['The rest is in the CSV file, or choose less above.', 'El resto está en el fichero CSV, o elija menos arriba.'],
  csv: ['Download CSV', 'Descargar CSV'],
  f_period: ['Time', 'Tiempo'], f_from: ['or from', 'o desde'], f_to: ['to', 'hasta'], f_1d: ['24 hours', '24 horas'], f_7d: ['7 days', '7 días'], f_30d: ['30 days', '30 días'], f_year: ['400 days', '400 días'],
  f_site: ['Site', 'Emplazamiento'], f_cause: ['Cause', 'Causa'], f_state: ['State', 'Estado'], f_all: ['all', 'todas'], f_sites: ['all', 'todos'], f_any: ['any', 'cualquiera'],
  f_open: ['going on', 'continúan'], f_over: ['over', 'terminadas'], f_filters: ['Filters', 'Filtros'],

  // One charge point.
  cp_for: ['for {d}', 'desde hace {d}'], why: ['Why', 'Por qué'], next: ['What happens next', 'Qué viene ahora'],
  cp_unknown: ['There is no charge point {a} here.', 'Aquí no hay ningún punto de carga {a}.'], cp_unknown2: ['The table has all that are known.', 'La tabla tiene todos los conocidos.'],
  why_ko: ['{n} checks failed, the Engine answers {said}; the first at {t}.', '{n} comprobación fallida, el Engine responde {said}; la primera a las {t}.|{n} comprobaciones fallidas, el Engine responde {said}; la primera a las {t}.'],
  why_failed: ['{n} checks failed ({said}); the first at {t}.', '{n} comprobación fallida ({said}); a las {t}.|{n} comprobaciones fallidas ({said}); la primera a las {t}.'],
  why_opened: ['So many in a row opened the incident at {t}.', 'Tantas seguidas abrieron la incidencia a las {t}.'],
  why_unjudged: ['{n} more was not judged: the Monitor itself was late.|{n} more were not judged: the Monitor itself was late.', '{n} más no se juzga: el propio Monitor llegaba tarde.|{n} más no se juzgan: el propio Monitor llegaba tarde.'],
  why_ok: ['The Engine answered OK to the last check, as to {n} in a row.', 'El Engine respondió OK a la última comprobación, como a {n} seguidas.'],
  why_maintenance: ['{why}, until {t}. It is still watched and recorded.', '{why}, hasta {t}. Sigue vigilado y registrado.'], why_events: ['Only its events are known: no Monitor has told Central of it.', 'Solo se conocen sus eventos: ningún Monitor avisó de él a Central.'],
  engine_maybe: ['The Engine may be well: nobody can see it.', 'El Engine puede estar bien: nadie lo ve.'],
  next_ok: ['When the Engine answers OK again the incident closes, and Central is told. Until then its Monitor repeats the report.', 'Cuando el Engine responda OK se cierra la incidencia y se avisa a Central. Hasta entonces su Monitor repite el aviso.'],
  next_heard: ['When its Monitor connects again, what is true then is shown.', 'Cuando su Monitor se conecte de nuevo, se muestra lo que sea cierto entonces.'],
  next_maintained: ['At its end what is true then is shown.', 'Al terminar se muestra lo que sea cierto entonces.'],
  next_register: ['It is shown as soon as a Monitor registers it.', 'Se muestra en cuanto un Monitor lo registre.'],
  next_verify: ['Its next message says whether the state still holds.', 'Su próximo mensaje dirá si el estado sigue.'], next_fail: ['Failed checks in a row would open an incident, and Central would be told.', 'Varios fallos seguidos abrirían una incidencia, y se avisaría a Central.'],
  never_seen: ['never seen', 'nunca visto'], check_next: ['next check in {s}', 'próxima comprobación en {s}'], check_late: ['next check late by {s}', 'próxima comprobación con {s} de retraso'], events_away: ['no event of any charge point for {s}', 'sin eventos de ningún punto de carga desde hace {s}'], check_due: ['next check is due', 'toca la próxima comprobación'],
  taken: ['taken by {who}', 'lo lleva {who}'], untaken: ['Nobody has taken it', 'Nadie lo lleva'],
  lat: ['Answers, last 5 minutes', 'Respuestas, últimos 5 minutos'], lat_every: ['a check every {s}', 'una comprobación cada {s}'], lat_med: ['median {ms}', 'mediana {ms}'], lat_p99: ['p99 {ms}', 'p99 {ms}'],
  lat_old: ['No check in the last 5 minutes.', 'Ninguna comprobación en los últimos 5 minutos.'], lat_none: ['No check was read since Central started.', 'No se leyó ninguna comprobación desde que Central arrancó.'], lane_now: ['now', 'ahora'], first_failed: ['first failed', 'primer fallo'], last_check: ['last check', 'última comprobación'],
  timeline: ['Timeline', 'Cronología'], taller: ['The taller, the worse. Hatched: nobody watched.', 'Cuanto más alto, peor. Rayado: nadie miraba.'], nobody_watched: ['nobody watched', 'sin observar'],
  today: ['Today', 'Hoy'], d7: ['7 days', '7 días'], d30: ['30 days', '30 días'], up_watched: ['up while watched', 'del tiempo observado'], worst_best: ['at worst \u2013 at best', 'peor \u2013 mejor'], down: ['down', 'averiado'], unwatched: ['unwatched', 'sin observar'],
  no_events: ['No event of it is known.', 'No se conoce ningún evento suyo.'],
  inc_30: ['Incidents, 30 days', 'Incidencias, 30 días'], inc_none30: ['None in 30 days.', 'Ninguna en 30 días.'], inc_rest: ['{n} older ones:', '{n} anterior:|{n} anteriores:'],
  th_evidence: ['Evidence', 'Pruebas'], th_sources: ['Sources', 'Fuentes'], src_both: ['report + Kafka', 'aviso + Kafka'], src_events: ['Kafka only', 'solo Kafka'], excluded_by: ['Excluded: {why}', 'Excluida: {why}'],
  log_opened: ['incident opened', 'se abre incidencia'],
  toldlog: ['What was seen, what Central was told', 'Qué se vio, qué se dijo a Central'], log_more: ['{n} more', '{n} más'], log_until: ['the last {t}', 'el último {t}'], log_unsent: ['no answer could be sent', 'no se pudo contestar'], log_none: ['last heard {s} ago', 'oído hace {s}'],
  sources: ['Two sources', 'Dos fuentes'], src_tcp: ['Reports (TCP)', 'Avisos (TCP)'], src_kafka: ['Events (Kafka)', 'Eventos (Kafka)'], src_say: ['say', 'dicen'], src_since: ['since', 'desde'], src_heard: ['heard', 'oído'], src_nothing: ['nothing', 'nada'],
  src_agree: ['They agree.', 'Coinciden.'], src_differ: ['They disagree.', 'No coinciden.'], src_differ2: ['Both are shown; neither is believed more than the other.', 'Se muestran ambas; ninguna se cree más que la otra.'], src_wait: ['One may be on its way.', 'Una puede estar en camino.'],
  src_one: ['There is one source.', 'Hay una sola fuente.'], src_old: ['The events say nothing of now.', 'Los eventos no dicen nada de ahora.'], src_cant: ['They can\u2019t be compared now.', 'Ahora no se pueden comparar.'],
  src_note: ['A report carries no time; the events date the outage from its first failed check, {s} earlier. The ledger uses that.', 'Un aviso no lleva hora; los eventos fechan la avería en su primer fallo, {s} antes. El registro usa esa.'],
  identity: ['Identity', 'Identidad'], id_power: ['Power', 'Potencia'], id_monitor: ['Monitor', 'Monitor'], id_from: ['speaks from', 'habla desde'], id_unheard: ['not heard since Central started', 'sin oír desde que Central arrancó'], id_registered: ['Registered', 'Registrado'],
  id_heartbeat: ['Heartbeat', 'Latido'], id_last: ['last {s} ago', 'el último hace {s}'], id_speakers: ['Beware', 'Atención'], id_certificate: ['Certificate', 'Certificado'], id_certified: ['yes: refused without one', 'sí: sin él se rechaza'], id_plain: ['none', 'ninguno'],
  id_checks: ['Checks', 'Comprobaciones'], id_events: ['Events', 'Eventos'], id_known_from: ['known from {t} on', 'conocidos desde {t}'],

  // Uptime.
  up_by: ['Definition', 'Definición'], up_plain: ['plain', 'sencilla'], up_nevi: ['NEVI', 'NEVI'], up_uk: ['UK', 'Reino Unido'],
  up_what_plain: ['up / (up + down): time that nobody watched is left out', 'en servicio / (en servicio + averiado): lo no observado se deja fuera'],
  up_what_nevi: ['23 CFR 680.116(b): more than 97 % of 525,600 minutes for each port, in the year that ends with the month', '23 CFR 680.116(b): más del 97 % de 525.600 minutos por punto, en el año que acaba con el mes'],
  up_what_uk: ['SI 2023/1168: at least 99 % of the year, for the network of public points of 50 kW and more', 'SI 2023/1168: al menos el 99 % del año, para la red de puntos públicos de 50 kW o más'],
  up_year: ['all of {n}', 'todo {n}'], up_zone: ['Time zone', 'Zona horaria'], up_files: ['Download the report', 'Descargar el informe'],
  up_network: ['All together', 'Todo junto'], up_network_plain: ['up while watched, all together', 'del tiempo observado, todo junto'], up_network_nevi: ['at worst, all together', 'en el peor caso, todo junto'], up_network_uk: ['reliable, the network', 'fiable, la red'],
  up_nothing: ['nothing was watched in this time', 'nada se observó en este tiempo'],
  up_strict: ['Ineligible left out', 'Sin lo no computable'], up_meets_nevi: ['More than 97 %', 'Más del 97 %'], up_meets_uk: ['At least 99 %', 'Al menos el 99 %'],
  up_yes: ['yes', 'sí'], up_no: ['no', 'no'], up_cant: ['can\u2019t be said: the bounds differ', 'no se puede decir: los límites difieren'],
  up_of: ['{n} of {all}', '{n} de {all}'], up_fail: ['{n} does not|{n} do not', '{n} no'], up_open: ['{n} can\u2019t be said', '{n} no se puede decir'],
  up_excluded: ['excluded', 'excluido'], up_window: ['Window', 'Periodo'], up_cut: ['It has not ended: it is cut at the newest event.', 'No ha terminado: se corta en el evento más reciente.'],
  up_percent: ['percent', 'porcentaje'], up_none: ['No port fits.', 'Ningún punto encaja.'], up_young: ['It is younger than the window.', 'Es más joven que el periodo.'],
  up_outages: ['{n} outage of {a}|{n} outages of {a}', '{n} avería de {a}|{n} averías de {a}'], up_rest: ['The rest is in the CSV file.', 'El resto está en el fichero CSV.'],
  up_inputs: ['What it was computed from', 'De qué se calculó'], up_inputs2: ['The same question to the same log has the same answer, on any machine. To sign a report, make it at a terminal: that keeps its position for ever.', 'La misma pregunta al mismo registro da la misma respuesta, en cualquier máquina. Para firmar un informe, hágalo en un terminal: así su posición se guarda para siempre.'],
  up_in_log: ['Topic, offsets / annotations', 'Topic, offsets / anotaciones'], up_in_gaps: ['Missing stretches', 'Tramos que faltan'], up_in_segments: ['Segments, SHA-256', 'Segmentos, SHA-256'], up_in_exclusions: ['Exclusions, SHA-256', 'Exclusiones, SHA-256'], up_in_ports: ['Ports, SHA-256', 'Puntos, SHA-256'], up_in_zone: ['Time zone data', 'Datos de zonas horarias'], up_in_version: ['Version', 'Versión'], up_cmd: ['At a terminal', 'En un terminal'],
  'note: Whether a charger is online to its own back end is not observed.': ['Whether a charger is online to its own back end is not observed.', 'No se observa si un cargador está en línea con su propio sistema.'],
  'note: Some events do not say the interval of the checks: the median of their distances is used.': ['Some events do not say the interval of the checks: the median of their distances is used.', 'Algunos eventos no dicen el intervalo de las comprobaciones: se usa la mediana de sus distancias.'],
  'note: Some events are of the first EV_CP_M. They are not numbered: gaps can\'t be seen.': ['Some events are of the first EV_CP_M. They are not numbered: gaps can\u2019t be seen.', 'Algunos eventos son del primer EV_CP_M. No llevan número: no se ven los huecos.'],
  'note: The topic had lost records when it was read: what they said is unwatched.': ['The topic had lost records when it was read: what they said is unwatched.', 'El topic había perdido registros al leerlo: lo que decían está sin observar.'],

  // Exclusions.
  ex_title: ['Exclusions', 'Exclusiones'], ex_what: ['An outage of a charge point or a site that does not count. It can be withdrawn, and is never changed.', 'Una avería de un punto de carga o emplazamiento que no cuenta. Se puede retirar, y nunca se cambia.'], ex_none: ['There are none.', 'No hay ninguna.'],
  ex_add: ['Add an exclusion', 'Añadir una exclusión'], ex_withdraw: ['Withdraw', 'Retirar'], ex_withdrawn: ['withdrawn', 'retirada'], ex_withdraw_t: ['Withdraw exclusion {n} of {a}', 'Retirar la exclusión {n} de {a}'], ex_withdraw_x: ['From now on the outage counts again. Both stay in the record.', 'Desde ahora la avería vuelve a contar. Ambas quedan registradas.'],
  ex_number: ['No.', 'N.º'], ex_from: ['From, to', 'Desde, hasta'], ex_reason: ['Reason', 'Motivo'], ex_note: ['Note', 'Nota'], ex_who: ['By', 'Por'], ex_do: ['Change', 'Cambiar'], ex_link: ['evidence', 'prueba'],
  ex_cp: ['Charge point', 'Punto de carga'], ex_site: ['or a whole site', 'o todo un emplazamiento'], ex_begin: ['From', 'Desde'], ex_end: ['To', 'Hasta'], ex_evidence: ['Link to the evidence', 'Enlace a la prueba'],
  reason_grid: ['grid', 'red eléctrica'], reason_vehicle: ['vehicle', 'vehículo'], reason_maintenance: ['scheduled maintenance', 'mantenimiento programado'], reason_vandalism: ['vandalism', 'vandalismo'], reason_disaster: ['natural disaster', 'desastre natural'],

  // Signing in, and who did what.
  role_viewer: ['viewer', 'lector'], role_operator: ['operator', 'operador'], role_setup: ['first token', 'primer token'],
  si_is: ['{who} is signed in: {role}.', 'Ha entrado {who}: {role}.'], si_out: ['Sign out', 'Salir'], si_name: ['Name', 'Nombre'], si_password: ['Password', 'Contraseña'], si_wrong: ['Name or password is wrong.', 'El nombre o la contraseña no es correcto.'],
  si_why: ['Reading needs no login here. Changing something does.', 'Aquí se puede leer sin entrar. Para cambiar algo hay que entrar.'], si_needed: ['Sign in to read and to change.', 'Entre para leer y para cambiar.'],
  si_first: ['The first operator', 'El primer operador'], si_first1: ['Nobody can sign in yet. Central wrote a first token to its terminal, or to a file in its folder: enter it here, once.', 'Nadie puede entrar aún. Central escribió un primer token en su terminal, o en un fichero de su carpeta: escríbalo aquí, una vez.'], si_first2: ['The token is right. Choose the name and the password of the first operator.', 'El token es correcto. Elija el nombre y la contraseña del primer operador.'],
  si_provider: ['Sign in at {a}', 'Entrar en {a}'], si_failed: ['{a} signed nobody in. Central\u2019s log says why.', '{a} no ha dado entrada a nadie. El registro de Central dice por qué.'],
  si_token: ['First token', 'Primer token'], si_use: ['Go on', 'Seguir'], si_make: ['Make the operator', 'Crear el operador'],
  au_sub: ['Who changed what. Nothing in it can be changed.', 'Quién cambió qué. Nada de esto se puede cambiar.'], au_when: ['When', 'Cuándo'], au_who: ['Who', 'Quién'], au_what: ['What', 'Qué'], au_of: ['Subject', 'Objeto'], au_change: ['Before \u2192 after', 'Antes \u2192 después'], au_from: ['Address', 'Dirección'],
  au_more: ['Show older ones', 'Mostrar anteriores'], au_cap: ['Older ones: <code>/api/v1/audit</code>', 'Anteriores: <code>/api/v1/audit</code>'], au_none: ['Nothing was changed yet.', 'Aún no se cambió nada.'], au_signin: ['{a} to read who did what.', '{a} para leer quién hizo qué.'],
  by_user: ['user', 'usuario'], by_token: ['token', 'token'], by_proxy: ['by a proxy', 'por un proxy'], by_provider: ['by the provider', 'por el proveedor'], by_local: ['on the server', 'en el servidor'], by_setup: ['first token', 'primer token'], by_central: ['by itself', 'por sí mismo'], by_nobody: ['not signed in', 'sin entrar'],
  did_add_user: ['add a user', 'añadir un usuario'], did_set_password: ['set a password', 'poner una contraseña'], did_remove_user: ['remove a user', 'quitar un usuario'], did_add_token: ['add a token', 'añadir un token'], did_revoke_token: ['revoke a token', 'revocar un token'],
  did_sign_in: ['sign in', 'entrar'], did_sign_out: ['sign out', 'salir'], did_refuse_sign_in: ['refuse a sign-in', 'rechazar una entrada'], did_refuse_token: ['refuse a token', 'rechazar un token'],
  did_take: ['take it', 'llevarlo'], did_let_go: ['let it go', 'dejarlo'], did_let_go_recovered: ['let go: recovered', 'dejado: recuperado'], did_let_go_time_over: ['let go: time is over', 'dejado: se acabó el plazo'],
  did_add_maintenance: ['begin maintenance', 'empezar mantenimiento'], did_end_maintenance: ['end maintenance', 'terminar mantenimiento'], did_add_exclusion: ['exclude an outage', 'excluir una avería'], did_withdraw_exclusion: ['withdraw an exclusion', 'retirar una exclusión'],
  did_put_port: ['enter a port', 'escribir una conexión'], did_remove_port: ['remove a port', 'quitar una conexión'], did_replace_ports: ['replace all ports', 'sustituir todas las conexiones'],
  us_title: ['Users', 'Usuarios'], us_n: ['{n} user|{n} users', '{n} usuario|{n} usuarios'], us_what: ['A viewer reads all; an operator may also change it.', 'Un lector lo lee todo; un operador también puede cambiarlo.'], us_role: ['Role', 'Rol'], us_made: ['Added', 'Añadido'],
  us_add: ['Add a user', 'Añadir un usuario'], us_remove: ['Remove', 'Quitar'], us_remove_t: ['Remove {a}', 'Quitar a {a}'], us_remove_x: ['Whoever is signed in with this name is signed out at once. What was done stays in the log.', 'Quien haya entrado con este nombre deja de estarlo enseguida. Lo que hizo queda en la auditoría.'],

  pw_title: ['Password', 'Contraseña'], pw_title_of: ['Another password for {a}', 'Otra contraseña para {a}'], pw_own: ['Change the password', 'Cambiar la contraseña'], pw_current: ['Password until now', 'Contraseña actual'], pw_new: ['New password, 10 characters or more', 'Contraseña nueva, 10 caracteres o más'], pw_again: ['New password again', 'Contraseña nueva otra vez'], pw_set: ['Change it', 'Cambiarla'],
  pw_own_x: ['You stay signed in here, and are signed out everywhere else.', 'Aquí sigue dentro; en todos los demás sitios se cierra su sesión.'], pw_other_x: ['Whoever is signed in with this name is signed out at once.', 'Quien haya entrado con este nombre deja de estarlo enseguida.'], pw_done: ['The password is changed.', 'La contraseña ha cambiado.'],

  // Taking an incident, and maintenance.
  take: ['Take it', 'Lo llevo yo'], take_t: ['Take {a}', 'Llevar {a}'], take_x: ['Everybody sees that you have it, until the incident is over or you let it go.', 'Todos ven que lo lleva usted, hasta que acabe la incidencia o lo deje.'], take_until: ['Until, if not to the end', 'Hasta, si no es hasta el final'],
  let_go: ['Let it go', 'Dejarlo'], let_go_t: ['Let {a} go', 'Dejar {a}'], let_go_x: ['Then nobody has it, and people are reminded of it.', 'Entonces nadie lo lleva, y se vuelve a avisar.'], until: ['until {t}', 'hasta {t}'],
  mt_title: ['Maintenance', 'Mantenimiento'], mt_none: ['It is in none now.', 'Ahora no está en ninguno.'], mt_begin: ['Begin maintenance', 'Empezar mantenimiento'], mt_end: ['End it now', 'Terminar ya'], mt_t: ['Maintenance of {a}', 'Mantenimiento de {a}'], mt_x: ['It is still watched and recorded, and nobody is woken. The ledger counts it as it was, unless an exclusion is declared before it begins.', 'Sigue vigilado y registrado, y no se despierta a nadie. La disponibilidad lo cuenta como fue, salvo que una exclusión se declare antes de que empiece.'],
  mt_end_t: ['End the maintenance of {a}', 'Terminar el mantenimiento de {a}'], mt_end_x: ['What is true now is shown at once.', 'Se muestra enseguida lo que sea cierto ahora.'],

  // Ports.
  po_title: ['Charge points and ports', 'Puntos de carga y conexiones'], po_what: ['What people enter about them: where they are, their power, when they are open. The file is the same as that of --ports.', 'Lo que se escribe sobre ellos: dónde están, su potencia, cuándo abren. El fichero es el mismo que el de --ports.'],
  po_add: ['Add a charge point', 'Añadir un punto de carga'], po_file: ['Replace all by a file', 'Sustituir todo por un fichero'], po_file_x: ['The file takes the place of all ports. Download the present one first.', 'El fichero sustituye a todas las conexiones. Descargue antes el actual.'], po_csv: ['CSV file', 'Fichero CSV'], po_site: ['Maintenance of a site', 'Mantenimiento de un emplazamiento'],
  po_change: ['Change {a}', 'Cambiar {a}'], po_edit: ['Change', 'Cambiar'], po_form: ['Where it stands and what it can do. What it says of itself is in its events.', 'Dónde está y qué puede. Lo que dice de sí mismo está en sus eventos.'], po_save: ['Save', 'Guardar'],
  po_remove: ['Remove', 'Quitar'], po_remove_t: ['Remove what was entered about {a}', 'Quitar lo escrito sobre {a}'], po_remove_x: ['Its events and incidents stay, and it is still shown while it is heard.', 'Sus eventos e incidencias quedan, y se sigue mostrando mientras se oiga.'],
  po_port: ['Port', 'Conexión'], po_name: ['Name', 'Nombre'], po_bay: ['Bay', 'Plaza'], po_position: ['Position', 'Posición'], po_power_kw: ['Power, kW', 'Potencia, kW'], po_hours: ['Opening hours', 'Horario'], po_public: ['Public', 'Público'], po_unsaid: ['not said', 'sin decir'],
  po_map: ['Address and connector, for partners (OCPI)', 'Dirección y conector, para socios (OCPI)'], po_map_x: ['Partners see a public port once all of this is known. The address can stand in one port of the site alone.', 'Los socios ven una conexión pública cuando se sabe todo esto. La dirección puede estar en una sola conexión del emplazamiento.'], po_lacks: ['Partners do not see it yet. Missing: {a}.', 'Los socios aún no la ven. Falta: {a}.'],
  po_address: ['Address', 'Dirección'], po_city: ['City', 'Ciudad'], po_postal_code: ['Postal code', 'Código postal'], po_country: ['Country (three letters)', 'País (tres letras)'], po_time_zone: ['Time zone', 'Zona horaria'], po_latitude: ['Latitude', 'Latitud'], po_longitude: ['Longitude', 'Longitud'],
  po_evse_id: ['EVSE id', 'Id. de EVSE'], po_connector_standard: ['Connector', 'Conector'], po_connector_format: ['Socket or cable', 'Base o cable'], po_power_type: ['Phases or DC', 'Fases o CC'], po_max_voltage: ['Highest voltage (V)', 'Tensión máxima (V)'], po_max_amperage: ['Highest current (A)', 'Corriente máxima (A)'],

  // Forms.
  cancel: ['Cancel', 'Cancelar'], needs_operator: ['An operator may change this.', 'Lo puede cambiar un operador.'], needs_signin: ['{a} to change this.', '{a} para cambiar esto.'], signed_out: ['You are not signed in any more.', 'Ya no ha entrado.'],

  // The table of all.
  tb_since: ['Since', 'Desde'], tb_why: ['Why', 'Por qué'], tb_heard: ['Heard', 'Oído'], tb_owner: ['Taken by', 'Lo lleva'], tb_text: ['Find', 'Buscar'],
  tb_pages: ['Pages of the table', 'Páginas de la tabla'], tb_before: ['Previous', 'Anterior'], tb_after: ['Next', 'Siguiente'], tb_range: ['{a}\u2013{b} of {n}', '{a}\u2013{b} de {n}'],
  tb_none: ['No charge point fits.', 'Ningún punto de carga encaja.'],

  // Reading.
  reading: ['Asking Central', 'Preguntando a Central'], away: ['Central can\u2019t be reached.', 'No se llega a Central.'],
  no_history: ['This Central keeps no history, so the past is not known here.', 'Este Central no guarda historia, así que aquí no se sabe el pasado.'],
  no_history2: ['It starts with <code>--kafka-brokers</code>; states above are live without it.', 'Empieza con <code>--kafka-brokers</code>; los estados siguen en directo sin ella.'],
  unworded: ['Central refuses it (code {n}): {a}', 'Central lo rechaza (código {n}); en inglés: {a}'],
  refused: ['Central does not answer this: {a}', 'Central no responde a esto: {a}'], again: ['Try again', 'Probar otra vez'],
  lost_rows: ['The topic had lost {n} records when it was read: what they said is not known.', 'El topic había perdido {n} registros al leerlo: no se sabe qué decían.'],
};
