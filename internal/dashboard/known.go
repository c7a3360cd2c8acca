package dashboard

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"evcp"
	"evcp/internal/operations"
	"evcp/internal/status"
)

// maxNamedSites is how many sites the answer to an unknown one names.
const maxNamedSites = 20

// UnknownError is a charge point or a site that a change is about and that nobody has heard of.
type UnknownError struct {
	What  string   // with the name, as it came
	Sites []string // that are known, by name, at most maxNamedSites; nil for a charge point
}

// Error names it, and the sites that are known.
func (e *UnknownError) Error() string {
	if len(e.Sites) == 0 {
		return e.What
	}
	return e.What + "; there are " + strings.Join(e.Sites, ", ")
}

func (e *UnknownError) write(w http.ResponseWriter) {
	status.WriteError(w, http.StatusNotFound, e.What, e.Sites...)
}

// CheckKnown returns an UnknownError for a charge point that never registered, and is not in the
// registry, the ports or the events; and for a site that neither the ports nor the events have.
// An empty name is not checked. The history is read only for a name that is known nowhere else.
func (d *Dashboard) CheckKnown(ctx context.Context, cp evcp.CPID, site string) error {
	if err := operations.CheckText("site", site, operations.MaxWord, true); err != nil {
		return err
	}
	_, here := d.central.CP(cp)
	sites := d.operations.Sites()
	knowsCP, knowsSite := cp == "" || here || d.operations.HasPort(cp), site == "" || sites[site]
	if knowsCP && knowsSite {
		return nil
	}
	if d.history != nil {
		v, err := d.history.Open(ctx, "")
		if err != nil {
			return fmt.Errorf("look the name up in the history: %w", err)
		}
		defer func() { _ = v.Close() }() // it has only read
		inEvents, err := v.Knows(cp)
		if err != nil {
			return err
		}
		heard, err := v.Sites()
		if err != nil {
			return err
		}
		for _, s := range heard {
			sites[s] = true
		}
		knowsCP, knowsSite = knowsCP || inEvents, knowsSite || sites[site]
	}
	delete(sites, "")
	switch {
	case !knowsCP:
		return &UnknownError{What: "cp_id: there is no charge point " + string(cp) + ": none of this id has registered, or is in the registry, the ports or the events; GET " + listPath + " lists them"}
	case !knowsSite && len(sites) == 0:
		return &UnknownError{What: "site: there is no site " + strconv.Quote(site) + ": no port and no event names any"}
	case !knowsSite:
		named := slices.Sorted(maps.Keys(sites))
		what := "site: there is no site " + strconv.Quote(site) + " in the ports or the events"
		if len(named) > maxNamedSites {
			what += fmt.Sprintf("; of the %d that there are the first %d are named", len(named), maxNamedSites)
			named = named[:maxNamedSites]
		}
		return &UnknownError{What: what, Sites: named}
	}
	return nil
}
