package watch

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"evcp"
	"evcp/internal/explain"
	"evcp/internal/status"
)

// The lists of charge points.
const (
	cpsPath = "/api/v1/cps"
	cpPath  = "/api/v1/cps/{id}"
)

// further are the paths beside those that every program serves.
func (r *runner) further() []status.Route {
	return []status.Route{{Path: cpsPath, Handle: r.serveCPs}, {Path: cpPath, Handle: r.serveCP}}
}

// serveCPs answers with a page of the charge points, by id, that fit the filters.
func (r *runner) serveCPs(w http.ResponseWriter, request *http.Request) {
	q, ok := status.Query(w, request, "cursor", "limit", "site", "state")
	if !ok {
		return
	}
	limit, ok := status.PageSize(w, q)
	if !ok {
		return
	}
	states, ok := r.allowed(w, q, "state", stateNames())
	if !ok {
		return
	}
	sites, ok := r.allowed(w, q, "site", r.siteNames())
	if !ok {
		return
	}
	after := q.Get("cursor")
	if _, err := evcp.ParseCPID(after); after != "" && err != nil {
		status.WriteError(w, http.StatusBadRequest, "cursor can't be "+strconv.Quote(after)+": take next of the page before")
		return
	}
	status.WriteJSON(w, r.page(states, sites, after, limit))
}

// page is the charge points after an id that have one of the states and sites; nil: any.
func (r *runner) page(states, sites []string, after string, limit int) explain.CPList {
	now := time.Now()
	page := explain.CPList{Now: explain.MomentOf(now), ChargePoints: []explain.CPRow{}}
	for _, c := range r.sortedWatched() {
		if sites != nil && !slices.Contains(sites, c.policy.Site) {
			continue
		}
		if states != nil && !slices.Contains(states, r.box.State(c.cp).Shown(evcp.StampOf(now), c.policy.Interval).String()) {
			continue
		}
		page.Matching++
		switch n := len(page.ChargePoints); {
		case string(c.cp) <= after:
		case n < limit:
			page.ChargePoints = append(page.ChargePoints, r.row(c))
		case page.Next == nil:
			next := string(page.ChargePoints[n-1].CP)
			page.Next = &next
		}
	}
	return page
}

// maxAllowed values are named in an error.
const maxAllowed = 100

// allowed are the values of a parameter, separated by commas; nil without it.
func (r *runner) allowed(w http.ResponseWriter, q url.Values, name string, all []string) (values []string, ok bool) {
	if !q.Has(name) {
		return nil, true
	}
	for _, given := range q[name] {
		if slices.Contains(all, given) { // a site may have a comma in its name
			values = append(values, given)
			continue
		}
		for _, value := range strings.Split(given, ",") {
			if !slices.Contains(all, value) {
				status.WriteError(w, http.StatusBadRequest, name+" can't be "+strconv.Quote(value), all[:min(len(all), maxAllowed)]...)
				return nil, false
			}
			values = append(values, value)
		}
	}
	return values, true
}

func stateNames() (names []string) {
	for _, s := range shownStates {
		names = append(names, s.String())
	}
	return names
}

// serveCP answers with all that is known of one charge point.
func (r *runner) serveCP(w http.ResponseWriter, request *http.Request) {
	if _, ok := status.Query(w, request); !ok {
		return
	}
	id, err := evcp.ParseCPID(request.PathValue("id"))
	if err != nil {
		status.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	c, ok := r.find(id)
	if !ok {
		status.WriteError(w, http.StatusNotFound, "there is no charge point "+string(id)+" here; "+cpsPath+" lists those that are")
		return
	}
	status.WriteJSON(w, r.chargePointStatus(c, r.past(id)))
}
