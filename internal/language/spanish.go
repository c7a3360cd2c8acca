package language

// spanish is the catalogue: each sentence as it stands in the code, and the same in
// Spanish. Formats have the same verbs; where another order reads better, they have
// indexes. It is several tables only to keep the files short.
//
// The words are those of README.es.md and of Central's page: comprobación, fallo, aviso,
// incidencia, latido; activado, averiado, desconectado, sin verificar. Engine, Monitor,
// Central, Kafka, topic, broker, log, OK and KO are names, and stay.
var spanish = [...]map[string]string{common, settings, settingErrors, programErrors, lines, banners, answers, secure, historyTexts, accountTexts, alertTexts, tlsTexts, adviceTexts, systemErrors}

// common are words that many sentences use, and names that are the same in Spanish.
var common = map[string]string{
	"Central": "Central", "Engine": "Engine", "Kafka": "Kafka", "Monitor": "Monitor",
	"Central %s": "Central %s", "Kafka %s": "Kafka %s", "topic %s": "topic %s",
	"%s: %s": "%s: %s", "%s %s": "%s %s",

	"none":       "ninguno",
	"new":        "nuevo",
	"now":        "ya",
	"live":       "ahora",
	"the Engine": "el Engine",

	"%d charge point": "%d punto de carga", "%d charge points": "%d puntos de carga",
	"%d check": "%d comprobación", "%d checks": "%d comprobaciones",
	"%d failed check": "%d comprobación fallida", "%d failed checks": "%d comprobaciones fallidas",
	"%d event": "%d evento", "%d events": "%d eventos",
	"%d notice": "%d noticia", "%d notices": "%d noticias",
	"%d fault": "%d avería", "%d faults": "%d averías",
	"%s in a row":         "%s seguidas",
	"%s since %s":         "%s desde %s",
	"events stay on disk": "los eventos se quedan en disco",

	"activated": "activado", "faulted": "averiado", "disconnected": "desconectado", "unregistered": "sin registrar",

	// Reasons that stand in events.
	"asked to stop": "por orden",
	"removed":       "retirado",
	"outbox full":   "no caben en disco",
	"disk too slow": "el disco es demasiado lento",
}

// systemErrors are texts of the operating system.
var systemErrors = map[string]string{
	"permission denied":               "permiso denegado",
	"no such file or directory":       "no existe el fichero o la carpeta",
	"file does not exist":             "el fichero no existe",
	"no space left on device":         "no queda espacio en el disco",
	"read-only file system":           "sistema de ficheros de solo lectura",
	"input/output error":              "error de entrada y salida",
	"is a directory":                  "es una carpeta",
	"not a directory":                 "no es una carpeta",
	"address already in use":          "dirección ya en uso",
	"cannot assign requested address": "la dirección no es de esta máquina",
	"too many open files":             "demasiados ficheros abiertos",
	"file name too long":              "nombre de fichero demasiado largo",
	"disk quota exceeded":             "cuota de disco agotada",
	"operation not permitted":         "operación no permitida",
}
