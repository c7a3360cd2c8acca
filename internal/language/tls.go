package language

// tlsTexts are the sentences about failures of TLS.
var tlsTexts = map[string]string{

	// status and explain, about files.
	"Certificates and secrets": "Certificados y secretos",
	"File":                     "Fichero",
	"in use":                   "en uso",
	"expires on %s, in %s":     "caduca el %s, dentro de %s",
	"expired on %s":            "caducó el %s",
	"any certificate is accepted: anybody can pretend to be the other side":        "se acepta cualquier certificado: cualquiera puede hacerse pasar por el otro lado",
	"--%s: any certificate is accepted: anybody can pretend to be the other side":  "--%s: se acepta cualquier certificado: cualquiera puede hacerse pasar por el otro lado",
	"Leave it out, and trust the right authority by the setting that ends in -ca.": "Quítelo, y confíe en la autoridad correcta con el ajuste que termina en -ca.",
	"It has changed, and can't be used; the old content stays in use: %s":          "Ha cambiado, y no se puede usar; se sigue usando el contenido anterior: %s",

	// ev-cp-m support.
	"support FILE.zip":                                            "support FICHERO.zip",
	"what to attach to a question, no secrets":                    "lo que se adjunta a una consulta, sin secretos",
	"support needs a file: ev-cp-m support FILE.zip":              "support necesita un fichero: ev-cp-m support FICHERO.zip",
	"%s is there already; choose another name":                    "%s ya existe; elija otro nombre",
	"%s holds, without secrets:":                                  "%s contiene, sin secretos:",
	"No Monitor of %s answers: it has only what is on disk.":      "Ningún Monitor de %s contesta: solo tiene lo que hay en disco.",
	"Look through it before you send it: it names your machines.": "Revíselo antes de enviarlo: nombra sus máquinas.",

	// Failures of TLS.
	"Look at the Engine's own log; if it saw nothing, correct --engine-port, or it wants TLS: --engine-tls.": "Mire el log del propio Engine; si no vio nada, corrija --engine-port, o quiere TLS: --engine-tls.",
	"Look at Central's own log; if it saw nothing, correct --central-port, or it wants TLS: --central-tls.":  "Mire el log de la propia Central; si no vio nada, corrija --central-port, o quiere TLS: --central-tls.",
	"Renew the certificate of {remote}; nothing else need be wrong.":                                         "Renueve el certificado de {remote}; puede que todo lo demás esté bien.",
	"Compare the clocks of both machines; if they are right, issue the certificate of {remote} anew.":        "Compare los relojes de ambas máquinas; si están bien, emita de nuevo el certificado de {remote}.",
	"If that is the right machine, give one of its names: --{name}-server-name; else correct the address.":   "Si esa es la máquina correcta, dé uno de sus nombres: --{name}-server-name; si no, corrija la dirección.",
	"Trust that authority with --{name}-ca, or correct the certificate of {remote}.":                         "Confíe en esa autoridad con --{name}-ca, o corrija el certificado de {remote}.",
	"This Monitor speaks TLS, and what answers on this port does not.":                                       "Este Monitor habla TLS, y lo que contesta en ese puerto no.",
	"Correct {port}, leave --{name}-tls out, or switch TLS on there.":                                        "Corrija {port}, quite --{name}-tls, o active TLS allí.",
	"What answers on this port speaks TLS, and this Monitor does not.":                                       "Lo que contesta en ese puerto habla TLS, y este Monitor no.",
	"Switch it on here, too: --{name}-tls; or correct {port}.":                                               "Actívelo también aquí: --{name}-tls; o corrija {port}.",
}
