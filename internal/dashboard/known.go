package dashboard

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"evcp"
	"evcp/internal/language"
	"evcp/internal/operations"
)

// maxNamedSites is how many sites the answer to an unknown one names.
const maxNamedSites = 20

// UnknownError is a charge point or a site that a change is about and that nobody has heard of.
type UnknownError struct {
	*language.CodedError
	Sites []string // that are known, by name, at most maxNamedSites; nil for a charge point
}

// Error names it, and the sites that are known.
func (e *UnknownError) Error() string {
	if len(e.Sites) == 0 {
		return e.CodedError.Error()
	}
	return e.CodedError.Error() + "; there are " + strings.Join(e.Sites, ", ")
}

// Unwrap is the error without the sites.
func (e *UnknownError) Unwrap() error { return e.CodedError }

// CheckKnown returns an UnknownError for a charge point that never registered, and is not in the
// registry, the ports or the events; and for a site that neither the ports nor the events have.
// An empty name is not checked. The history is read only for a name that is known nowhere else.
func (d *Dashboard) CheckKnown(ctx context.Context, cp evcp.CPID, site string) error {
	if err := operations.CheckText(operations.Fields.Site, site, operations.MaxWord, true); err != nil {
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
		return &UnknownError{CodedError: language.Coded("unknown_cp", cp)}
	case !knowsSite && len(sites) == 0:
		return &UnknownError{CodedError: language.Coded("no_sites", strconv.Quote(site))}
	case !knowsSite:
		named := slices.Sorted(maps.Keys(sites))
		what := language.Coded("unknown_site", strconv.Quote(site))
		if len(named) > maxNamedSites {
			what = language.Coded("unknown_site_many", strconv.Quote(site), len(named), maxNamedSites)
			named = named[:maxNamedSites]
		}
		return &UnknownError{what, named}
	}
	return nil
}
