package history

import (
	"time"

	"evcp"
)

// ElementKind says what an Element records.
type ElementKind string

const (
	// Begun: the first record of the numbering. From; Incident is the last known number of
	// the numbering before; Torn: what was before it is missing.
	Begun ElementKind = "begun"
	// Watch: countable checks that follow one another. FromSeq to ToSeq, From to To; Interval
	// and Timeout are those in force at the last; Torn: what follows the last is missing, or
	// the clock was set.
	Watch ElementKind = "watch"
	// Gap: FromSeq to ToSeq are missing, between the check at From and the one at To.
	Gap ElementKind = "gap"
	// Step: the clock was set by Span, between the check at From and the one at To. Incident
	// was open, and began at Since in the time before.
	Step ElementKind = "step"
	// DroppedOKs: FromSeq to ToSeq of numbering Of were plain OKs and nothing else.
	DroppedOKs ElementKind = "dropped"
	// Failed: Incident opened at To; its first failed check was at From.
	Failed ElementKind = "failed"
	// Told: Central has answered the report of Incident at To, after Span.
	Told ElementKind = "told"
	// Recovered: Incident closed at To, by the event ToSeq; its first failed check was at From. FailedChecks and
	// NotJudged are those of this numbering.
	Recovered ElementKind = "recovered"
	// EndUnseen: Incident was over when checks went on after something missing; From is the
	// last check before. A zero Incident is one that the numbering took over.
	EndUnseen ElementKind = "end unseen"
	// SiteNamed: from From on the charge point is at Site.
	SiteNamed ElementKind = "site"
	// Offline: Central did not answer the registration, From to To.
	Offline ElementKind = "offline"
)

// Element is a part of the history of one numbering. It never changes. Which fields it has
// is said by its kind.
type Element struct {
	Kind         ElementKind   `json:"kind"`
	Torn         bool          `json:"torn,omitempty"`
	Estimated    bool          `json:"estimated,omitempty"` // Watch: the interval is the median distance of checks
	FromSeq      uint64        `json:"from_seq,omitempty"`
	ToSeq        uint64        `json:"to_seq,omitempty"`
	From         evcp.Stamp    `json:"from,omitempty"`
	To           evcp.Stamp    `json:"to,omitempty"`
	Interval     time.Duration `json:"interval,omitempty"`
	Timeout      time.Duration `json:"timeout,omitempty"`
	Incident     evcp.EventID  `json:"incident,omitzero"`
	Cause        string        `json:"cause,omitempty"` // Failed
	Site         string        `json:"site,omitempty"`
	Since        evcp.Stamp    `json:"since,omitempty"`
	Span         time.Duration `json:"span,omitempty"`
	Of           int64         `json:"of,omitempty"`
	FailedChecks uint64        `json:"failed_checks,omitempty"`
	NotJudged    uint64        `json:"not_judged,omitempty"`
}

// limit is how far after the last check of a Watch another one follows it.
func (e Element) limit() time.Duration { return 3*e.Interval + e.Timeout }
