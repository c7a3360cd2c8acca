package config

// Every phrase that a person reads stands here, to be translated as data.
// Reasons complete "--engine-port 70000: …": they say what a good value is.
const (
	reasonPort        = "a port is a number from 1 to 65535"
	reasonHost        = "a host is a name or an IP address, without port or scheme"
	reasonHostPort    = "an address is HOST:PORT, the port a number from 1 to 65535"
	reasonCPID        = "a charge point id is 1 to 64 of A-Z a-z 0-9 . _ -"
	reasonDuration    = "a duration is a number with its unit: 500ms, 2s, 1m30s"
	reasonSize        = "a size is a whole number with its unit: 64MiB, 1GiB"
	reasonCount       = "a whole number from 1 to 1000000 is needed"
	reasonSwitch      = "a switch is true or false"
	reasonText        = "one line of 1 to 255 printable characters is needed"
	reasonLeast       = "the least is %s"
	reasonChoice      = "choose %s"
	wordOr            = " or "
	reasonNull        = `no value; write "" for none, or take the line out`
	reasonPlain       = "one plain value is needed here"
	reasonFlat        = "each line of this file is one plain key: value"
	reasonTwice       = "%s stands twice; the first is in line %d"
	reasonNotInFile   = "%s can't stand in a file; it is the flag %s"
	reasonNotUTF8     = "not UTF-8 text"
	reasonNotYAML     = "not YAML: %s"
	reasonTooBig      = "larger than %d KiB"
	reasonNotThere    = "no such file"
	phraseUnknownFlag = "unknown flag %s."
	phraseUnknownArg  = "unexpected argument %s."
	phraseUnknownKey  = "unknown key %s."
	phraseDidYouMean  = " Did you mean %s?"
	phraseNoValue     = "%[1]s needs a value: %[1]s %[2]s"
	phraseDefault     = "the default of %s: %s"
	phraseKubernetes  = `. Kubernetes sets this variable itself when a Service is named "%s".` +
		" Set %s, or enableServiceLinks: false."
	phraseKubernetesOwn = `. Kubernetes sets this variable itself when a Service is named "%s".` +
		" Rename the Service, or set enableServiceLinks: false."
	phraseErrors   = "%d errors; nothing was started."
	phraseErrorsIn = "%d errors in %s; nothing was started."
	phraseMore     = "and %d more."
	phraseSeeHelp  = "All flags: %s --help"
	phraseUsage    = "Usage: "
	phraseExample  = "A flag beats a variable, a variable beats the file: --%s is %s there and %s: %s here."
	phraseNoFile   = "A flag beats a variable: --%s is %s there."
	phraseAlso     = " Also read: %s."
	phraseDefaults = "Defaults are in parentheses. Durations: 500ms, 2s, 1m30s."
	wordFlags      = "flags"
	wordVariables  = "variables"
	wordDefaults   = "defaults"
)
