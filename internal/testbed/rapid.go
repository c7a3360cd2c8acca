package testbed

import (
	"flag"
	"strconv"
)

// LimitRapidChecks makes every rapid.Check of a package run n times, unless -rapid.checks
// asks for a number. TestMain calls it where one check costs much.
func LimitRapidChecks(n int) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		_ = flag.Set("rapid.checks", strconv.Itoa(n))
	}
}
