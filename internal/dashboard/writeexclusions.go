package dashboard

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/audit"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/operations"
	"evcp/internal/status"
)

const (
	exclusionsPath = "/api/v1/exclusions"
	withdrawPath   = exclusionsPath + "/{number}/withdraw"
)

// exclusionJSON is an outage that does not count, and who said so.
type exclusionJSON struct {
	ID        int64           `json:"id"`
	CP        evcp.CPID       `json:"cp_id,omitempty"`
	Site      string          `json:"site,omitempty"`
	From      rfcTime         `json:"from"`
	To        rfcTime         `json:"to"`
	Reason    string          `json:"reason"`
	Note      string          `json:"note"`
	Link      string          `json:"link"`
	Who       string          `json:"who"`
	Declared  rfcTime         `json:"declared"`
	Withdrawn *withdrawalJSON `json:"withdrawn"` // null: it counts
}

// withdrawalJSON takes an exclusion back.
type withdrawalJSON struct {
	ID   int64   `json:"id"`
	Who  string  `json:"who"`
	Note string  `json:"note"`
	Made rfcTime `json:"made"`
}

// exclusionsPage is a page of them, the newest first.
type exclusionsPage struct {
	Exclusions []exclusionJSON `json:"exclusions"`
	Next       *string         `json:"next"`
}

func jsonOfExclusion(n archive.Annotation) exclusionJSON {
	return exclusionJSON{
		ID: n.ID, CP: n.CP, Site: n.Site, From: rfcTime(n.From), To: rfcTime(n.To), Reason: string(n.Reason), Note: n.Note, Link: n.Link, Who: n.Who, Declared: rfcTime(n.Declared),
	}
}

func jsonOfWithdrawal(n archive.Annotation) *withdrawalJSON {
	return &withdrawalJSON{n.ID, n.Who, n.Note, rfcTime(n.Declared)}
}

func (d *Dashboard) serveExclusions(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
	limit, below, ok := newestFirst(w, r)
	if !ok {
		return
	}
	list, err := v.Annotations()
	if !answered(w, err) {
		return
	}
	withdrawn := map[int64]*withdrawalJSON{}
	page := exclusionsPage{Exclusions: []exclusionJSON{}}
	for _, n := range slices.Backward(list) {
		if n.Withdraws != 0 {
			withdrawn[n.Withdraws] = jsonOfWithdrawal(n)
			continue
		}
		if below != 0 && n.ID >= below {
			continue
		}
		if len(page.Exclusions) == limit {
			page.Next = numberText(page.Exclusions[limit-1].ID)
			break
		}
		one := jsonOfExclusion(n)
		one.Withdrawn = withdrawn[n.ID]
		page.Exclusions = append(page.Exclusions, one)
	}
	status.WriteJSON(w, page)
}

// newExclusionJSON is the body of a new exclusion.
type newExclusionJSON struct {
	CP     string  `json:"cp_id,omitempty"`
	Site   string  `json:"site,omitempty"`
	From   rfcTime `json:"from"`
	To     rfcTime `json:"to"`
	Reason string  `json:"reason"`
	Note   string  `json:"note"`
	Link   string  `json:"link,omitempty"`
}

// errReason is a reason that no exclusion has.
var errReason = operations.FieldError(operations.Fields.Reason, language.Coded("exclusion_reason"))

// annotation checks the body.
func (in newExclusionJSON) annotation() (n archive.Annotation, err error) {
	n.Exclusion = ledger.Exclusion{Site: in.Site, From: evcp.Stamp(in.From), To: evcp.Stamp(in.To), Reason: ledger.ExclusionReason(in.Reason), Note: in.Note, Link: in.Link}
	if in.CP != "" {
		if n.CP, err = ledger.ParseCP(in.CP); err != nil {
			return n, operations.FieldError(operations.Fields.CP, err)
		}
	}
	switch {
	case (n.CP == "") == (n.Site == ""):
		return n, operations.ErrWhat
	case n.From == 0 || n.From >= n.To:
		return n, operations.FieldError(operations.Fields.To, language.Coded("exclusion_times"))
	case !slices.Contains(ledger.ExclusionReasons, n.Reason):
		return n, errReason
	}
	return n, errors.Join(operations.CheckText(operations.Fields.Site, n.Site, operations.MaxWord, true),
		operations.CheckText(operations.Fields.Note, n.Note, operations.MaxText, false), operations.CheckText(operations.Fields.Link, n.Link, operations.MaxText-1, true))
}

func (d *Dashboard) exclude(w http.ResponseWriter, r *http.Request) {
	var in newExclusionJSON
	body, ok := readBody(w, r, &in)
	if !ok {
		return
	}
	n, err := in.annotation()
	if err != nil {
		writeFailure(w, err)
		return
	}
	d.annotate(w, r, body, http.StatusCreated, n)
}

// withdrawJSON is the body of a withdrawal.
type withdrawJSON struct {
	Note string `json:"note,omitempty"`
}

func (d *Dashboard) withdraw(w http.ResponseWriter, r *http.Request) {
	id, ok := pathNumber(w, r)
	if !ok {
		return
	}
	var in withdrawJSON
	body, ok := readBody(w, r, &in)
	if !ok {
		return
	}
	if err := operations.CheckText(operations.Fields.Note, in.Note, operations.MaxText, true); err != nil {
		writeFailure(w, err)
		return
	}
	d.annotate(w, r, body, http.StatusOK, archive.Annotation{Withdraws: id, Exclusion: ledger.Exclusion{Note: in.Note}})
}

// annotate adds an annotation to the history, and a line of it to the audit log. They are two
// files: where the process ends between the two, the line is missing, and the annotation says
// itself who made it and when. The history may make it wait, so it is no part of the change of
// board.db; one is added at a time, so that a request that is repeated meanwhile finds its answer.
func (d *Dashboard) annotate(w http.ResponseWriter, r *http.Request, body []byte, code int, n archive.Annotation) {
	if d.history == nil || d.history.Annotate == nil {
		status.WriteProblem(w, http.StatusNotFound, errNoHistory)
		return
	}
	k, ok := keyed(w, r, body)
	if !ok {
		return
	}
	select {
	case d.annotating <- struct{}{}:
		defer func() { <-d.annotating }()
	case <-r.Context().Done(): // nobody waits for the answer
		return
	}
	answer, known, err := d.accounts.Answered(k.by, k.key, k.text)
	if err == nil && known {
		w.Header().Set(replayedHeader, "true")
		writeAnswer(w, answer)
		return
	}
	if err == nil {
		err = d.CheckKnown(r.Context(), n.CP, n.Site)
	}
	if err == nil {
		n.Who, n.Declared = k.by.Name, evcp.StampOf(time.Now())
		n.ID, err = d.history.Annotate(r.Context(), n)
	}
	if err != nil {
		writeFailure(w, err)
		return
	}
	d.change(w, r, body, code, func(c *audit.BoardChange) (any, error) {
		if n.Withdraws != 0 {
			value := jsonOfWithdrawal(n)
			c.Line(audit.WithdrawExclusion, strconv.FormatInt(n.Withdraws, 10), nil, value)
			return value, nil
		}
		target := string(n.CP)
		if target == "" {
			target = "site " + n.Site
		}
		value := jsonOfExclusion(n)
		c.Line(audit.AddExclusion, target, nil, value)
		return value, nil
	})
}
