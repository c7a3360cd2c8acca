package language

// secure is what Central says of TLS and certificates.
var secure = map[string]string{
	"TLS": "TLS",
	"where Monitors connect; none = by TLS only":                     "donde se conectan los Monitores; none = solo por TLS",
	"where Monitors connect by TLS":                                  "donde se conectan los Monitores por TLS",
	"none needs --tls-listen: Monitors must reach Central somewhere": "none necesita --tls-listen: los Monitores deben llegar a Central por algún sitio",
	"it goes with --tls-cert and --tls-key":                          "va con --tls-cert y --tls-key",
	"by TLS; %s":                                                     "por TLS; %s",
	"by TLS, with a certificate; %s":                                 "por TLS, con certificado; %s",

	"no TLS with %s: %s":                                              "no hay TLS con %s: %s",
	"text without TLS on the port for TLS":                            "texto sin TLS en el puerto de TLS",
	"the certificate is revoked":                                      "el certificado está revocado",
	"the certificate expired at %s":                                   "el certificado caducó el %s",
	"cut the connection of %s: %s":                                    "cortó la conexión de %s: %s",
	"closed a connection from %s: TLS on the port without TLS":        "cerró una conexión de %s: TLS en el puerto sin TLS",
	"denied: the certificate is for %s":                               "rechazado: el certificado es de %s",
	"denied: it has sent with a certificate, and %s has none":         "rechazado: ya ha hablado con certificado, y %s no lo tiene",
	"has sent with a certificate: is refused without one from now on": "ha hablado con certificado: desde ahora se le rechaza sin él",

	"%s: a fleet name has 1 to 64 characters of A-Z a-z 0-9 . _ -":       "%s: un nombre de flota tiene de 1 a 64 caracteres de A-Z a-z 0-9 . _ -",
	"%s: after the id of a charge point only fleet=NAME may stand, once": "%s: tras el id de un punto de carga solo puede estar fleet=NOMBRE, una vez",
	"%s is listed twice, with fleet %q and %q":                           "%s figura dos veces, con fleet %q y %q",
}
