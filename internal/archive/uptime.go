package archive

import (
	"context"
	"errors"
	"slices"
	"time"

	"evcp"
	"evcp/internal/history"
	"evcp/internal/ledger"
	"evcp/internal/sqlite"
)

// PortSelection is which ports a report is about; "" is any.
type PortSelection struct {
	CP   evcp.CPID
	Site string
}

// ErrNoPort is a PortSelection that fits none.
var ErrNoPort = errors.New("there is no such port")

// Uptime computes a report at the position. It reads the history of one port after the other:
// that of all may be large. ports nil: each charge point is one.
func (v *HistoryView) Uptime(ctx context.Context, q ledger.Question, ports []ledger.ChargingPort, only PortSelection, version string) (u ledger.Uptime, err error) {
	if q.Exclusions, err = v.Exclusions(); err != nil {
		return u, err
	}
	named := ports != nil
	if !named {
		cps, err := v.CPs()
		if err != nil {
			return u, err
		}
		for _, cp := range cps {
			ports = append(ports, ledger.PortOf(cp, ""))
		}
	}
	computed, added := q.Begin(), 0
	for _, p := range ports {
		if only.CP != "" && !slices.ContainsFunc(p.Lines, func(l ledger.PortLine) bool { return l.CP == only.CP }) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return u, err
		}
		known := ledger.PortHistory{}
		for _, l := range p.Lines {
			r, err := v.CP(l.CP)
			if err != nil {
				return u, err
			}
			known[l.CP] = ledger.WatchedCP{Segments: r.Segments(), Offline: history.OfflineOf(r.Numberings)}
			if !named {
				p.Site = history.SiteOf(r.Numberings)
			}
		}
		if only.Site == "" || p.Site == only.Site {
			computed.Add(p, known)
			added++
		}
	}
	if added == 0 && only != (PortSelection{}) {
		return u, ErrNoPort
	}
	u = computed.End(ledger.Inputs{Topic: v.Progress.Topic, Offsets: v.Progress.Next, Annotation: v.Annotation, Version: version})
	u.Notes = append(u.Notes, v.Notes()...)
	return u, nil
}

// Segments are those of the charge point.
func (r KeptHistory) Segments() []history.CPSegment { return history.Merge(r.Numberings, r.First) }

// Incidents are those of the charge point.
func (r KeptHistory) Incidents() []history.IncidentDetail {
	return history.Incidents(r.Numberings, r.First)
}

// Sites are where the charge points were last said to be; one that was never said to be
// anywhere is missing.
func (v *HistoryView) Sites() (map[evcp.CPID]string, error) {
	sites := map[evcp.CPID]string{}
	const list = `SELECT cp_id, site FROM elements WHERE kind = 'site' AND serial <= ? ORDER BY cp_id, from_at`
	return sites, v.db.Query(list, func(row *sqlite.Stmt) error {
		sites[evcp.CPID(row.ColumnText(0))] = row.ColumnText(1)
		return nil
	}, v.Progress.Serial)
}

// refreshAge is how old the last commit may be for who reads the history of a running Central.
const refreshAge = 2 * time.Second

// Refresh commits, unless the last commit is less than two seconds old.
func (a *Archive) Refresh() error {
	if time.Since(a.committed) < refreshAge {
		return nil
	}
	return a.Commit()
}
