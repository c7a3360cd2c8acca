package dashboard

import (
	"evcp/internal/notify"
)

// AlertSource is where the page's server reads how telling people goes on.
type AlertSource struct {
	Report  func() notify.AlertReport   // nil: nobody is told
	Deadman func() notify.DeadmanReport // nil: nobody is pinged
}

// alertsJSON is how telling people goes on; nil where nobody is told or pinged.
type alertsJSON struct {
	Incidents int            `json:"incidents"` // told, and not over
	Receivers []receiverJSON `json:"receivers"`
	DiskError string         `json:"disk_error"`        // "" while what waits is kept on disk
	Deadman   *deadmanJSON   `json:"deadman,omitempty"` // left out: nobody is pinged
}

// receiverJSON is one receiver of alerts. Only scheme and host may be shown.
type receiverJSON struct {
	Scheme       string  `json:"scheme"`
	Host         string  `json:"host"`
	Waiting      int     `json:"waiting"`
	FailingSince seconds `json:"failing_since"` // null: it does not fail
	LastError    string  `json:"last_error"`    // of the last attempt; "" if it worked
}

type deadmanJSON struct {
	Host     string  `json:"host"`
	Pinged   seconds `json:"pinged"`   // null: not since Central started
	Withheld string  `json:"withheld"` // why no ping is sent; "" while one is
	Error    string  `json:"error"`    // of the last ping; "" if it was answered
}

// json is the state of now.
func (a AlertSource) json() *alertsJSON {
	if a.Report == nil && a.Deadman == nil {
		return nil
	}
	out := &alertsJSON{Receivers: []receiverJSON{}}
	if a.Report != nil {
		r := a.Report()
		out.Incidents, out.DiskError = r.Incidents, r.DiskError
		for _, receiver := range r.Receivers {
			out.Receivers = append(out.Receivers, receiverJSON{receiver.Scheme, receiver.Host, receiver.Waiting, secondsOf(receiver.FailingSince), receiver.LastError})
		}
	}
	if a.Deadman != nil {
		r := a.Deadman()
		out.Deadman = &deadmanJSON{r.Host, secondsOf(r.Pinged), r.Withheld, r.Error}
	}
	return out
}
