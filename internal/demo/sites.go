package demo

import (
	"fmt"

	"evcp"
)

// sitesOfSix are where the six charge points stand, three each.
var sitesOfSix = [...]string{"Harbour", "Station"}

// siteOf is the site of a charge point that has a Monitor of its own; "" of any other name.
func (e *env) siteOf(name evcp.CPID) string {
	for i, c := range e.cps {
		if c.id == name {
			return sitesOfSix[i*len(sitesOfSix)/max(len(e.cps), 1)]
		}
	}
	return ""
}

// siteSize is how many charge points of a fleet stand together.
const siteSize = 40

// siteName is that of the nth charge point of a fleet, from 0.
func siteName(n int) string { return fmt.Sprintf("Site %d", n/siteSize+1) }
